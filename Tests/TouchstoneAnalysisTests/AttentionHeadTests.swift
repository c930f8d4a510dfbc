import Testing
import TouchstoneAnalysis
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference

@Suite struct AttentionHeadTests {
  /// Each head has its own weights, those of the block that was asked for.
  @Test func aHeadsWeightsAreItsOwn() throws {
    let configuration = try Configuration(
      vocabularySize: 11, contextLength: 6, width: 12, layerCount: 2, headCount: 3)
    let weights = try TestWeights.random(configuration, seed: 4)
    let inputs = try Inputs(tokenIDs: [3, 1, 4, 1, 5], configuration: configuration)
    let reference = ReferenceTransformer(weights)
    let whole = try RecordedActivations(of: reference, inputs: inputs)
    for layer in 0..<2 {
      let pattern = try AttentionPattern(of: reference, inputs: inputs, layer: layer)
      let wanted = try #require(whole.tensors[Activation(.attentionProbabilities, layer: layer)])
      #expect(pattern.layer == layer && pattern.headCount == 3 && pattern.probabilities == wanted)
      for head in 0..<3 {
        let one = pattern.head(head)
        #expect(one.shape == [5, 5])
        for query in 0..<5 {
          for key in 0..<5 { #expect(one[query, key] == wanted[head, query, key]) }
        }
      }
    }
    for layer in [-1, 2] {
      #expect(throws: BadInput.self) { try AttentionPattern(of: reference, inputs: inputs, layer: layer) }
    }
  }
}
