import Foundation
import Testing
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneTestSupport

@Suite struct GPT2WeightsTests {
  private static func configuration(tied: Bool = true) throws -> Configuration {
    try Configuration(
      vocabularySize: 3, contextLength: 2, width: 2, layerCount: 2, headCount: 1, feedForwardWidth: 3,
      tiesEmbeddings: tied)
  }

  private static func tensors(_ configuration: Configuration) -> [String: StoredTensor] {
    var next: Float = 0
    return Dictionary(
      uniqueKeysWithValues: configuration.parameters.map { parameter in
        next += 1
        return (parameter.name, StoredTensor(Tensor<Float>(repeating: next, shape: parameter.shape)))
      })
  }

  private func refusal(_ tensors: [String: StoredTensor], tied: Bool = true) throws -> BadInput? {
    let configuration = try Self.configuration(tied: tied)
    return #expect(throws: BadInput.self) { try Weights(configuration: configuration, tensors: tensors) }
  }

  @Test(.clause("UNE-3"), arguments: [false, true])
  func theOrderOfParametersIsHuggingFaces(tied: Bool) throws {
    let names = try Self.configuration(tied: tied).parameters.map(\.name)
    #expect(names.count == (tied ? 28 : 29))
    #expect(
      names.prefix(6) == [
        "transformer.wte.weight", "transformer.wpe.weight", "transformer.h.0.ln_1.weight",
        "transformer.h.0.ln_1.bias", "transformer.h.0.attn.c_attn.weight", "transformer.h.0.attn.c_attn.bias",
      ])
    #expect(names[14] == "transformer.h.1.ln_1.weight")
    #expect(names[27] == "transformer.ln_f.bias")
    #expect(tied || names[28] == "lm_head.weight")
  }

  @Test(.clause("FIL-3")) func aMissingTensorIsNamed() throws {
    let configuration = try Self.configuration(tied: false)
    for parameter in configuration.parameters {
      var tensors = Self.tensors(configuration)
      tensors[parameter.name] = nil
      let error = try refusal(tensors, tied: false)
      #expect(error?.place == parameter.name)
    }
  }

  @Test(.clause("FIL-3", "EMB-6")) func aTensorOfTheWrongShapeIsNamed() throws {
    let configuration = try Self.configuration()
    for parameter in configuration.parameters {
      var tensors = Self.tensors(configuration)
      let shape = [1] + parameter.shape
      tensors[parameter.name] = StoredTensor(Tensor<Float>(repeating: 0, shape: shape))
      let error = try refusal(tensors)
      #expect(error?.place == parameter.name)
    }
  }

  @Test(.clause("FIL-3")) func namesWithoutTheirPrefixAndStrayBuffersAreTaken() throws {
    let configuration = try Self.configuration()
    var tensors = [String: StoredTensor]()
    for (name, tensor) in Self.tensors(configuration) {
      tensors[String(name.dropFirst("transformer.".count))] = tensor
    }
    tensors["h.0.attn.bias"] = StoredTensor(Tensor<Float>(repeating: 1, shape: [1, 1, 2, 2]))
    tensors["transformer.h.1.attn.masked_bias"] = StoredTensor(Tensor<Float>(repeating: -1e4, shape: []))
    tensors["score.weight"] = StoredTensor(Tensor<Float>(repeating: 1, shape: [2, 2]))
    let weights = try Weights(configuration: configuration, tensors: tensors)
    #expect(weights.stored.count == 28)
    #expect(weights.float32(configuration.parameter(.attentionOutputBias, layer: 1)).values == [20, 20])
  }

  @Test(.clause("FIL-3")) func aTensorWithAndWithoutItsPrefixIsRefused() throws {
    var tensors = Self.tensors(try Self.configuration())
    tensors["wpe.weight"] = tensors["transformer.wpe.weight"]
    let error = try refusal(tensors)
    #expect(error?.place == "transformer.wpe.weight")
  }

  @Test(arguments: [
    "transformer.h.2.ln_1.weight", "h.2.attn.c_attn.bias", "transformer.h.0.crossattention.bias",
  ])
  func aTensorOfNoKnownRoleIsRefused(name: String) throws {
    var tensors = Self.tensors(try Self.configuration())
    tensors[name] = StoredTensor(Tensor<Float>(repeating: 0, shape: [2]))
    let error = try refusal(tensors)
    #expect(error?.place == (name.hasPrefix("h.") ? "transformer." + name : name))
  }

  @Test(.clause("UNE-5")) func aTiedHeadMayBeStoredTooIfItIsTheSame() throws {
    let configuration = try Self.configuration()
    var tensors = Self.tensors(configuration)
    tensors["lm_head.weight"] = tensors["transformer.wte.weight"]
    #expect(throws: Never.self) { try Weights(configuration: configuration, tensors: tensors) }
    tensors["lm_head.weight"] = StoredTensor(Tensor<Float>(repeating: 0.5, shape: [3, 2]))
    let error = try refusal(tensors)
    #expect(error?.description.contains("tie_word_embeddings") == true)
  }

  @Test(.clause("NUM-2", "FIL-5")) func float64WeightsAreRoundedToFloat32First() throws {
    let configuration = try Self.configuration()
    var tensors = Self.tensors(configuration)
    let values = [1 / 3.0, 0.1, -2.0, 1e-50, 1 + 0x1p-30, 7]
    tensors["transformer.wte.weight"] = StoredTensor(
      type: .float64, shape: [3, 2], bytes: values.withUnsafeBytes { Data($0) })
    let weights = try Weights(configuration: configuration, tensors: tensors)
    let parameter = configuration.parameter(.tokenEmbedding)
    #expect(weights.float64(parameter).values == values.map { Double(Float($0)) })
    #expect(weights.float64(parameter).values == weights.float32(parameter).values.map(Double.init))
  }
}
