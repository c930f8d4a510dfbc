import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneTestSupport

@Suite struct CheckpointTests {
  private static let models = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../golden/models").standardizedFileURL

  @Test(.clause("FIL-1")) func theTrainedModelIsRead() throws {
    let checkpoint = try Checkpoint(directory: Self.models.appendingPathComponent("shakespeare-gpt2"))
    #expect(
      try checkpoint.configuration
        == Configuration(
          vocabularySize: 512, contextLength: 128, width: 128, layerCount: 4, headCount: 4))
    #expect(checkpoint.architecture.graph.parameterCount == 875_264)
    #expect(checkpoint.weights.stored.count == 52)
    for parameter in checkpoint.architecture.graph.parameters {
      let isFinite = checkpoint.weights.float32(parameter).values.allSatisfy(\.isFinite)
      #expect(isFinite, "\(parameter)")
    }
  }

  @Test func theOddModelIsRead() throws {
    let checkpoint = try Checkpoint(directory: Self.models.appendingPathComponent("gpt2-odd-a"))
    #expect(try checkpoint.configuration.headWidth == 7)
    #expect(checkpoint.weights.stored.count == 40)
  }

  @Test(.clause("FIL-5"), arguments: ScalarType.allCases)
  func everyTypeIsReadExactly(type: ScalarType) throws {
    let folder = try TemporaryFolder()
    let tensors = try SmallModel.tensors(as: type)
    try SmallModel.write(tensors, to: folder)
    let weights = try folder.checkpoint().weights
    for (parameter, stored) in weights.stored {
      #expect(stored.type == type)
      #expect(stored.float32() == tensors[parameter]?.float32())
    }
  }

  @Test func namesWithoutPrefixMixedTypesAndStrayBuffersAreRead() throws {
    let folder = try TemporaryFolder()
    var raw = RawSafetensors()
    for (index, (name, tensor)) in try SmallModel.tensors().sorted(by: { $0.key < $1.key }).enumerated() {
      let type = index % 2 == 0 ? ScalarType.float32 : .float64
      raw.add(
        String(name.dropFirst("transformer.".count)), type == .float32 ? "F32" : "F64", tensor.shape,
        tensor.converted(to: type).bytes)
    }
    raw.add("h.0.attn.bias", "BOOL", [1, 1, 2, 2], Data(count: 4))
    raw.add("h.0.attn.masked_bias", "F32", [], Data(count: 4))
    raw.add("position_ids", "I64", [2], Data(count: 16))
    raw.add("score.weight", "F32", [2, 0], Data())
    raw.add("counts", "U8", [3], Data(count: 3))
    try SmallModel.write(nil, to: folder)
    try raw.data.write(to: folder.file("model.safetensors"))
    #expect(try folder.checkpoint().weights.values == SmallModel.weights().values)
  }

  @Test func aSeparateHeadIsRead() throws {
    let folder = try TemporaryFolder()
    try SmallModel.write(SmallModel.tensors(tied: false), tied: false, to: folder)
    let checkpoint = try folder.checkpoint()
    #expect(try checkpoint.configuration.unembeddingParameter.name == "lm_head.weight")
    #expect(checkpoint.weights.values == (try SmallModel.weights(tied: false)).values)
  }

  @Test(arguments: ["I32", "U8", "BOOL", "F8_E4M3", "C64"])
  func aNeededTensorOfAnotherTypeIsRefusedByName(type: String) throws {
    let folder = try TemporaryFolder()
    var raw = RawSafetensors()
    let byteCount = ["I32": 4, "C64": 8][type] ?? 1
    for (name, tensor) in try SmallModel.tensors() {
      if name == "transformer.h.0.mlp.c_fc.weight" {
        raw.add(name, type, tensor.shape, Data(count: 6 * byteCount))
      } else {
        raw.add(name, "F32", tensor.shape, tensor.bytes)
      }
    }
    try SmallModel.write(nil, to: folder)
    try raw.data.write(to: folder.file("model.safetensors"))
    let error = #expect(throws: BadInput.self) { try folder.checkpoint() }
    #expect(error?.place == "transformer.h.0.mlp.c_fc.weight")
    #expect(error?.description.contains("has the type \(type), which is not supported") == true)
  }

  @Test func anErrorInATensorNamesItsFile() throws {
    let folder = try TemporaryFolder()
    var tensors = try SmallModel.tensors()
    tensors["transformer.wpe.weight"] = StoredTensor(Tensor<Float>(repeating: 0, shape: [2, 3]))
    try SmallModel.write(tensors, to: folder)
    let error = #expect(throws: BadInput.self) { try folder.checkpoint() }
    #expect(error?.file == folder.file("model.safetensors").path)
    #expect(error?.place == "transformer.wpe.weight")
  }

  @Test func aMoreLayeredConfigurationNamesTheFirstMissingTensor() throws {
    let folder = try TemporaryFolder()
    try SmallModel.write(SmallModel.tensors(), to: folder)
    let text = try SmallModel.configuration().huggingFaceJSON
      .replacingOccurrences(of: "\"n_layer\": 1", with: "\"n_layer\": 1000")
    try folder.write(text, to: "config.json")
    let error = #expect(throws: BadInput.self) { try folder.checkpoint() }
    #expect(error?.place == "transformer.h.1.ln_1.weight")
  }

  @Test func whatIsReleasedCanBeReadAgain() throws {
    let weights = try Checkpoint(directory: Self.models.appendingPathComponent("shakespeare-gpt2")).weights
    for parameter in weights.graph.parameters {
      let before = weights.float32(parameter)
      try #require(weights.stored[parameter.name]).release()
      #expect(weights.float32(parameter) == before)
    }
    let inMemory = StoredTensor(Tensor<Float>(repeating: 7, shape: [1 << 16]))
    inMemory.release()
    #expect(inMemory.float32().values.allSatisfy { $0 == 7 })
  }

  #if os(Linux)
    @Test func theFileIsMappedWhileATensorOfItLivesAndNoLonger() throws {
      let folder = try TemporaryFolder()
      try SmallModel.write(SmallModel.tensors(), to: folder)
      let path = folder.file("model.safetensors").path
      func isMapped() throws -> Bool {
        let maps = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/self/maps")).readToEnd()
        return String(decoding: maps ?? Data(), as: UTF8.self).contains(path)
      }
      var checkpoint: Checkpoint? = try folder.checkpoint()
      #expect(try isMapped())
      var tensor = checkpoint?.weights.stored["transformer.ln_f.bias"]
      checkpoint = nil
      #expect(try isMapped())
      #expect(tensor?.float32().count == 2)
      tensor = nil
      #expect(try !isMapped())
    }
  #endif
}
