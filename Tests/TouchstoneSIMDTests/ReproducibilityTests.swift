import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneSIMD
import TouchstoneTestSupport

/// A model whose bits are compared; made when the test runs, so that one that cannot be made fails the test.
enum Compared: Sendable, CustomStringConvertible {
  case trained
  case listed(Case)
  case odd(seed: UInt64)
  case oddLlama(seed: UInt64)

  var description: String {
    switch self {
    case .trained: "the trained model"
    case .listed(let example): example.description
    case .odd(let seed): "odd shape, seed \(seed)"
    case .oddLlama(let seed): "odd Llama, seed \(seed)"
    }
  }

  func example() throws -> Case {
    switch self {
    case .trained: try .trained(tokenCount: 77)
    case .listed(let example): example
    case .odd(let seed): try .odd(seed: seed)
    case .oddLlama(let seed): try .oddLlama(seed: seed)
    }
  }

  /// Every model; TOUCHSTONE_SEED and TOUCHSTONE_CASES choose the odd shapes.
  static let all: [Compared] = {
    let environment = ProcessInfo.processInfo.environment
    let first = environment["TOUCHSTONE_SEED"].flatMap(UInt64.init) ?? 1
    let count = environment["TOUCHSTONE_CASES"].flatMap(UInt64.init) ?? 6
    let seeds = (0..<count).map { first &+ $0 }
    return [.trained] + (cases + llamas + others).map { .listed($0) } + seeds.map { .odd(seed: $0) }
      + seeds.map { .oddLlama(seed: $0) }
  }()

  /// Those whose tokens stand at their own positions with nothing masked: what prediction can be asked for.
  static let predictable = prefixed.filter {
    if case .listed(let example) = $0 { example.masked.isEmpty && example.positions == nil } else { true }
  }

  /// Those where a beginning is computed as it is alone.
  static let prefixed = all.filter {
    if case .listed(let example) = $0 { !example.dependsOnLength } else { true }
  }

  /// Those where it is not: positions are stretched by the length of the sequence.
  static let stretched = llamas.filter(\.dependsOnLength)
}

@Suite struct ReproducibilityTests {
  private typealias Activations = [Activation: Tensor<Float>]

  private func activations(_ transformer: SIMDTransformer, _ inputs: Inputs) throws -> Activations {
    var result: Activations = [:]
    try transformer.forward(inputs) { result[$0] = $1 }
    return result
  }

  /// The logits of every position: [T, V].
  private func logits(_ transformer: SIMDTransformer, _ tokens: [Int]) throws -> Tensor<Float> {
    let inputs = try Inputs(tokenIDs: tokens, graph: transformer.graph)
    return try #require(try activations(transformer, inputs)[Activation(.logits)])
  }

  /// What an activation of `whole` has for the first `count` tokens; of scores and probabilities also only the
  /// first `count` keys.
  private func beginning(_ whole: Tensor<Float>, of activation: Activation, _ count: Int) -> [Float] {
    let outer = whole.shape.count == 3 ? whole.shape[0] : 1
    let tokens = whole.rowCount / outer
    let isByKey = ["embed/attn_bias", "attn_scores", "attn_capped", "attn_probs"].contains(
      activation.name)
    return (0..<outer).flatMap { head in
      (0..<count).flatMap { row in whole.row(head * tokens + row).prefix(isByKey ? count : whole.rowWidth) }
    }
  }

  @Test(.clause("KER-10", "KER-11"), arguments: Compared.all)
  func everyActivationHasTheSameBitsOnAnyThreadsAndInstructions(_ compared: Compared) throws {
    let example = try compared.example()
    let (weights, inputs) = (try example.weights, try example.inputs)
    var expected: [Bool: Activations] = [:]
    for set in InstructionSet.available {
      for threads in [1, 2, 4] {
        let transformer = try SIMDTransformer(weights: weights, instructionSet: set, threadCount: threads)
        let found = try activations(transformer, inputs)
        #expect(found.count == example.graph.operations.count)
        guard let first = expected[set.fusesMultiplyAdd] else {
          expected[set.fusesMultiplyAdd] = found
          continue
        }
        for (activation, value) in found {
          let difference = firstDifference(value.values, try #require(first[activation]).values)
          #expect(difference == nil, "\(activation), \(set), \(threads) threads, \(example)")
        }
      }
    }
  }

  /// Twice, so that what was given back is packed again; and as prediction, where there is some.
  @Test(.clause("KER-10"), arguments: Compared.all)
  func packingWhatIsReadNextChangesNoBit(_ compared: Compared) throws {
    let example = try compared.example()
    let (weights, inputs) = (try example.weights, try example.inputs)
    let expected = try activations(SIMDTransformer(weights: weights), inputs)
    var streaming = try SIMDTransformer(weights: weights, forOnePass: true)
    for _ in 0..<2 {
      let found = try activations(streaming, inputs)
      #expect(found.count == expected.count)
      for (activation, value) in found {
        let difference = firstDifference(value.values, try #require(expected[activation]).values)
        #expect(difference == nil, "\(activation), \(example)")
      }
    }
    guard inputs.attentionMask == nil, inputs.positionIDs == Array(0..<inputs.count) else { return }
    var whole = try SIMDTransformer(weights: weights)
    let tokens = inputs.tokenIDs
    #expect(try streaming.nextTokenLogits(after: tokens) == whole.nextTokenLogits(after: tokens))
  }

  @Test(.clause("KER-10"), arguments: Compared.prefixed, InstructionSet.available)
  func whatFollowsARowChangesNoBitOfIt(_ compared: Compared, _ set: InstructionSet) throws {
    let example = try compared.example()
    let transformer = try SIMDTransformer(weights: example.weights, instructionSet: set, threadCount: 2)
    let whole = try activations(transformer, example.inputs)
    for count in [1, 2, 12, 13, 16, 33, example.tokenCount - 1] where 0 < count && count < example.tokenCount
    {
      for (activation, value) in try activations(transformer, example.inputs(count)) {
        let expected = beginning(try #require(whole[activation]), of: activation, count)
        #expect(
          firstDifference(value.values, expected) == nil, "\(activation) of the first \(count), \(example)")
      }
    }
  }

  @Test(
    .clause("ATT-20", "ATT-26", "RES-11", "KER-10"), arguments: Compared.predictable, InstructionSet.available
  )
  func predictionHasTheBitsOfTheObservedForwardPass(_ compared: Compared, _ set: InstructionSet) throws {
    let example = try compared.example()
    let (weights, tokens) = (try example.weights, example.tokens)
    let reference = try SIMDTransformer(weights: weights, instructionSet: set, threadCount: 1)
    let expected = try logits(reference, tokens)
    for threads in [1, 2, 4] {
      var transformer = try SIMDTransformer(weights: weights, instructionSet: set, threadCount: threads)
      // Every position once; at the others' turns those where a piece of some size ends.
      let isFull = threads == 2 && set == InstructionSet.available.last
      let counts = isFull ? Array(1...tokens.count) : [1, 2, 8, 63, 64, 65, tokens.count]
      for rows in everyday([1, 3, 7, 64, 512], each: 2, from: threads) {
        for count in counts where count <= tokens.count {
          transformer.forgetPrompt()
          let found = try transformer.nextTokenLogits(after: Array(tokens[..<count]), rowsAtOnce: rows)
          #expect(
            firstDifference(found, Array(expected.row(count - 1))) == nil,
            "\(example), \(count) tokens, \(threads) threads, \(rows) rows at once")
        }
      }
    }
  }

  @Test(.clause("GEN-10", "KER-10"), arguments: Compared.predictable)
  func whatTheCacheHeldChangesNoBit(_ compared: Compared) throws {
    let example = try compared.example()
    var transformer = try SIMDTransformer(weights: example.weights, threadCount: 2)
    let tokens = example.tokens
    let expected = try logits(transformer, tokens)
    for step in [1, 3, 7, 64] {
      transformer.forgetPrompt()
      for count in stride(from: step, through: tokens.count, by: step) {
        let grown = try transformer.nextTokenLogits(after: Array(tokens[..<count]), rowsAtOnce: 512)
        #expect(
          firstDifference(grown, Array(expected.row(count - 1))) == nil, "\(count) tokens, by \(step)")
      }
    }
    // Another ending, a shorter one, the same again, and another beginning.
    var other = tokens
    other[other.count / 2] = (other[other.count / 2] + 1) % example.vocabularySize
    for sequence in [
      other[...], other[...(other.count / 3)], other[...(other.count / 3)], tokens[...],
      other.reversed()[...],
    ].map(Array.init) {
      let found = try transformer.nextTokenLogits(after: sequence, rowsAtOnce: 5)
      #expect(firstDifference(found, Array(try logits(transformer, sequence).row(sequence.count - 1))) == nil)
    }
  }

  /// Keys that were turned by other frequencies are not those of a longer sequence.
  @Test(.clause("ROP-8", "ROP-11", "KER-10"), arguments: Compared.stretched)
  func aCacheOfOtherAnglesIsNotUsed(_ example: Case) throws {
    var transformer = try SIMDTransformer(weights: example.weights, threadCount: 2)
    let tokens = example.tokens
    for rows in [1, 7, 512] {
      for count in [1, 15, 16, 17, 31, 32, 33, 34, 40, 39, 20] {
        let text = Array(tokens[..<count])
        let found = try transformer.nextTokenLogits(after: text, rowsAtOnce: rows)
        let expected = Array(try logits(transformer, text).row(count - 1))
        #expect(firstDifference(found, expected) == nil, "\(count) tokens, \(rows) rows at once")
      }
    }
    let beginning = try logits(transformer, Array(tokens[..<10])).row(9)
    let same = Array(try logits(transformer, tokens).row(9))
    #expect(firstDifference(Array(beginning), same) != nil, "the length changes nothing")
  }

  @Test(.clause("KER-1", "KER-6", "KER-11"), arguments: InstructionSet.available)
  func theTrainedModelHasTheBitsOfTheWrittenOrder(_ set: InstructionSet) throws {
    let example = try Case.trained(tokenCount: 21)
    let weights = try example.weights
    let expected = ScalarForward(weights, fused: set.fusesMultiplyAdd).run(try example.inputs)
    let transformer = try SIMDTransformer(weights: weights, instructionSet: set, threadCount: 2)
    for (activation, value) in try activations(transformer, example.inputs) {
      let wanted = try #require(expected[activation])
      #expect(firstDifference(value.values, wanted.values) == nil, "\(activation)")
    }
  }

  @Test func aCopyPredictsByItself() throws {
    let example = try Case.trained(tokenCount: 40)
    var one = try SIMDTransformer(weights: example.weights, threadCount: 2)
    _ = try one.nextTokenLogits(after: example.tokens)
    var other = one
    let shorter = Array(example.tokens.reversed()[..<30])
    let fromCopy = try other.nextTokenLogits(after: shorter)
    let again = try one.nextTokenLogits(after: example.tokens)
    #expect(fromCopy == (try logits(one, shorter)).row(29).map(Double.init))
    #expect(again == (try logits(one, example.tokens)).row(39).map(Double.init))
  }

  @Test(.clause("NUM-11"), arguments: [1, 3])
  func severalCallersAtOnceGetTheBitsOfOneAlone(_ threads: Int) async throws {
    let example = try Case.trained(tokenCount: 60)
    let tokens = example.tokens
    var transformer = try SIMDTransformer(weights: example.weights, threadCount: threads)
    let expected = try logits(transformer, tokens)
    // Every caller's copy begins with what this call left.
    _ = try transformer.nextTokenLogits(after: Array(tokens[..<20]))
    let (shared, width) = (transformer, example.vocabularySize)
    try await withThrowingTaskGroup(of: (Int, [Float]).self) { group in
      for caller in 0..<8 {
        group.addTask {
          if caller % 3 == 2 { return (tokens.count, try logits(shared, tokens).values.suffix(width)) }
          var mine = shared
          for count in stride(from: 10 + caller, to: tokens.count, by: 9) {
            _ = try mine.nextTokenLogits(after: Array(tokens[..<count]), rowsAtOnce: 5)
          }
          let count = 30 + caller
          return (count, try mine.nextTokenLogits(after: Array(tokens[..<count]), rowsAtOnce: 11))
        }
      }
      for try await (count, found) in group {
        #expect(firstDifference(Array(found), Array(expected.row(count - 1))) == nil)
      }
    }
  }

  @Test(.clause("EMB-4", "POS-5"), arguments: [[], [0, 1, 2, 3, 4], [3], [-1]])
  func tokensThatDoNotFitAreRefused(_ tokens: [Int]) throws {
    let configuration = try Configuration(
      vocabularySize: 3, contextLength: 4, width: 2, layerCount: 1, headCount: 1)
    var transformer = try SIMDTransformer(weights: randomWeights(configuration.graph, seed: 1))
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
