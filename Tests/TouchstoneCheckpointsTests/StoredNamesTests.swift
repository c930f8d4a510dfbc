import Foundation
import Testing
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneCheckpoints

/// The names under which wrappers, adapters and quantisers store a model.
@Suite struct StoredNamesTests {
  private func refusal(_ tensors: [String: StoredTensor]) throws -> BadInput {
    let folder = try TemporaryFolder()
    try SmallModel.write(tensors, to: folder)
    let error = #expect(throws: BadInput.self) { try folder.checkpoint() }
    return try #require(error)
  }

  private func renamed(_ rename: (String) -> String, tied: Bool = true) throws -> [String: StoredTensor] {
    Dictionary(uniqueKeysWithValues: try SmallModel.tensors(tied: tied).map { (rename($0), $1) })
  }

  @Test(
    .clause("FIL-1"),
    arguments: [
      "_orig_mod.", "module.", "module._orig_mod.", "model.", "base_model.model.", "student.",
      "_forward_module.",
      "a.b.c.d.",
    ], [true, false])
  func onePrefixBeforeAllNamesIsTakenOff(prefix: String, tied: Bool) throws {
    for root in ["", "transformer."] {
      let folder = try TemporaryFolder()
      let tensors = try renamed(
        { name in prefix + (root.isEmpty ? name.replacing("transformer.", with: "") : name) }, tied: tied)
      try SmallModel.write(tensors, tied: tied, to: folder)
      #expect(try folder.checkpoint().weights.values == SmallModel.weights(tied: tied).values, "\(root)")
    }
  }

  @Test(
    .clause("FIL-1"),
    arguments: [
      ("h.0.", "h.0._orig_mod."), ("h.0.", "_fsdp_wrapped_module.h.0._fsdp_wrapped_module."),
      ("mlp.", "mlp._checkpoint_wrapped_module."), ("transformer.", "transformer._orig_mod."),
    ])
  func wrappersInsideNamesAreTakenOut(part: String, wrapped: String) throws {
    let folder = try TemporaryFolder()
    try SmallModel.write(renamed { $0.replacing(part, with: wrapped) }, to: folder)
    #expect(try folder.checkpoint().weights.values == SmallModel.weights().values)
  }

  @Test(.clause("FIL-1")) func tensorsOutsideThePrefixAreNotTheModels() throws {
    let folder = try TemporaryFolder()
    var tensors = try renamed { "policy." + $0 }
    tensors["value_head.weight"] = StoredTensor(Tensor<Float>(repeating: 0, shape: [1, 2]))
    try SmallModel.write(tensors, to: folder)
    #expect(try folder.checkpoint().weights.values == SmallModel.weights().values)
  }

  @Test(.clause("FIL-3")) func aModelThatStandsThereTwiceIsRefused() throws {
    var tensors = try renamed { "student." + $0 }
    tensors.merge(try renamed { "teacher." + $0 }) { first, _ in first }
    let error = try refusal(tensors)
    #expect(error.problem == "the model stands there under each of the prefixes student., teacher.")
  }

  /// What stands in place of the tensors, for layers in general and for the first alone.
  @Test(
    .clause("FIL-3"),
    arguments: [
      (
        "c_attn.", "c_attn.base_layer.", "c_attn.base_layer.weight: an adapter is attached",
        "merge it into the model"
      ),
      ("mlp.c_fc.", "mlp.c_fc.base_layer.", "mlp.c_fc.base_layer.weight: an adapter is attached", "merge it"),
      (
        "c_fc.weight", "c_fc.original_module.weight", "c_fc.original_module.weight: an adapter is attached",
        "merge it"
      ),
      (
        "c_attn.weight", "c_attn.qweight", "c_attn.qweight: quantised weights are not read",
        "dequantise the model"
      ),
      (
        "c_proj.weight", "c_proj.weight_packed", "c_proj.weight_packed: quantised weights",
        "dequantise the model"
      ),
      (
        "c_fc.weight", "c_fc.inner.weight", "the file has transformer.h.0.mlp.c_fc.inner.weight",
        "save the plain model"
      ),
      (
        "c_fc.weight", "c_fc.parametrizations.weight.original0",
        "the file has transformer.h.0.mlp.c_fc.parametrizations.weight.original0", "save the plain model"
      ),
      ("ln_1.weight", "ln_1.gamma", "the file has transformer.h.0.ln_1.gamma", "save the plain model"),
    ])
  func whatStandsInPlaceOfATensorIsNamed(part: String, other: String, problem: String, remedy: String) throws
  {
    let error = try refusal(renamed { $0.replacing(part, with: other) })
    #expect(error.problem.hasPrefix("the tensor is missing"))
    #expect(error.problem.contains(problem), "\(error)")
    #expect(error.remedy?.hasPrefix(remedy) == true || error.remedy?.contains(remedy) == true, "\(error)")
    #expect(error.file != nil)
  }

  /// Under a prefix too, where a quantiser has left fewer than half of the tensors under their names.
  @Test(.clause("FIL-3"), arguments: ["module.", "base_model.model.", "_orig_mod."])
  func quantisedWeightsAreNamedUnderAPrefix(prefix: String) throws {
    let error = try refusal(
      renamed { name in
        let isQuantised = name.contains(".attn.") || name.contains(".mlp.") || name.contains(".ln_1.")
        let other = name.replacing(".weight", with: ".qweight").replacing(".bias", with: ".scales")
        return prefix + (isQuantised ? other : name)
      })
    #expect(error.place == "transformer.h.0.ln_1.weight")
    let part = "the file has transformer.h.0.ln_1.scales: quantised weights are not read"
    #expect(error.problem.hasSuffix(part), "\(error)")
  }

  @Test(.clause("FIL-3")) func allMissingTensorsAreCountedAndTheFirstNamed() throws {
    var tensors = try SmallModel.tensors()
    for name in ["ln_1.weight", "ln_1.bias", "ln_2.weight", "ln_2.bias", "mlp.c_fc.bias", "attn.c_attn.bias"]
    {
      tensors["transformer.h.0." + name] = nil
    }
    let error = try refusal(tensors)
    #expect(error.place == "transformer.h.0.ln_1.weight")
    #expect(
      error.problem == "the tensor is missing, and so are 5 others: transformer.h.0.ln_1.bias, "
        + "transformer.h.0.attn.c_attn.bias, transformer.h.0.ln_2.weight, transformer.h.0.ln_2.bias and 1 more"
    )
    #expect(error.remedy == "check that the checkpoint is whole")
  }

  @Test(.clause("FIL-3")) func allMisshapenAndLeftOverTensorsAreNamed() throws {
    var tensors = try SmallModel.tensors()
    tensors["transformer.wpe.weight"] = StoredTensor(Tensor<Float>(repeating: 0, shape: [2, 3]))
    tensors["transformer.ln_f.bias"] = StoredTensor(Tensor<Float>(repeating: 0, shape: [3]))
    var error = try refusal(tensors)
    #expect(error.place == "transformer.wpe.weight")
    #expect(
      error.problem
        == "has the shape [2, 3] where config.json asks for [2, 2], and wrong in shape is another: "
        + "transformer.ln_f.bias")
    tensors = try SmallModel.tensors()
    for name in ["h.1.ln_1.weight", "h.1.ln_1.bias"] {
      tensors["transformer." + name] = StoredTensor(Tensor<Float>(repeating: 0, shape: [2]))
    }
    error = try refusal(tensors)
    #expect(
      error.problem == "belongs to no operation of the model, and left over is another: "
        + "transformer.h.1.ln_1.weight")
  }

  /// What removes shared tensors keeps the name that comes first.
  @Test(.clause("FIL-3"), arguments: ["", "module.", "base_model.model."])
  func ofATiedTensorEitherNameIsEnough(prefix: String) throws {
    let folder = try TemporaryFolder()
    let tensors = try renamed { prefix + ($0 == "transformer.wte.weight" ? "lm_head.weight" : $0) }
    #expect(tensors[prefix + "lm_head.weight"] != nil)
    try SmallModel.write(tensors, to: folder)
    #expect(try folder.checkpoint().weights.values == SmallModel.weights().values)
    try SmallModel.write(tensors, tied: false, to: folder)
    let error = #expect(throws: BadInput.self) { try folder.checkpoint() }
    #expect(error?.place == "transformer.wte.weight")
  }

  @Test(.clause("FIL-3"), arguments: ["bias", "weight_scale"], [true, false])
  func whatElseStandsInTheHeadIsRefused(name: String, tied: Bool) throws {
    let folder = try TemporaryFolder()
    var tensors = try SmallModel.tensors(tied: tied)
    tensors["lm_head." + name] = StoredTensor(Tensor<Float>(repeating: 0, shape: [3]))
    try SmallModel.write(tensors, tied: tied, to: folder)
    let error = #expect(throws: BadInput.self) { try folder.checkpoint() }
    #expect(error?.place == "lm_head." + name)
    #expect(error?.problem == "belongs to no operation of the model")
  }

  @Test(.clause("FIL-3")) func anAdapterAloneIsNamed() throws {
    let name = "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight"
    let error = try refusal([name: StoredTensor(Tensor<Float>(repeating: 0, shape: [1, 2]))])
    #expect(error.problem.hasSuffix("the file has \(name): an adapter is attached"), "\(error)")
    #expect(error.remedy?.hasPrefix("merge it into the model") == true)
  }

  // MARK: Files that are not what they seem

  @Test(.clause("FIL-1"), arguments: ["config.json", "model.safetensors", "model.safetensors.index.json"])
  func aGitLFSPointerIsNamed(name: String) throws {
    let folder = try TemporaryFolder()
    try SmallModel.write(name.hasSuffix("index.json") ? nil : SmallModel.tensors(), to: folder)
    try folder.write("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3506088\n", to: name)
    let error = #expect(throws: BadInput.self) { try folder.checkpoint() }
    #expect(error?.file == folder.file(name).path)
    #expect(error?.problem == "is a Git LFS pointer, not the file itself")
    #expect(error?.remedy?.contains("git lfs pull") == true)
  }

  @Test(.clause("FIL-1")) func aByteOrderMarkBeforeJSONIsSkipped() throws {
    let folder = try TemporaryFolder()
    try SmallModel.write(SmallModel.tensors(), to: folder)
    try folder.write("\u{FEFF}" + SmallModel.configuration().huggingFaceJSON, to: "config.json")
    #expect(try folder.checkpoint().weights.values == SmallModel.weights().values)
    try Data([0xFE, 0xFF, 0x00, 0x7B]).write(to: folder.file("config.json"))
    let error = #expect(throws: BadInput.self) { try folder.checkpoint() }
    #expect(error?.problem == "begins with the byte order mark of UTF-16")
    #expect(error?.file == folder.file("config.json").path)
  }

  @Test func aByteOrderMarkInAHeaderIsNoHeader() throws {
    let folder = try TemporaryFolder()
    try SmallModel.write(nil, to: folder)
    try RawSafetensors.file(header: "\u{FEFF}{}").write(to: folder.file("model.safetensors"))
    let error = #expect(throws: BadInput.self) { try folder.checkpoint() }
    #expect(error?.problem == "begins with a byte order mark")
  }
}
