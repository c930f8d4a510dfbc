import Foundation
import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// What is judged of a capture, and what is refused before anything is.
@Suite struct JudgedElementTests {
  /// A query that sees no key has no attention: engines that mask with a large number spread it over all keys.
  @Test func theProbabilitiesOfAQueryWithoutKeysAreNotJudged() throws {
    let sample = Sample.all[3]
    let weights = try sample.weights()
    let inputs = try sample.inputs(weights.graph)
    #expect(weights.graph.seesAnyKey(inputs) == [false, true, true, true, true])
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    for layer in 0..<weights.graph.layerCount {
      let point = Activation(.attentionProbabilities, layer: layer)
      for head in 0..<sample.headCount {
        for key in 0..<inputs.count { capture.tensors[point]?[head, 0, key] = 0.2 }
      }
    }
    let judge = Judge(weights: weights)
    #expect(try judge.verdict(on: capture).outcome == .consistent)
    // That of one that sees a key is.
    let point = Activation(.attentionProbabilities, layer: 1)
    capture.tensors[point]?[2, 1, 0] = 0.2
    #expect(try judge.verdict(on: capture).flagged.first?.activation == point)
  }

  /// What is made of scores element by element may hold anything where they are masked.
  @Test(
    .clause("ATT-9"),
    arguments: [
      Identity().kind, Scale(by: 0.5).kind, ActivationFunction(.tanh).kind, Sum().kind, Product().kind,
    ])
  func whatIsMadeOfScoresIsJudgedWhereTheyAre(_ kind: TouchstoneGraph.Operation.Kind) throws {
    let visibility = Visibility(isCausal: true, window: 2)
    let names = ["embed/token", "q", "k", "attn_scores", "attn_changed", "attn_probs"].map { Activation($0) }
    func weight(_ name: String, _ rows: Int) -> [ParameterView] {
      [ParameterView(Parameter(name, [rows, 4]))]
    }
    let twice = [Sum().kind, Product().kind].contains(kind)
    let graph = try Graph(validating: [
      Operation(Embedding(.tokenIDs).kind, names[0], with: weight("table", 9)),
      Operation(Linear(heads: 2).kind, names[1], from: [names[0]], with: weight("q", 4)),
      Operation(Linear(heads: 1).kind, names[2], from: [names[0]], with: weight("k", 2)),
      Operation(AttentionScores(scale: 1, visibility: visibility).kind, names[3], from: Array(names[1...2])),
      Operation(kind, names[4], from: [names[3]] + (twice ? [names[3]] : [])),
      Operation(AttentionProbabilities(visibility: visibility).kind, names[5], from: [names[4]]),
    ])
    let inputs = try Inputs(tokenIDs: [1, 2, 3, 4], attentionMask: [true, true, false, true], graph: graph)
    let changed = try #require(graph.operation(making: names[4]))
    let isJudged = changed.judgedElements(inputs, graph: graph)
    for offset in 0..<2 * 4 * 4 {
      let (row, column) = (offset / 4 % 4, offset % 4)
      #expect(isJudged(offset) == ((row == column || row == column + 1) && column != 2), "\(row), \(column)")
    }
    let probabilities = try #require(graph.operation(making: names[5]))
    #expect(graph.pairs(readBy: probabilities).map(\.output) == [names[3], names[4]])
    #expect(graph.pairs(readBy: changed).map(\.output) == [names[3]])
    // Weights of masked keys are judged: they are 0. And what reads no pairs is judged whole.
    #expect(probabilities.judgedElements(inputs, graph: graph)(1))
    #expect(graph.pairs(readBy: graph.operations[1]).isEmpty)
  }

  @Test(arguments: [0, -1, -0.5, .nan, .infinity])
  func aTemperatureThatDividesNothingIsRefused(_ temperature: Double) throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    capture.temperature = temperature
    let error = try #require(throws: BadInput.self) { try Judge(weights: weights).verdict(on: capture) }
    #expect(error.description.contains("record one from"), "\(error)")
  }

  @Test func aCaptureOfAnotherModelIsRefused() throws {
    let weights = try Sample.visible.weights()
    let other = try Sample.all[0].weights()
    let capture = try RecordedActivations(weights: other, inputs: Sample.all[0].inputs(other.graph))
    for judge in [Judge(weights: weights), Judge(weights: nil)] {
      let golden = try Golden(weights, Sample.visible.inputs(weights.graph))
      #expect(throws: BadInput.self) { try judge.verdict(on: capture, golden: golden) }
    }
    #expect(throws: BadInput.self) { try Judge(weights: weights).verdict(on: capture) }
  }

  /// A store in a narrow type is one rounding more: half a unit in the last place, and not a whole one.
  @Test(.clause("BND-12"), arguments: [(ScalarType.bfloat16, 7.0, -133.0), (.float16, 10, -24)])
  func storingInANarrowTypeIsOneRounding(_ type: ScalarType, _ fractionBits: Double, _ least: Double) {
    for value in [3.0, -0.7, 1e-3, 0.999, 3e-5] {
      // The last value but one reaches into the next binade, where a unit is twice as great.
      for error in [0, 1e-7, 2e-3 * abs(value)] {
        let exponent = max(log2(abs(value) + error).rounded(.down) - fractionBits, least)
        let want = error + exp2(exponent) / 2 + 0x1p-126
        let bound = Rounding(Precision(type)).stored(Bound(error), value, as: type)
        for part in [bound.det, bound.prob, bound.stat] {
          #expect(abs(part - want) <= 1e-12 * want, "\(value) ± \(error)")
        }
        #expect(Rounding(.float32).stored(Bound(error), value, as: .float32) == Bound(error))
      }
    }
  }

  /// Terms that a partial sum cannot tell apart are one group; those a little further apart are two.
  @Test(.clause("BND-2"), arguments: [(1.9, 2.0), (2.1, 1.0)])
  func termsCloserThanTheResolutionRecur(_ distance: Double, _ recurrence: Double) {
    let rounding = Rounding(.float32)
    // Pairs whose members lie `distance` units of the sum's roundoff apart.
    let base = (0..<50).map { 1 + Double($0) / 10 }
    let sum = 2 * base.reduce(0, +)
    let values = base + base.map { $0 + distance * 0x1p-24 * sum }
    let found = rounding.repetition(of: values, absoluteSum: sum)
    #expect(found == recurrence)
    #expect(rounding.repetitionAtMost(of: values, absoluteSum: sum) >= found)
  }

  /// A table's row only strays as it is handed on: half a unit in the last place at most, evenly, over all passes.
  @Test(.clause("BND-14")) func theNoiseFloorOfATableIsThatOfStoring() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let floor = NoiseFloor.measured(weights, inputs: inputs)
    let whole = RecordedActivations(weights: weights, inputs: inputs)
    for point in [Activation.Point.tokenEmbedding, .positionEmbedding] {
      let values = try #require(whole.tensors[Activation(point)])
      let found = try #require(floor[Activation(point)]).values.map { $0 * $0 }.reduce(0, +)
      let spacings = values.values.map { Double(Float($0).ulp) }
      let expected = spacings.map { $0 * $0 / 12 }.reduce(0, +) / Double(values.rowWidth)
      #expect(abs(found / expected - 1) <= 0.06, "\(point): \(found / expected), fixed seeds")
    }
  }
}
