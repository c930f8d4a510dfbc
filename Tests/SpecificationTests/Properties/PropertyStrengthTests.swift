import Foundation
import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

@testable import TouchstoneProperties

/// No property is empty: each is held against an engine that lacks it, and compares as closely as it says.
@Suite struct PropertyStrengthTests {
  @Test func everyPropertyHasAnEngineThatLacksIt() {
    #expect(Set(ViolatingEngines.all.keys) == Set(ModelProperty.all.map(\.name)))
  }

  @Test(arguments: ModelProperty.all)
  func theEngineThatLacksAPropertyIsFound(_ property: ModelProperty) throws {
    let engine = try #require(ViolatingEngines.all[property.name])
    let found = try (0..<12 as Range<UInt64>).contains { seed in
      var generator = SplitMix64(seed: seed)
      return try property.violation(ModelCase.generate(&generator), engine) != nil
    }
    #expect(found, "seeds 0 to 11")
  }

  // MARK: Comparisons

  @Test(arguments: [
    (1, 1, true), (0, -0.0, true), (Double.nan, .nan, true), (.infinity, .infinity, true), (1, 1.5, true),
    (1, 0.5, true), (1, 1.501, false), (1, 0.499, false), (.nan, 1, false), (1, .nan, false),
    (.infinity, 1, false), (1, .infinity, false), (.infinity, -.infinity, false),
  ])
  func twoNumbersAreEqualWithinTheirTolerance(_ value: Double, _ want: Double, _ isEqual: Bool) {
    for place in 0..<3 {
      var (left, right) = (Tensor<Double>(repeating: 7, shape: [3]), Tensor<Double>(repeating: 7, shape: [3]))
      (left.values[place], right.values[place]) = (value, want)
      let found = inequality("x", left, right) { $0 == place ? 0.5 : 0 }
      #expect((found == nil) == isEqual, "\(found ?? "")")
      // Without a tolerance only equal numbers are, and one NaN with another.
      let exact = value == want || (value.isNaN && want.isNaN)
      #expect((inequality("x", left, right) == nil) == exact)
    }
    #expect(inequality("x", Tensor([1, 2], shape: [1, 2]), Tensor([1, 2], shape: [2, 1])) != nil)
  }

  @Test func runsDifferWhereOneIsNoNumber() throws {
    let generated = ModelCase(tokens: [0, 1, 0], headCount: 2, headWidth: 2, vocabularySize: 2)
    let run = try Engine.reference.run(generated.model(), generated.inputs())
    #expect(try run.difference(from: run, at: 0..<3) == nil)
    for activation in [
      Activation(.logits), Activation(.query, layer: 0), Activation(.attentionScores, layer: 0),
    ] {
      let count = try run(activation).count
      // The first element of the first token, and the last of the last.
      for (offset, token) in [(0, 0), (count - 1, 2)] {
        for poison in [Double.nan, 100] {
          var other = run
          other.activations.tensors[activation]?.values[offset] = poison
          #expect(try other.difference(from: run, at: [token]) != nil, "\(activation)[\(offset)]")
          #expect(try run.difference(from: other, at: [token]) != nil, "\(activation)[\(offset)]")
          #expect(try other.difference(from: run, at: [1]) == nil, "\(activation)[\(offset)]")
        }
      }
    }
  }

  /// Twenty noise floors, or eight times what honest arithmetic does.
  @Test func whatTwoRunsMayDifferByIsAFewTimesWhatOneMayStray() throws {
    for seed in 0..<3 as Range<UInt64> {
      var generator = SplitMix64(seed: seed)
      let generated = ModelCase.generate(&generator)
      let (model, inputs) = (try generated.model(), try generated.inputs())
      let weights = try model.weights()
      let exact = try RecordedActivations(of: ReferenceTransformer(weights), inputs: inputs)
      let floor = NoiseFloor.measured(weights, inputs: inputs)
      let honest = try HonestArithmetic.all.map {
        try RecordedActivations(of: HonestTransformer(weights, $0), inputs: inputs)
      }
      let allowance = try Allowance(model, inputs)
      for activation in exact.graph.operations.map(\.output) {
        let want = try #require(exact.tensors[activation])
        for row in 0..<want.rowCount {
          let strayed = honest.compactMap { run in
            run.tensors[activation].flatMap { tensor in
              zip(tensor.row(row), want.row(row)).map { abs($0 - $1) }.filter(\.isFinite).max()
            }
          }
          let expected = max(20 * (floor[activation]?.values[row] ?? 0), 8 * (strayed.max() ?? 0))
          #expect(allowance(activation, row: row) == expected, "\(activation), row \(row), seed \(seed)")
        }
      }
    }
    let case1 = ModelCase(tokens: [0])
    #expect(try Engine.reference.allowance(case1.model(), case1.inputs())(Activation(.logits), row: 0) == 0)
  }
}
