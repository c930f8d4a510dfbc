import Foundation
import Testing
import TouchstoneModel
import TouchstoneSIMD
import TouchstoneTestSupport

/// Cases whose tokens stand at their own positions with nothing masked: what prediction can be asked for.
private let predictable = cases.filter { $0.masked.isEmpty && $0.positions == nil }

@Suite struct ReproducibilityTests {
  /// The last row of logits of an observed forward pass.
  private func observedLogits(
    _ transformer: SIMDTransformer, _ tokens: ArraySlice<Int>
  ) throws -> [Float] {
    var logits: [Float] = []
    let inputs = try Inputs(tokenIDs: Array(tokens), configuration: transformer.configuration)
    try transformer.forward(inputs) { activation, value in
      if activation.point == .logits { logits = Array(value.row(value.rowCount - 1)) }
    }
    return logits
  }

  @Test(.clause("ATT-20", "ATT-26", "RES-11", "KER-10"), arguments: predictable, InstructionSet.available)
  func predictionHasTheBitsOfTheObservedForwardPass(_ example: Case, _ set: InstructionSet) throws {
    let weights = try example.weights
    let reference = try SIMDTransformer(weights: weights, instructionSet: set, threadCount: 1)
    let expected = try observedLogits(reference, example.tokens[...])
    for threads in [1, 2, 4] {
      var transformer = try SIMDTransformer(weights: weights, instructionSet: set, threadCount: threads)
      for rows in [1, 3, 7, 64, 512] {
        transformer.forgetPrompt()
        let logits = try transformer.nextTokenLogits(after: example.tokens, rowsAtOnce: rows)
        #expect(
          firstDifference(logits, expected) == nil, "\(example), \(threads) threads, \(rows) rows at once")
      }
    }
  }

  @Test(.clause("GEN-10", "KER-10"), arguments: predictable)
  func whatTheCacheHeldChangesNoBit(_ example: Case) throws {
    var transformer = try SIMDTransformer(weights: example.weights, threadCount: 2)
    let tokens = example.tokens
    for count in 1...tokens.count {
      let grown = try transformer.nextTokenLogits(after: Array(tokens[..<count]), rowsAtOnce: 512)
      #expect(
        firstDifference(grown, try observedLogits(transformer, tokens[..<count])) == nil, "\(count) tokens")
    }
    // Another ending, a shorter one, the same again, and another beginning.
    var other = tokens
    other[other.count / 2] = (other[other.count / 2] + 1) % example.configuration.vocabularySize
    for sequence in [
      other[...], other[...(other.count / 3)], other[...(other.count / 3)], tokens[...],
      other.reversed()[...],
    ] {
      let logits = try transformer.nextTokenLogits(after: Array(sequence), rowsAtOnce: 5)
      #expect(firstDifference(logits, try observedLogits(transformer, sequence)) == nil)
    }
  }

  @Test(.clause("KER-11"), arguments: cases)
  func instructionSetsThatFuseAgreeInEveryBit(_ example: Case) throws {
    let sets = InstructionSet.available.filter(\.fusesMultiplyAdd)
    var first: [Activation: Tensor<Float>] = [:]
    for set in sets {
      let transformer = try SIMDTransformer(weights: example.weights, instructionSet: set, threadCount: 3)
      try transformer.forward(try example.inputs) { activation, value in
        guard let expected = first[activation] else {
          first[activation] = value
          return
        }
        #expect(firstDifference(value.values, expected.values) == nil, "\(activation), \(set)")
      }
    }
  }

  @Test func aCopyPredictsByItself() throws {
    let example = try #require(predictable.last)
    var one = try SIMDTransformer(weights: example.weights, threadCount: 2)
    _ = try one.nextTokenLogits(after: example.tokens)
    var other = one
    let shorter = Array(example.tokens.reversed())
    let fromCopy = try other.nextTokenLogits(after: shorter)
    let again = try one.nextTokenLogits(after: example.tokens)
    #expect(fromCopy == (try observedLogits(one, shorter[...])).map(Double.init))
    #expect(again == (try observedLogits(one, example.tokens[...])).map(Double.init))
  }

  @Test(.clause("NUM-11")) func severalCallersAtOnceGetTheSameBits() async throws {
    let example = try #require(predictable.last)
    let transformer = try SIMDTransformer(weights: example.weights, threadCount: 3)
    let expected = try observedLogits(transformer, example.tokens[...])
    try await withThrowingTaskGroup(of: [Float].self) { group in
      for caller in 0..<8 {
        group.addTask {
          var mine = transformer
          return caller % 2 == 0
            ? try mine.nextTokenLogits(after: example.tokens, rowsAtOnce: 11)
            : try observedLogits(transformer, example.tokens[...])
        }
      }
      for try await logits in group { #expect(firstDifference(logits, expected) == nil) }
    }
  }

  @Test(.clause("EMB-4", "POS-5"), arguments: [[], [0, 1, 2, 3, 4], [3], [-1]])
  func tokensThatDoNotFitAreRefused(_ tokens: [Int]) throws {
    let configuration = try Configuration(
      vocabularySize: 3, contextLength: 4, width: 2, layerCount: 1, headCount: 1)
    var transformer = try SIMDTransformer(weights: randomWeights(configuration, seed: 1))
    #expect(throws: BadInput.self) { try transformer.nextTokenLogits(after: tokens) }
  }

  @Test func anInstructionSetThatIsNotThereIsRefused() {
    #expect(throws: BadInput.self) {
      try InstructionSet.preferred(environment: [InstructionSet.environmentVariable: "avx1024"])
    }
    for set in InstructionSet.available {
      #expect(
        (try? InstructionSet.preferred(environment: [InstructionSet.environmentVariable: set.rawValue]))
          == set)
    }
    #expect((try? InstructionSet.preferred(environment: [:])) == InstructionSet.available.last)
  }
}
