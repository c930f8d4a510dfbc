import Testing
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneProperties
import TouchstoneReference
import TouchstoneTestSupport

/// What a forward pass accepts, and that every small shape works.
@Suite struct InputTests {
  private func configuration(vocabulary: Int = 5, context: Int = 4) throws -> Configuration {
    try Configuration(
      vocabularySize: vocabulary, contextLength: context, width: 2, layerCount: 1, headCount: 1)
  }

  @Test(.clause("EMB-4"), arguments: [-1, 5, 6, Int.max, Int.min], 0..<3)
  func anIDOutsideTheVocabularyIsRefusedWhereverItStands(id: Int, place: Int) throws {
    var ids = [0, 1, 4]
    ids[place] = id
    let configuration = try configuration()
    let error = #expect(throws: BadInput.self) { try Inputs(tokenIDs: ids, configuration: configuration) }
    #expect(error?.description.contains("\(id)") == true)
  }

  @Test(.clause("POS-4"), arguments: [-1, 4, Int.max, Int.min])
  func aPositionOutsideTheContextIsRefused(position: Int) throws {
    let configuration = try configuration()
    #expect(throws: BadInput.self) {
      try Inputs(tokenIDs: [0, 1], positionIDs: [0, position], configuration: configuration)
    }
    #expect(
      try Inputs(tokenIDs: [0, 1], positionIDs: [3, 0], configuration: configuration).positionIDs == [3, 0])
  }

  @Test(.clause("EMB-5", "POS-5", "GEN-8"), arguments: 1...4)
  func aSequenceHasOneTokenAtLeastAndTheContextAtMost(context: Int) throws {
    let configuration = try configuration(context: context)
    for count in [0, context + 1, context + 2] {
      #expect(throws: BadInput.self) {
        try Inputs(tokenIDs: [Int](repeating: 0, count: count), configuration: configuration)
      }
    }
    for count in 1...context {
      let inputs = try Inputs(tokenIDs: [Int](repeating: 0, count: count), configuration: configuration)
      #expect(inputs.count == count && inputs.positionIDs == Array(0..<count))
    }
  }

  @Test(.clause("POS-8"), arguments: [0, 1, 3])
  func positionsAndMaskHaveOneEntryForEachToken(count: Int) throws {
    let configuration = try configuration()
    #expect(throws: BadInput.self) {
      try Inputs(
        tokenIDs: [0, 1], positionIDs: [Int](repeating: 0, count: count), configuration: configuration)
    }
    #expect(throws: BadInput.self) {
      try Inputs(
        tokenIDs: [0, 1], attentionMask: [Bool](repeating: true, count: count), configuration: configuration)
    }
  }

  @Test(
    .clause("ATT-3"),
    arguments: [(35, 5, 7), (8, 8, 1), (7, 1, 7), (1, 1, 1), (6, 4, 0), (5, 3, 0), (2, 3, 0)])
  func headsDivideTheWidthOrTheConfigurationIsRefused(width: Int, heads: Int, headWidth: Int) throws {
    func make() throws -> Configuration {
      try Configuration(vocabularySize: 1, contextLength: 1, width: width, layerCount: 1, headCount: heads)
    }
    if headWidth > 0 {
      #expect(try make().headWidth == headWidth)
    } else {
      #expect(throws: BadInput.self) { try make() }
    }
  }

  @Test(.clause("EMB-8", "RES-8", "EMB-6"), arguments: [1, 2, 5], [1, 2, 3])
  func everyCombinationOfSmallExtentsHasItsShapes(tokens: Int, heads: Int) throws {
    for headWidth in [1, 2, 3] {
      for inner in [1, 3] {
        for vocabulary in [1, 2, 7] {
          for tied in [true, false] {
            let generated = ModelCase(
              tokens: Array(0..<tokens), headCount: heads, headWidth: headWidth, feedForwardWidth: inner,
              vocabularySize: vocabulary, tiesEmbeddings: tied)
            let run = try Engine.reference.run(generated.model(), generated.inputs())
            for (activation, tensor) in run.activations.tensors {
              let shape = run.activations.graph.shape(of: activation, tokenCount: tokens)
              #expect(tensor.shape == shape, "\(activation) of \(generated)")
              #expect(tensor.values.allSatisfy { !$0.isNaN }, "\(activation) of \(generated)")
            }
          }
        }
      }
    }
  }

  @Test(.clause("EMB-2"))
  func theGatherIsTheProductWithOneHotVectors() {
    expectHolds("one-hot", of: ModelCase.self, cases: 50) { generated in
      let table = try generated.model().value(.tokenEmbedding)
      let ids = try generated.inputs().tokenIDs
      let oneHot = ids.flatMap { id in (0..<table.rowCount).map { $0 == id ? 1.0 : 0 } }
      let product = linear(Tensor(oneHot, shape: [ids.count, table.rowCount]), weight: table)
      return product == embedding(ids, table: table) ? nil : "the product is \(product)"
    }
  }

  @Test(.clause("EMB-1"), arguments: [-0.0, .leastNonzeroMagnitude, -.infinity, .greatestFiniteMagnitude])
  func specialValuesAreCopiedBitForBit(value: Double) {
    let copied = embedding([1], table: Tensor([0, value], shape: [2, 1])).values[0]
    #expect(copied.bitPattern == value.bitPattern)
    #expect(embedding([0], table: Tensor([Double.nan], shape: [1, 1])).values[0].isNaN)
  }
}
