import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneTestSupport
import TouchstoneVerdict

/// A capture with datasets that the format does not know.
private struct MisnamedCapture: ActivationSource {
  var recorded: RecordedActivations
  let unknownPaths: [String]
  var unknownCounts: [String: Int] = [:]

  func elementCount(atUnknown path: String) -> Int? { unknownCounts[path] }
  var graph: Graph { recorded.graph }
  var inputs: Inputs { recorded.inputs }
  func storedType(of activation: Activation) -> ScalarType? { recorded.storedType(of: activation) }
  func storedShape(of activation: Activation) -> [Int]? { recorded.storedShape(of: activation) }
  func tensor(_ activation: Activation) -> Tensor<Double>? { recorded.tensor(activation) }
}

/// What stands under a wrong name is not passed over in silence.
@Suite struct UnknownNameTests {
  private let weights: Weights
  private let whole: RecordedActivations

  init() throws {
    weights = try Sample.visible.weights()
    whole = RecordedActivations(weights: weights, inputs: try Sample.visible.inputs(weights.graph))
  }

  /// The capture without some activations, and with datasets of other names.
  private func capture(without points: Set<Activation.Point>, unknown: [String]) -> MisnamedCapture {
    var recorded = whole
    recorded.tensors = whole.tensors.filter { !($0.key.point.map(points.contains) ?? false) }
    return MisnamedCapture(recorded: recorded, unknownPaths: unknown)
  }

  @Test(
    .clause("FIL-12"),
    arguments: [
      ("layers/0/ln_1", Activation.Point.layerNorm1), ("layers/000/ln1", .layerNorm1),
      ("layers/0/attention_probs", .attentionProbabilities), ("transformer.h.0.attn.c_attn", .key),
      ("qkv", .value), ("probabilities", .probabilities), ("layers/000/key_cache", .keyCache),
      ("layers/9/mlp_act", .feedForwardActivation),
    ])
  func whatMayBeMeantForAnOperationWithoutComparisonIsInconclusive(path: String, point: Activation.Point)
    throws
  {
    let capture = capture(without: [point], unknown: [path])
    let verdict = try Judge(weights: weights).verdict(on: capture)
    // Everything up to the logits is covered by something later, and yet.
    #expect(verdict.outcome == .inconclusive)
    #expect(verdict.flagged.isEmpty && verdict.uncovered.isEmpty)
    #expect(Headline(verdict).sentence.contains("\(path) (did you mean "), "\(Headline(verdict).sentence)")
    let accepted = try Judge(weights: weights, acceptsPartial: true).verdict(on: capture)
    #expect(accepted.outcome == .consistent)
    #expect(Headline(accepted).sentence.contains(path))
    for said in [verdict, accepted] { #expect(said.notes.contains { $0.contains(path) }) }
  }

  @Test(.clause("FIL-12"), arguments: ["layers/0/ln_1", "layers/000/hidden", "qkv", "notes"])
  func whatIsComparedUnderItsOwnNameNeedsNoOther(path: String) throws {
    let verdict = try Judge(weights: weights).verdict(on: capture(without: [], unknown: [path]))
    #expect(verdict.outcome == .consistent)
    #expect(verdict.notes.contains { $0.contains(path) && $0.contains("/extra") })
  }

  /// Whatever it is called: an engine's own word for a value is in nobody's table.
  @Test(
    .clause("FIL-12"),
    arguments: [
      ("layers/000/hook_post", [Activation.Point.feedForwardActivation]), ("layers/0/h1", [.residualMiddle]),
      ("layers/001/Wqkv", [.query, .key, .value]), ("0/packed", [.query, .key]),
      ("final/hidden", [.finalLayerNorm]),
      ("layers/000/q_proj", [.query]), ("layers/000/mlp", [.feedForwardActivation]),
    ])
  func whatHasTheSizeOfAnOperationWithoutComparisonIsInconclusive(path: String, points: [Activation.Point])
    throws
  {
    var capture = capture(without: Set(points), unknown: [path])
    let shapes = points.map { point in
      whole.graph.operations.first { $0.output.point == point }
        .flatMap { whole.storedShape(of: $0.output) } ?? []
    }
    capture.unknownCounts = [path: shapes.reduce(0) { $0 + $1.reduce(1, *) }]
    let verdict = try Judge(weights: weights).verdict(on: capture)
    #expect(verdict.outcome == .inconclusive)
    #expect(Headline(verdict).sentence.contains("\(path) (did you mean "), "\(Headline(verdict).sentence)")
    #expect(
      try Judge(weights: weights, acceptsPartial: true).verdict(on: capture).outcome == .consistent)
    // Where nothing is left open it is named, and no more.
    let everything = MisnamedCapture(
      recorded: whole, unknownPaths: [path], unknownCounts: [path: whole.inputs.count * 8])
    #expect(try Judge(weights: weights).verdict(on: everything).outcome == .consistent)
  }

  @Test(.clause("FIL-12")) func oneDatasetInPlaceOfAGroupStandsForWhatIsDueInIt() throws {
    let points = Activation.Point.allCases.filter { $0.isPerLayer }
    var capture = capture(without: Set(points), unknown: ["layers"])
    capture.unknownCounts = ["layers": 12345]
    let verdict = try Judge(weights: weights).verdict(on: capture)
    #expect(verdict.outcome == .inconclusive, "\(Headline(verdict).sentence)")
    #expect(verdict.unknownNames.filter(\.isMistaken) == verdict.unknownNames)
  }

  @Test(.clause("FIL-12"), arguments: ["layers/000/attention_mask", "layers/0/bias", "weight"])
  func whatSaysThatItIsNoActivationIsNotTakenForOne(path: String) throws {
    var capture = capture(without: [.layerNorm1], unknown: [path])
    capture.unknownCounts = [
      path: whole.storedShape(of: Activation(.layerNorm1, layer: 0))?.reduce(1, *) ?? 0
    ]
    #expect(try Judge(weights: weights).verdict(on: capture).outcome == .consistent)
  }

  @Test(.clause("FIL-12")) func aMismatchStaysOne() throws {
    var capture = capture(without: [.layerNorm1], unknown: ["layers/0/ln_1"])
    capture.recorded.tensors[Activation(.logits)]?.values[5] += 1
    #expect(try Judge(weights: weights).verdict(on: capture).outcome == .mismatch)
  }

  @Test func whatStandsBesideTheInputsIsNotAskedFor() throws {
    let verdict = try Judge(weights: weights).verdict(on: capture(without: [.query], unknown: ["inputs/q"]))
    #expect(verdict.outcome == .consistent && verdict.unknownNames.isEmpty)
  }

  @Test func manyNamesAreOneSentence() throws {
    let paths = (0..<500).map { "layers/0/ln_1/part_\($0)" } + (0..<500).map { "nothing/\($0)" }
    let verdict = try Judge(weights: weights).verdict(on: capture(without: [.layerNorm1], unknown: paths))
    let said = verdict.notes.filter { $0.contains("not of the format") }
    #expect(said.count == 1 && said[0].count < 400 && said[0].hasPrefix("1,000 datasets"), "\(said)")
    #expect(Headline(verdict).sentence.count < 400)
    #expect(verdict.unknownNames.count == 1000)
  }

  @Test func whereEveryNameIsWrongTheFirstLineSaysSo() throws {
    let capture = capture(without: Set(Activation.Point.allCases), unknown: ["logits"])
    let verdict = try Judge(weights: weights, acceptsPartial: true).verdict(on: capture)
    #expect(verdict.outcome == .inconclusive)
    #expect(Headline(verdict).sentence.contains("did you mean final/logits?"))
  }
}
