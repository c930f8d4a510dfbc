import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// What is told of a product that is wrong in a way no fault of the catalogue describes.
@Suite struct ProductStructureTests {
  private let x: Tensor<Double>
  private let w: Tensor<Double>
  private let want: Tensor<Double>

  init() {
    var random = SplitMix64(seed: 11)
    func draw(_ rows: Int, _ columns: Int) -> Tensor<Double> {
      Tensor((0..<rows * columns).map { _ in .random(in: -1...1, using: &random) }, shape: [rows, columns])
    }
    (x, w) = (draw(6, 5), draw(5, 7))
    want = Definition.linear(x, weight: w)
  }

  /// What is told of the product with `change` made to it.
  private func told(_ change: (inout Tensor<Double>) -> Void) -> String? {
    var got = want
    change(&got)
    let w = w
    return ProductStructure(
      input: x, weight: { w[$0, $1] }, want: want, got: got,
      bounds: [Double](repeating: 1e-6, count: want.count)
    ).found()?.sentence
  }

  private func setRow(_ got: inout Tensor<Double>, _ row: Int, _ value: (Int) -> Double) {
    for column in 0..<7 { got[row, column] = value(column) }
  }

  @Test func whatIsWithinItsBoundsHasNoStructure() {
    #expect(told { _ in } == nil)
    #expect(told { $0[2, 3] += 1.9e-6 } == nil)
  }

  @Test func rowsAreExchangedOnlyWhereEachHoldsTheOther() {
    let exchanged = told { got in
      setRow(&got, 1) { want[4, $0] }
      setRow(&got, 4) { want[1, $0] }
    }
    #expect(exchanged == "rows 1 and 4 are exchanged")
    for (one, other) in [(1, 4), (4, 1)] {
      let half = told { got in
        setRow(&got, one) { want[other, $0] }
        setRow(&got, other) { Double($0) + 3 }
      }
      #expect(half?.contains("exchanged") != true, "\(half ?? "")")
    }
  }

  @Test func aRowThatHoldsAnothersValueIsTold() {
    #expect(told { got in setRow(&got, 5) { want[0, $0] } } == "row 5 holds the value of row 0")
  }

  @Test func aTileOfColumnsThatRepeatsAnotherIsTold() {
    let repeated = told { got in
      for row in 0..<6 { for column in 4..<6 { got[row, column] = want[row, column - 3] } }
    }
    #expect(repeated == "columns 4…5 repeat the columns from 1")
  }

  @Test func aWrongWeightIsToldWithBothItsValues() {
    let told = told { got in
      for row in 0..<6 { got[row, 3] += 0.25 * x[row, 2] }
    }
    let (old, new) = (Float(w[2, 3]), Float(w[2, 3] + 0.25))
    #expect(told == "the weight from input 2 to output 3 is \(new) instead of \(old)")
  }

  @Test func whatWasNeverWrittenIsTold() {
    let told = told { got in
      for row in 2...3 { for column in 0..<7 { got[row, column] = 0 } }
    }
    #expect(told == "rows 2…3, columns 0…6 were never written")
  }

  @Test func aVectorThatEveryRowIsOffByIsTold() {
    let told = told { got in
      for row in 0..<6 { for column in 0..<7 { got[row, column] += 0.1 * Double(column + 1) } }
    }
    #expect(told == "every row is off by the same vector, as where a bias is missing or added twice")
  }

  @Test(arguments: [(-1.0, "missing"), (1, "added twice")])
  func termsThatAreMissingOrAddedTwiceAreTold(_ factor: Double, _ what: String) {
    let told = told { got in
      for row in 0..<6 { for column in 0..<7 { got[row, column] += factor * x[row, 3] * w[3, column] } }
    }
    #expect(told?.contains("terms 3 of each sum") == true && told?.contains(what) == true, "\(told ?? "")")
  }
}

/// How near a free run must come to what was recorded to be named.
@Suite struct FreeCauseTests {
  @Test(arguments: [(0.0, true), (0.9, true), (9, false), (15, false)])
  func aFaultIsNamedWithinTwiceTheNoise(_ times: Double, _ isNamed: Bool) throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let golden = try Golden(weights, inputs)
    let point = Activation(.logits)
    let fault = try #require(Fault.named("attention.no-scale"))
    let planted = RecordedActivations(
      weights: weights, inputs: inputs, planting: [Activation(.attentionScores, layer: 0): fault])
    var logits = try #require(planted.tensors[point])
    let floor = try #require(golden.floor[point])
    for row in 0..<logits.rowCount {
      for column in 0..<logits.rowWidth {
        logits[row, column] += times * floor.values[row] * (column % 2 == 0 ? 1 : -1)
      }
    }
    let capture = RecordedActivations(
      graph: weights.graph, inputs: inputs, tensors: [point: logits])
    let verdict = try Judge(weights: weights, depth: .diagnosed(catalogue: [fault]))
      .verdict(on: capture, golden: golden)
    #expect(verdict.outcome == .mismatch)
    #expect((verdict.cause?.id == fault.id) == isNamed, "\(verdict.cause.map { "\($0)" } ?? "none")")
  }
}
