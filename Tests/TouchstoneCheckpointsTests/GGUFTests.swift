import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneFamilies
import TouchstoneGGUF
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

/// Models that transformers saved and llama.cpp converted (`Fixtures/make_gguf.py`).
private enum Converted {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/gguf")

  static let names = [
    "bloom", "falcon-40b", "falcon-7b", "gemma", "gemma2", "gemma3", "gpt2", "gpt_neox", "llama", "llama-3.1",
    "llama-bias", "llama-fused", "mistral", "mpt", "olmo2", "phi", "phi3", "qwen2", "qwen3", "starcoder2",
  ]

  static func checkpoints(_ name: String) throws -> (saved: Checkpoint, converted: Checkpoint) {
    let model = folder.appending(path: name)
    return (
      try Checkpoint(at: model), try Checkpoint(at: model.appending(path: "model.gguf"))
    )
  }
}

@Suite struct GGUFTests {
  @Test(.clause("FIL-24"), arguments: Converted.names)
  func aConvertedModelHasTheWeightsOfTheOneThatWasConverted(name: String) throws {
    let (saved, converted) = try Converted.checkpoints(name)
    #expect(converted.weights.values == saved.weights.values)
  }

  /// llama.cpp knows Mistral as Llama, and the factors of Llama 3.1 but not what they come from.
  @Test(.clause("FIL-24"), arguments: Converted.names.filter { $0 != "llama-3.1" })
  func aConvertedModelHasTheOperationsOfTheOneThatWasConverted(name: String) throws {
    let (saved, converted) = try Converted.checkpoints(name)
    #expect(converted.architecture.graph == saved.architecture.graph)
    #expect(
      converted.architecture.family.name == (name == "mistral" ? "llama" : saved.architecture.family.name))
  }

  @Test(.clause("FIL-24")) func theFactorsOfRotaryFrequenciesAreThoseThatTheFileHolds() throws {
    let (saved, converted) = try Converted.checkpoints("llama-3.1")
    let logits = try [saved, converted].map { checkpoint in
      let inputs = try Inputs(tokenIDs: [3, 1, 4, 1, 5, 9, 2, 6], graph: checkpoint.architecture.graph)
      var logits: [Double] = []
      try Executor(checkpoint.weights, inputs).run { activation, value in
        if activation == Activation(.logits) { logits = value.values }
      }
      return logits
    }
    let difference = zip(logits[0], logits[1]).map { abs($0 - $1) }.max() ?? .infinity
    #expect(difference > 0 && difference < 1e-5, "\(difference)")
  }

  @Test(.clause("FIL-25")) func blocksStandForTheNumbersOfTheirDefinition() throws {
    let file = try GGUFFile(Converted.folder.appending(path: "blocks.gguf"))
    let expected = try StoredFile(Converted.folder.appending(path: "blocks.safetensors"))
    #expect(Set(file.names) == Set(expected.tensors.keys) && file.names.count == 11)
    for name in file.names {
      let tensor = try #require(file.tensor(name))
      #expect(tensor.type == .float32 && tensor.shape == expected.tensors[name]?.shape)
      #expect(file.type(of: name)?.name == name)
      #expect(tensor.bytes == expected.tensors[name]?.bytes, "\(name)")
    }
  }

  @Test(.clause("FIL-25")) func numbersThatStandByThemselvesStayAsTheyAreStored() throws {
    let model = Converted.folder.appending(path: "llama/model.gguf")
    let types = try Checkpoint(at: model).weights.stored.mapValues(\.type)
    #expect(types["model.embed_tokens.weight"] == .float16)
    #expect(types["model.layers.0.self_attn.q_proj.weight"] == .float16)
    #expect(types["model.norm.weight"] == .float32)
  }

  // MARK: What converters do differently

  private func checkpoint(_ file: RawGGUF) throws -> Checkpoint {
    let folder = try TemporaryFolder()
    try file.data.write(to: folder.file("a.gguf"))
    return try Checkpoint(at: folder.file("a.gguf"))
  }

  private func refusal(_ file: RawGGUF) throws -> String {
    let error = #expect(throws: BadInput.self) { try checkpoint(file) }
    #expect(error?.remedy != nil && error?.file?.hasSuffix("a.gguf") == true)
    return error?.description ?? ""
  }

  @Test(.clause("FIL-24")) func aHeadThatRepeatsTheEmbeddingIsTied() throws {
    var file = SmallGGUF.gpt2()
    file.add("output.weight", [3, 4])
    #expect(try checkpoint(file).weights.stored["lm_head.weight"] == nil)
    file = SmallGGUF.gpt2()
    file.add("output.weight", 0, [4, 3], Data(count: 48))
    #expect(try checkpoint(file).weights.stored["lm_head.weight"] != nil)
  }

  @Test(.clause("FIL-24")) func aGainThatIsNoRaisedFloat32IsRefused() throws {
    var file = SmallGGUF.gemma()
    #expect(try checkpoint(file).weights.graph.layerCount == 1)
    file.tensors.removeAll { $0.name == "output_norm.weight" }
    let gains: [Float] = [1, 1e-9, 1, 1]
    file.add("output_norm.weight", 0, [4], gains.withUnsafeBytes { Data($0) })
    #expect(try refusal(file).contains("output_norm.weight: holds a gain that is not 1 and a float32 number"))
  }

  @Test(.clause("FIL-24")) func whatTheArchitectureDoesNotHaveIsRefusedByName() throws {
    var file = SmallGGUF.gpt2()
    file.add("blk.0.ffn_gate_exps.weight", [2, 4])
    #expect(try refusal(file).contains("blk.0.ffn_gate_exps.weight: is no tensor of gpt2"))
    file = SmallGGUF.gpt2()
    file.set("gpt2.attention.scale", RawGGUF.number(0.3))
    #expect(try refusal(file).contains("gpt2.attention.scale: may change the arithmetic"))
    file.set("gpt2.attention.scale", RawGGUF.number(0))
    #expect(throws: Never.self) { try checkpoint(file) }
    file.set("general.architecture", RawGGUF.string("mamba"))
    #expect(try refusal(file).contains("general.architecture: mamba is not supported; supported are llama"))
    file = SmallGGUF.gpt2()
    file.tensors.removeAll { $0.name == "blk.0.attn_norm.bias" }
    #expect(try refusal(file).contains("transformer.h.0.ln_1.bias: the tensor is missing"))
  }

  @Test func aFolderThatHoldsAGGUFFileNamesIt() throws {
    let folder = try TemporaryFolder()
    try SmallModel.write(nil, to: folder)
    try SmallGGUF.gpt2().data.write(to: folder.file("model.gguf"))
    let error = #expect(throws: BadInput.self) { try Checkpoint(at: folder.url) }
    #expect(error?.remedy == "give the file itself, \(folder.file("model.gguf").path)")
  }
}

/// The tensors of one safetensors file, through a model that is none.
private struct StoredFile {
  let tensors: [String: StoredTensor]

  init(_ file: URL) throws {
    let contents = try Data(contentsOf: file)
    let length = Int(contents.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) })
    let header = try #require(
      JSONSerialization.jsonObject(with: contents[8..<8 + length]) as? [String: [String: Any]])
    tensors = try header.filter { $0.key != "__metadata__" }.mapValues { entry in
      let offsets = try #require(entry["data_offsets"] as? [Int])
      return StoredTensor(
        type: .float32, shape: try #require(entry["shape"] as? [Int]),
        bytes: contents[8 + length + offsets[0]..<8 + length + offsets[1]])
    }
  }
}

/// Models of one block.
enum SmallGGUF {
  static func gpt2() -> RawGGUF {
    var file = metadata("gpt2")
    file.set("gpt2.attention.layer_norm_epsilon", RawGGUF.number(1e-5))
    file.add("token_embd.weight", [3, 4])
    file.add("position_embd.weight", [2, 4])
    for norm in ["output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"] {
      for part in ["weight", "bias"] { file.add("\(norm).\(part)", [4]) }
    }
    for (name, shape) in [
      ("attn_qkv", [12, 4]), ("attn_output", [4, 4]), ("ffn_up", [6, 4]), ("ffn_down", [4, 6]),
    ] {
      file.add("blk.0.\(name).weight", shape)
      file.add("blk.0.\(name).bias", [shape[0]])
    }
    return file
  }

  static func gemma() -> RawGGUF {
    var file = metadata("gemma")
    file.set("gemma.attention.layer_norm_rms_epsilon", RawGGUF.number(1e-6))
    file.add("token_embd.weight", [3, 4])
    for norm in ["output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"] {
      file.add("\(norm).weight", 0, [4], [Float](repeating: 1.5, count: 4).withUnsafeBytes { Data($0) })
    }
    for (name, shape) in [
      ("attn_q", [4, 4]), ("attn_k", [4, 4]), ("attn_v", [4, 4]), ("attn_output", [4, 4]),
      ("ffn_gate", [6, 4]),
      ("ffn_up", [6, 4]), ("ffn_down", [4, 6]),
    ] { file.add("blk.0.\(name).weight", shape) }
    return file
  }

  private static func metadata(_ architecture: String) -> RawGGUF {
    var file = RawGGUF()
    file.set("general.architecture", RawGGUF.string(architecture))
    for (key, value) in [
      ("embedding_length", 4), ("block_count", 1), ("feed_forward_length", 6), ("attention.head_count", 2),
      ("context_length", 2),
    ] { file.set("\(architecture).\(key)", RawGGUF.integer(value)) }
    return file
  }
}
