import Foundation
import Testing
import TouchstoneAnalysis
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

@Suite struct ParameterCensusTests {
  static let gpt3 = (vocabulary: 50257, context: 2048, width: 12288, layers: 96, heads: 96)

  private func gpt3(tied: Bool) throws -> ParameterCensus {
    let shape = Self.gpt3
    return try ParameterCensus(
      Configuration(
        vocabularySize: shape.vocabulary, contextLength: shape.context, width: shape.width,
        layerCount: shape.layers, headCount: shape.heads, tiesEmbeddings: tied))
  }

  @Test func gpt3HasTheKnownFamilies() throws {
    let families = try gpt3(tied: true).matrices
    let found = families.map { "\($0.name) \($0.shape ?? []) \($0.tensors) \($0.weights)" }
    #expect(
      found == [
        "embedding [50257, 12288] 1 617558016",
        "key [12288, 128] 9216 14495514624",
        "query [12288, 128] 9216 14495514624",
        "value [12288, 128] 9216 14495514624",
        "output [12288, 12288] 96 14495514624",
        "up-projection [12288, 49152] 96 57982058496",
        "down-projection [49152, 12288] 96 57982058496",
        "unembedding [50257, 12288] 1 617558016",
      ])
  }

  @Test(arguments: [true, false])
  func gpt3HasTheKnownTotals(tied: Bool) throws {
    let census = try gpt3(tied: tied)
    #expect(census.matrixCount == 27938)
    #expect(census.matrixWeights == 175_181_291_520)
    #expect(census.weights == 175_221_817_344)
    #expect(census.tiedWeights == 174_604_259_328)
    #expect(census.storedWeights == (tied ? 174_604_259_328 : 175_221_817_344))
  }

  @Test(arguments: [
    (1, 1, 1, 1, 1, 1), (512, 128, 128, 4, 4, 512), (101, 19, 35, 3, 5, 140), (97, 17, 37, 2, 1, 41),
    (3, 11, 10, 2, 10, 7),
  ])
  func whatIsStoredIsTheSumOverTheTensorsOfACheckpoint(
    vocabulary: Int, context: Int, width: Int, layers: Int, heads: Int, inner: Int
  ) throws {
    for tied in [true, false] {
      let configuration = try Configuration(
        vocabularySize: vocabulary, contextLength: context, width: width, layerCount: layers,
        headCount: heads,
        feedForwardWidth: inner, tiesEmbeddings: tied)
      let tensors = configuration.parameters.map { $0.shape.reduce(1, *) }
      #expect(ParameterCensus(configuration).storedWeights == tensors.reduce(0, +))
    }
  }

  @Test func theLargestConfigurationIsCountedToo() throws {
    // A tensor has at most 2⁴⁰ elements; query, key and value stand in one of 3·D².
    let (width, extent) = (1 << 19, 1 << 21)
    let configuration = try Configuration(
      vocabularySize: extent, contextLength: extent, width: width,
      layerCount: Configuration.greatestLayerCount, headCount: width, feedForwardWidth: extent,
      tiesEmbeddings: false)
    let tensors = configuration.parameters.map { $0.shape.reduce(1, *) }
    #expect(ParameterCensus(configuration).storedWeights == tensors.reduce(0, +))
  }

  /// Keys and values have fewer heads than queries, and the feed-forward block a third matrix.
  @Test(arguments: [true, false])
  func aModelOfAnotherFamilyIsCountedByItsGraph(isTied: Bool) throws {
    let config = """
      {"model_type": "llama", "vocab_size": 7, "hidden_size": 6, "num_hidden_layers": 2, "num_attention_heads": 3,
       "num_key_value_heads": 1, "intermediate_size": 5, "attention_bias": true, "tie_word_embeddings": \(isTied)}
      """
    let graph = try Architecture(huggingFaceJSON: Data(config.utf8), file: "config.json").graph
    let census = ParameterCensus(graph)
    let found = (census.matrices + census.others).map {
      "\($0.name) \($0.shape ?? []) \($0.tensors) \($0.weights)"
    }
    #expect(
      found == [
        "embedding [7, 6] 1 42", "key [6, 2] 2 24", "query [6, 2] 6 72", "value [6, 2] 2 24",
        "output [6, 6] 2 72", "gate-projection [6, 5] 2 60", "up-projection [6, 5] 2 60",
        "down-projection [5, 6] 2 60", "unembedding [7, 6] 1 42",
        "biases [] 8 32", "RMSNorms [] 5 30",
      ])
    #expect(census.storedWeights == graph.parameterCount && census.tiesEmbeddings == isTied)
    #expect(census.storedWeights == (isTied ? census.tiedWeights : census.weights))
  }

  /// One table for both stacks is counted once, biases by distance are positions; words are those of the stack that makes
  /// logits.
  @Test(arguments: ["t5", "bart", "marian"])
  func aTableOfTwoStacksIsCountedOnce(family: String) throws {
    let config = """
      {"model_type": "\(family)", "vocab_size": 7, "d_model": 6, "num_layers": 1, "num_heads": 2, "d_kv": 3, "d_ff": 5,
       "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 3,
       "encoder_ffn_dim": 5, "decoder_ffn_dim": 4, "share_encoder_decoder_embeddings": \(family != "marian"),
       "decoder_vocab_size": 9}
      """
    let architecture = try Architecture(huggingFaceJSON: Data(config.utf8), file: "config.json")
    let census = ParameterCensus(architecture.graph)
    #expect(census.matrices[0].tensors == (family == "marian" ? 2 : 1))
    #expect(census.others[0].name == (family == "marian" ? "biases" : "position embedding"))
    #expect(census.storedWeights == architecture.graph.parameterCount)
    #expect(census.storedWeights == census.tiedWeights)
    let tensors = architecture.graph.parameters.map {
      ($0.name, StoredTensor(Tensor(repeating: Float(1), shape: $0.shape)))
    }
    let weights = try Weights(
      graph: architecture.graph, names: architecture.family.tensors,
      tensors: Dictionary(uniqueKeysWithValues: tensors))
    #expect(try EmbeddingSpace(weights).count == (family == "marian" ? 9 : 7))
  }
}
