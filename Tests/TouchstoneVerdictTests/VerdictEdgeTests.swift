import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// What only shows at the edges of a verdict: first and last elements, infinities, masks, what is replayed together.
@Suite struct VerdictEdgeTests {
  private func sample() throws -> (weights: Weights, inputs: Inputs) {
    let weights = try Sample.visible.weights()
    return (weights, try Sample.visible.inputs(weights.graph))
  }

  @Test(arguments: Sample.visible.points)
  func theFirstAndTheLastElementAreCompared(_ activation: Activation) throws {
    let (weights, inputs) = try sample()
    let whole = RecordedActivations(weights: weights, inputs: inputs)
    let count = try #require(whole.tensors[activation]).count
    for offset in [0, count - 1] {
      var capture = whole
      capture.tensors[activation]?.values[offset] += 0.1
      let verdict = try Judge(weights: weights).verdict(on: capture)
      #expect(verdict.flagged.first?.activation == activation, "element \(offset)")
    }
  }

  /// The greatest value a type holds is not the greatest that a definition gives.
  @Test(arguments: [
    (1e39, Double.infinity, Zone.consistent), (-1e39, -.infinity, .consistent), (1e39, -.infinity, .fail),
    (-1e39, .infinity, .fail), (1e38, .infinity, .fail), (1e39, .nan, .fail), (.infinity, 1e39, .fail),
    (.infinity, .infinity, .consistent), (1, .nan, .fail), (0, -.infinity, .fail),
  ])
  func onlyAnOverflowOfItsOwnSignIsRight(_ want: Double, _ got: Double, _ zone: Zone) {
    let estimate = Estimate(values: Tensor([want], shape: [1]), bounds: [Bound(1e30)])
    let comparison = ElementComparison(
      got: Tensor([got], shape: [1]), want: estimate, greatest: Double(Float.greatestFiniteMagnitude),
      isJudged: { _ in true })
    #expect(comparison.zone == zone, "\(got) where \(want) is due")
    #expect((comparison.zone == .consistent) == (comparison.ratio == 0))
  }

  /// Its bound is what an error is held against, and the worst element is the one reported.
  @Test func theWorstElementOfTheHighestZoneIsReported() {
    let bound = Bound(det: 4, prob: 2, stat: 1)
    for (errors, zone, worst, ratio) in [
      ([0.5, 1, 0.25], Zone.consistent, 1, 1.0), ([1.5, 0.5, 2], .suspect, 2, 2), ([3, 4, 1], .fail, 1, 4),
      ([4.5, 4, 8], .proven, 2, 8), ([1.5, 3, 1.75], .fail, 1, 3),
    ] {
      let want = Estimate(
        values: Tensor([10, 20, 30], shape: [3]), bounds: [Bound](repeating: bound, count: 3))
      for sign in [1.0, -1] {
        let got = Tensor(zip(want.values.values, errors).map { $0 + sign * $1 }, shape: [3])
        let comparison = ElementComparison(got: got, want: want, greatest: 1e30, isJudged: { _ in true })
        #expect(comparison.zone == zone && comparison.worst == worst, "\(errors)")
        #expect(comparison.ratio == ratio && comparison.comparedCount == 3, "\(errors)")
      }
    }
    let none = ElementComparison(
      got: Tensor([1], shape: [1]), want: Estimate(values: Tensor([9], shape: [1]), bounds: [bound]),
      greatest: 1e30, isJudged: { _ in false })
    #expect(none.comparedCount == 0 && none.zone == .consistent && none.worst == nil)
  }

  /// The golden's numbers are those of its own mask and positions.
  @Test func aCaptureOfAnotherMaskOrOfOtherPositionsIsRefused() throws {
    let (weights, inputs) = try sample()
    func golden(_ mask: [Bool]?, _ positions: [Int]?) throws -> RecordedActivations {
      try RecordedActivations(
        weights: weights,
        inputs: Inputs(
          tokenIDs: inputs.tokenIDs, positionIDs: positions, attentionMask: mask,
          graph: weights.graph))
    }
    let whole = try golden(nil, nil)
    let masked = try golden(inputs.tokenIDs.indices.map { $0 != 2 }, nil)
    let moved = try golden(nil, inputs.tokenIDs.indices.map { $0 + 1 })
    let judge = Judge(weights: weights)
    for (one, other) in [(whole, masked), (masked, whole), (whole, moved), (moved, whole), (masked, moved)] {
      #expect(throws: BadInput.self) { try judge.verdict(on: one, golden: other) }
    }
    // A mask that masks nothing is no mask.
    let all = try golden(inputs.tokenIDs.map { _ in true }, nil)
    #expect(try judge.verdict(on: all, golden: whole).outcome == .consistent)
    #expect(try judge.verdict(on: whole, golden: all).outcome == .consistent)
  }

  /// An engine that never stores its probabilities may reconstruct them; it is not judged by those.
  @Test func reconstructedProbabilitiesAreNotThoseOfTheContext() throws {
    let (weights, inputs) = try sample()
    let point = Activation(.attentionProbabilities, layer: 0)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    // The rows of one head by another rule: their sum is still 1.
    let scores = try #require(capture.tensors[Activation(.attentionScores, layer: 0)])
    capture.tensors[point] = Definition.probabilities(
      Tensor(scores.values.map { 1.001 * $0 }, shape: scores.shape), inputs: inputs)
    let judge = Judge(weights: weights)
    let asItsOwn = try judge.verdict(on: capture)
    #expect(asItsOwn.flagged.contains { $0.activation == Activation(.attentionContext, layer: 0) })
    let asDerived = try judge.verdict(on: Derived(recorded: capture, points: [point]))
    #expect(!asDerived.flagged.contains { $0.activation == Activation(.attentionContext, layer: 0) })
    let context = asDerived.findings.first { $0.activation == Activation(.attentionContext, layer: 0) }
    #expect(context?.hidden == [point])
    #expect(asDerived.notes.contains { $0.contains("1 activations were reconstructed") })
  }

  /// Where everything is recorded and some of it was replayed together, a drift is still looked for.
  @Test func aDriftIsLookedForWhereOperationsWereReplayedTogether() throws {
    let (weights, inputs) = try sample()
    let others = try SyntheticModel.probing.weights(Configuration(weights.graph), seed: 77)
    let capture = RecordedActivations(weights: weights, inputs: inputs)
    let golden = try Golden(others, inputs)
    let judge = Judge(weights: weights)
    let whole = try judge.verdict(on: capture, golden: golden)
    #expect(whole.outcome == .consistent && whole.notCompared.isEmpty)
    let derived = Derived(
      recorded: capture, points: Set((0..<2).map { Activation(.attentionProbabilities, layer: $0) }))
    let verdict = try judge.verdict(on: derived, golden: golden)
    #expect(verdict.notCompared.isEmpty)
    #expect(verdict.outcome == .inconclusive)
    #expect(verdict.flagged.map(\.zone) == [.suspect])
  }

  /// Bounds passed through several blocks say nothing; through one they do.
  @Test func whatIsHiddenInMoreThanOneBlockIsHeldAgainstNoise() throws {
    let (weights, _) = try sample()
    let operations = weights.graph.operations
    func spans(_ usable: Set<Activation>, _ output: Activation) throws -> (Bool, Bool) {
      let planner = ReplayPlanner(
        operations, hasWeights: true, isUsable: { usable.contains($0) }, isDerived: { _ in false })
      let operation = try #require(operations.first { $0.output == output })
      let plan = try planner.plan(operation)
      return (plan.spansBlocks(), plan.hidesMuch())
    }
    let (first, last) = (Activation(.residualOut, layer: 0), Activation(.residualOut, layer: 1))
    let start = Activation(.embeddingSum)
    #expect(try spans([start, first], last) == (false, true))
    #expect(try spans([start], last) == (true, true))
    #expect(try spans([start], first) == (false, true))
    let middle = Activation(.residualMiddle, layer: 0)
    let context = Activation(.attentionContext, layer: 0)
    #expect(try spans([start, context], middle) == (false, true))
    #expect(try spans([Activation(.residualIn, layer: 0), context], middle) == (false, false))
    // From the context of one block into the next: two blocks, the residual stream handed on between them.
    #expect(try spans([start, context], Activation(.layerNorm1, layer: 1)) == (false, true))
    #expect(try spans([start, context], Activation(.query, layer: 1)) == (true, true))
  }
}

/// A capture of which an engine reconstructed some activations.
private struct Derived: ActivationSource {
  var recorded: RecordedActivations
  let points: Set<Activation>

  var graph: Graph { recorded.graph }
  var inputs: Inputs { recorded.inputs }
  var precision: Precision { recorded.precision }
  func storedType(of activation: Activation) -> ScalarType? { recorded.storedType(of: activation) }
  func storedShape(of activation: Activation) -> [Int]? { recorded.storedShape(of: activation) }
  func isDerived(_ activation: Activation) -> Bool { points.contains(activation) }
  func tensor(_ activation: Activation) -> Tensor<Double>? { recorded.tensor(activation) }
}
