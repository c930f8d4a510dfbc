import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport
import TouchstoneVerdict

/// What a capture leaves out can never pass unsaid.
@Suite struct CoverageTests {
  /// A faulty run that hides its fault: the first wrong tensor and everything after it are missing.
  @Test(
    .clause("BND-15"),
    arguments: [Activation.Point.attentionScores, .layerNorm2, .feedForwardActivation, .residualOut])
  func whatEndsBeforeTheLogitsIsInconclusive(_ point: Activation.Point) throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let operations = weights.graph.operations.map(\.output)
    let end = try #require(operations.firstIndex(of: Activation(point, layer: 1)))
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    capture.tensors = capture.tensors.filter { operations[..<end].contains($0.key) }
    let verdict = try Judge(weights: weights).verdict(on: capture)
    #expect(verdict.outcome == .inconclusive)
    #expect(verdict.flagged.isEmpty)
    #expect(verdict.uncovered == Array(operations[end...].dropLast()))
    let accepted = try Judge(weights: weights, acceptsPartial: true).verdict(on: capture)
    #expect(accepted.outcome == .consistent)
    #expect(accepted.uncovered == verdict.uncovered)
    let told = try Judge(weights: weights, depth: .whole()).verdict(on: capture).adding(note: "more")
    #expect(told.uncovered == verdict.uncovered && told.outcome == verdict.outcome)
  }

  @Test(arguments: Subset.allCases)
  func theLogitsCoverWhateverIsHidden(_ subset: Subset) throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let whole = try RecordedActivations(
      of: HonestTransformer(weights, HonestArithmetic("lanes", .lanes(8, fused: true))), inputs: inputs)
    let verdict = try Judge(weights: weights).verdict(on: subset.of(whole, seed: 3))
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
    #expect(verdict.uncovered.isEmpty)
    if subset == .logits { #expect(verdict.method == .localFloor) }
  }

  /// Without the weights and without a floor, nothing stands for the operations that need them.
  @Test func withoutWeightsAndFloorTheLogitsCoverNothing() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let capture = RecordedActivations(weights: weights, inputs: inputs)
    let verdict = try Judge(weights: nil).verdict(on: capture)
    #expect(verdict.outcome == .inconclusive)
    let withParameters = weights.graph.operations.filter { !$0.parameters.isEmpty }.map(\.output)
    #expect(verdict.uncovered == withParameters)
    let golden = try Golden(weights, inputs)
    let byFloor = try Judge(weights: nil).verdict(on: capture, golden: golden)
    #expect(byFloor.outcome == .consistent)
    #expect(byFloor.uncovered.isEmpty)
  }

  /// In every precision, with the stream after each block alone: a bound would be as large as the value.
  @Test(.clause("BND-14"), arguments: [ScalarType.float32, .bfloat16, .float16])
  func aFaultShowsInTheResidualStreamAlone(_ type: ScalarType) throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    for (id, point) in [
      ("attention.no-scale", Activation.Point.attentionScores), ("norm.missing", .layerNorm2),
      ("residual.doubled", .residualMiddle),
    ] {
      let fault = try #require(Fault.named(id))
      let right = RecordedActivations(weights: weights, inputs: inputs)
      let wrong = RecordedActivations(
        weights: weights, inputs: inputs, planting: [Activation(point, layer: 1): fault])
      for (capture, outcome) in [(right, Verdict.Outcome.consistent), (wrong, .mismatch)] {
        var part = Subset.residualStream.of(capture, seed: 1)
        part.precision = Precision(type)
        part.tensors = part.tensors.mapValues { tensor in
          Tensor(tensor.values.map { rounded($0, to: type) }, shape: tensor.shape)
        }
        let verdict = try Judge(weights: weights).verdict(on: part)
        #expect(verdict.outcome == outcome, "\(id): \(verdict.flagged)")
        if outcome == .mismatch {
          #expect(verdict.flagged.first?.activation == Activation(.residualOut, layer: 1))
          #expect(verdict.flagged.first?.hidden.contains(Activation(point, layer: 1)) == true)
        }
      }
    }
  }

  @Test func theReportSaysWhatWidenedTheBounds() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let wide = RecordedActivations(weights: weights, inputs: inputs)
    #expect(try Judge(weights: weights).verdict(on: wide).notes.allSatisfy { !$0.contains("precision") })
    var capture = RecordedActivations(weights: weights, inputs: inputs, precision: Precision(.bfloat16))
    capture.precision = Precision(.bfloat16, truncates: true)
    let notes = try Judge(weights: weights).verdict(on: capture).notes
    #expect(notes.contains { $0.contains("bfloat16-truncating") })
  }

  @Test func anotherTemperatureThanTheGoldensIsRefused() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let golden = try Golden(weights, inputs)
    var capture = RecordedActivations(weights: weights, inputs: inputs, temperature: 0.5)
    #expect(throws: BadInput.self) { try Judge(weights: weights).verdict(on: capture, golden: golden) }
    capture.tensors[Activation(.probabilities)] = nil
    #expect(try Judge(weights: weights).verdict(on: capture, golden: golden).outcome == .consistent)
  }
}

/// The nearest value of a type.
func rounded(_ value: Double, to type: ScalarType) -> Double {
  guard value.isFinite, value != 0, type != .float64 else { return value }
  let least = type == .float16 ? -14 : -126
  let spacing = Double(
    sign: .plus, exponent: max(Int(value.exponent), least) - type.significandBits + 1, significand: 1)
  return (value / spacing).rounded(.toNearestOrEven) * spacing
}
