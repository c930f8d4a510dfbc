import Foundation
import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// A recording and the sketches of it.
private struct Sketched: ActivationSource, SketchSource {
  var recorded: RecordedActivations
  var floor: [Activation: Tensor<Double>] = [:]

  var graph: Graph { recorded.graph }
  var inputs: Inputs { recorded.inputs }
  var precision: Precision { recorded.precision }
  func storedType(of activation: Activation) -> ScalarType? { nil }
  func storedShape(of activation: Activation) -> [Int]? { nil }
  func tensor(_ activation: Activation) -> Tensor<Double>? { nil }
  func noiseFloor(of activation: Activation) -> Tensor<Double>? { floor[activation] }

  func sketch(of activation: Activation) -> Sketch? {
    guard let tensor = recorded.tensor(activation),
      let operation = graph.operation(making: activation)
    else { return nil }
    return Sketch(of: tensor, sha256: "", isJudged: operation.judgedElements(inputs, graph: graph))
  }
}

/// What is kept of activations that are too large to keep, and the verdict on it.
@Suite struct SketchTests {
  private func golden(_ weights: Weights, _ inputs: Inputs) throws -> Sketched {
    let golden = try Golden(weights, inputs)
    return Sketched(recorded: golden.recorded, floor: golden.floor)
  }

  /// The projections are those of ten lines of Python after the clause.
  @Test(.clause("FIL-34")) func aSketchIsTheSameInEveryLanguage() {
    let row = Tensor<Double>([1, -2, 4, 8, -16, 3], shape: [1, 6])
    let sketch = Sketch(of: row, sha256: "", isJudged: { _ in true })
    #expect(sketch.projections == [-6, -24, -4, 26, 2, 8, 30, -8, 16, 32, -12, 8, 26, 20, 24, -26])
    #expect(sketch.norms == [Double(350).squareRoot()])
    #expect(sketch.greatest == [-16, 8, 4, 3])
    #expect(sketch.places == [4, 3, 2, 5])
    let masked = Sketch(of: row, sha256: "", isJudged: { $0 == 2 })
    #expect(masked.greatest == [4, 0, 0, 0] && masked.places == [2, 0, 1, 3] && masked.norms == [4])
    let broken = Sketch(of: Tensor([1, .nan, 3], shape: [1, 3]), sha256: "", isJudged: { _ in true })
    #expect(broken.places == [1, 2, 0] && broken.norms[0].isNaN && broken.projections.allSatisfy(\.isNaN))
  }

  /// √(1 + ε) by the formula of the clause.
  @Test(.clause("BND-35"), arguments: [1, 40, 12_345]) func theWideningIsThatOfTheClause(rows: Int) {
    let epsilon = SketchComparison.widening(rowCount: rows) * SketchComparison.widening(rowCount: rows) - 1
    let probability = pow((1 + epsilon) * exp(-epsilon), 8) * Double(rows)
    #expect(abs(probability / 1e-6 - 1) < 1e-9)
  }

  @Test(.clause("BND-35"), arguments: Sample.all)
  func honestArithmeticIsWithinTheBound(_ sample: Sample) throws {
    let weights = try sample.weights()
    let inputs = try sample.inputs(weights.graph)
    let golden = try golden(weights, inputs)
    for arithmetic in HonestArithmetic.all {
      let capture = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
      let verdict = try Judge(weights: nil).verdict(
        onSketches: Sketched(recorded: capture), golden: golden)
      #expect(verdict.outcome == .consistent, "\(arithmetic): \(verdict.flagged) \(verdict.uncovered)")
      #expect(verdict.method == .sketch)
    }
  }

  /// An error that is spread over a row, and at right angles to it, changes neither its length nor any entry by much.
  @Test(.clause("BND-35"), arguments: [(0.5, true), (4.0, false)])
  func projectionsShowWhatLengthAndEntriesDoNot(lengths: Double, isRight: Bool) throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let golden = try golden(weights, inputs)
    let activation = try #require(Activation(path: "layers/001/resid_out"))
    var capture = golden.recorded
    capture.precision = .float32
    let row = Array(try #require(capture.tensors[activation]).row(0))
    let floor = try #require(golden.floor[activation]).values[0]
    let square = row.reduce(0) { $0 + $1 * $1 }
    let signs = row.indices.map { $0 % 2 == 0 ? 1.0 : -1.0 }
    let along = zip(signs, row).reduce(0) { $0 + $1.0 * $1.1 } / square
    let error = zip(signs, row).map { $0 - along * $1 }
    let length = error.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let factor = lengths * 10 * floor * Double(row.count).squareRoot() / length
    for index in row.indices { capture.tensors[activation]?.values[index] += factor * error[index] }
    let verdict = try Judge(weights: nil).verdict(onSketches: Sketched(recorded: capture), golden: golden)
    #expect(verdict.flagged.map(\.activation) == (isRight ? [] : [activation]))
  }

  @Test(.clause("BND-35"), arguments: ["mlp_act", "attn_scores", "attn_probs", "resid_out"])
  func whatIsWrongMissingOrNoNumberNeverPasses(name: String) throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let golden = try golden(weights, inputs)
    let right = try RecordedActivations(
      of: HonestTransformer(weights, HonestArithmetic.all[0]), inputs: inputs)
    let activation = try #require(Activation(path: "layers/001/" + name))
    func verdict(_ change: (inout RecordedActivations) -> Void) throws -> Verdict {
      var capture = right
      change(&capture)
      return try Judge(weights: nil).verdict(onSketches: Sketched(recorded: capture), golden: golden)
    }
    let isNoNumber = try verdict { $0.tensors[activation]?.values[0] = .nan }
    #expect(isNoNumber.outcome == .mismatch && isNoNumber.flagged.map(\.activation) == [activation])
    let isOff = try verdict { $0.tensors[activation]?.values[0] += 0.25 }
    #expect(isOff.outcome == .mismatch && isOff.flagged.map(\.activation) == [activation])
    let bare = try verdict { $0.tensors = $0.tensors.filter { $0.key == activation } }
    #expect(bare.outcome == .inconclusive)
    let none = try verdict { $0.tensors = [:] }
    #expect(none.outcome == .inconclusive && none.findings.isEmpty)
    let narrow = try verdict { $0.precision = Precision(.bfloat16) }
    #expect(narrow.outcome == .inconclusive)
    var bareGolden = golden
    bareGolden.floor = [:]
    let withoutFloor = try Judge(weights: nil).verdict(
      onSketches: Sketched(recorded: right), golden: bareGolden)
    #expect(withoutFloor.outcome == .inconclusive)
  }
}

/// Measures what sketches show of faults, beside the golden's whole activations: a table of Docs/Measured.md.
@Suite(
  .enabled(if: !studySeeds.isEmpty, "set TOUCHSTONE_STUDY to seeds to measure sketches"), .serialized)
struct SketchStudy {
  @Test func study() throws {
    var (honest, flagged) = (0, 0)
    var (planted, byFloor, bySketch, byReplay) = (0, 0, 0, 0)
    for model in studySeeds.flatMap({ RandomModel.oneOfEachKind(seed: $0) }) {
      let weights = try model.weights()
      let inputs = try model.inputs(weights.graph)
      let golden = try Golden(weights, inputs)
      let sketched = Sketched(recorded: golden.recorded, floor: golden.floor)
      let judge = Judge(weights: nil)
      for arithmetic in HonestArithmetic.all {
        let run = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
        let verdict = try judge.verdict(onSketches: Sketched(recorded: run), golden: sketched)
        honest += 1
        if verdict.outcome != .consistent {
          flagged += 1
          print(
            "FLAGGED \(model) \(arithmetic): \(verdict.flagged.first.map { "\($0.activation) \($0.ratio)" } ?? "")"
          )
        }
      }
      let right = RecordedActivations(weights: weights, inputs: inputs)
      var random = SplitMix64(seed: 5)
      let faults = Fault.catalogue.compactMap { fault in
        fault.sites(in: weights.graph).randomElement(using: &random).map { (fault, $0.output) }
      }
      let outcomes = try faults.indices.concurrentMap { index -> [Bool]? in
        let (fault, site) = faults[index]
        let wrong = RecordedActivations(weights: weights, inputs: inputs, planting: [site: fault])
        guard wrong.tensors != right.tensors else { return nil }
        let capture = Sketched(recorded: wrong)
        let floors = try FloorComparison(capture: SharedSource(wrong), golden: SharedSource(golden))
        return [
          try weights.graph.operations.contains {
            try floors.judge($0).map { $0.zone != .consistent } ?? false
          },
          try !judge.verdict(onSketches: capture, golden: sketched).flagged.isEmpty,
          try !Judge(weights: weights).verdict(on: wrong).flagged.isEmpty,
        ]
      }
      for outcome in outcomes.compactMap({ $0 }) {
        planted += 1
        byFloor += outcome[0] ? 1 : 0
        bySketch += outcome[1] ? 1 : 0
        byReplay += outcome[2] ? 1 : 0
      }
    }
    print("SKETCH honest \(honest), flagged \(flagged)")
    print("SKETCH faults \(planted): replay \(byReplay), floors \(byFloor), sketches \(bySketch)")
    #expect(flagged == 0)
  }
}
