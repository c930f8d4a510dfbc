import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneSIMD

/// Sizes at which loops are cut into blocks and rows into pieces, beyond those of the other models.
@Suite struct LargeSizeTests {
  private func expectTheWrittenOrder(_ example: Case, _ set: InstructionSet, threads: Int) throws {
    let (weights, inputs) = (try example.weights, try example.inputs)
    let expected = ScalarForward(weights, fused: set.fusesMultiplyAdd).run(inputs)
    let transformer = try SIMDTransformer(weights: weights, instructionSet: set, threadCount: threads)
    try transformer.forward(inputs) { activation, value in
      let wanted = try #require(expected[activation])
      #expect(firstDifference(value.values, wanted.values) == nil, "\(activation) of \(example)")
    }
  }

  /// Products are summed in blocks of 768 rows of the matrix.
  @Test(.clause("KER-1", "KER-2"), arguments: [767, 768, 769, 1537], InstructionSet.available)
  func aProductDeeperThanABlockHasTheBitsOfTheWrittenOrder(_ depth: Int, _ set: InstructionSet) throws {
    let configuration = try Configuration(
      vocabularySize: 20, contextLength: 8, width: 8, layerCount: 1, headCount: 1, feedForwardWidth: depth)
    try expectTheWrittenOrder(
      Case(name: "deep \(depth)", graph: configuration.graph, seed: 9, tokenCount: 5), set, threads: 2)
  }

  /// Rows are shared out in pieces of 16,384 elements.
  @Test(.clause("KER-3", "KER-10"), arguments: [(256, 2), (257, 2), (300, 1)])
  func moreRowsThanAPieceAreAllComputed(_ tokens: Int, _ threads: Int) throws {
    let configuration = try Configuration(
      vocabularySize: 3, contextLength: 300, width: 64, layerCount: 1, headCount: 1, feedForwardWidth: 1)
    try expectTheWrittenOrder(
      Case(name: "long \(tokens)", graph: configuration.graph, seed: 9, tokenCount: tokens),
      try #require(InstructionSet.available.last), threads: threads)
  }

  /// The cache keeps what it holds when a longer text outgrows it, wherever the beginning ends.
  @Test(
    .clause("ATT-26", "KER-10"), arguments: [1, 15, 16, 17, 20, 31, 33, 63, 64, 65], InstructionSet.available)
  func theCacheGrowsFromAnyLength(_ beginning: Int, _ set: InstructionSet) throws {
    let configuration = try Configuration(
      vocabularySize: 20, contextLength: 130, width: 12, layerCount: 2, headCount: 3)
    let example = Case(name: "grown", graph: configuration.graph, seed: 9, tokenCount: 130)
    var transformer = try SIMDTransformer(weights: example.weights, instructionSet: set, threadCount: 1)
    let tokens = example.tokens
    _ = try transformer.nextTokenLogits(after: Array(tokens[..<beginning]), rowsAtOnce: 512)
    for length in [beginning + 1, 100, 130] {
      var fresh = try SIMDTransformer(weights: example.weights, instructionSet: set, threadCount: 1)
      let text = Array(tokens[..<length])
      let grown = try transformer.nextTokenLogits(after: text, rowsAtOnce: 512)
      let wanted = try fresh.nextTokenLogits(after: text, rowsAtOnce: 512)
      #expect(firstDifference(grown, wanted) == nil, "\(length) tokens after \(beginning)")
    }
  }
}
