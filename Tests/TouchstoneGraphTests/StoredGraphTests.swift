import Foundation
import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

/// A graph as text: the same bytes from the same graph, and nothing that is not known.
@Suite struct StoredGraphTests {
  /// One of each kind, with numbers other than the usual ones.
  static let kinds: [Operation.Kind] =
    [
      Embedding(.positionIDs, offset: 2).kind, Embedding(.positionIDs, offset: 2, countsVisible: true).kind,
      Alibi(heads: 5, form: .bloom).kind, Alibi(heads: 6, form: .mpt).kind, Linear(heads: 2, limit: 1.5).kind,
      Sum().kind, Product(plus: 1, limit: 7).kind, Product().kind,
      Identity().kind, Scale(by: 1.0 / 3).kind, SoftCap(at: 30).kind, LayerNorm(epsilon: 1e-12).kind,
      RMSNorm(epsilon: 1e-6, offset: 1, isJoined: true).kind, Linear(heads: 5).kind, Linear().kind,
      AttentionScores(scale: 0.1, visibility: Visibility(isCausal: false, window: 64)).kind,
      AttentionProbabilities(visibility: Visibility(isCausal: true, window: 3)).kind, AttentionContext().kind,
      Softmax(temperature: 0.7).kind, RouteIDs(3).kind, RouteWeights(isNormalised: false, factor: 2.5).kind,
      RouteIDs(2, by: .sigmoid, groups: ExpertGroups(4, keeping: 3, by: .twoBest)).kind,
      RouteWeights(isNormalised: true, by: .sigmoid).kind, JoinedColumns().kind,
      RouteWeights(isNormalised: true).kind, ChosenRows(of: 4).kind, Mixture().kind, PickedRow().kind,
      PickedRow(.greatestID).kind, PickedRow(.firstOf(id: 7)).kind,
      ActivationFunction(.quickGELU, limit: 7).kind,
      RelativeBias(buckets: 8, greatestDistance: 20, isBothWays: true, ofSource: false).kind,
      RelativeBias(buckets: 9, greatestDistance: 20, isBothWays: false, ofSource: true).kind,
      Sinusoid(.positionIDs, width: 5, form: .halves).kind,
      Sinusoid(.encoderPositionIDs, width: 6, form: .interleaved).kind,
      Embedding(.encoderTokenIDs).kind,
      LogMel(FrontEnd(windowLength: 40, hop: 16), mels: 5, frames: 8).kind,
      Convolution(stride: 2, padding: 1, frames: 8).kind, Convolution(stride: 1, padding: 0).kind,
      Transpose().kind, Transpose(backTo: 8).kind,
      ConvolutionGradient(stride: 2, padding: 1, frames: 15).kind,
      ParameterGradient([.filters(Convolution(stride: 1, padding: 1))]).kind,
      ParameterGradient([.filters(Convolution(stride: 1, padding: 1, frames: 8))]).kind,
      ParameterGradient([.channels]).kind, Given(.pixelValues, 3, 8, 6).kind, Patches().kind, ClassRow().kind,
      Modulation(parts: 6, scale: 1, shift: 0, plus: 1).kind, Modulation(parts: 2, scale: 1, plus: 0).kind,
      Softmax(temperature: 0.7).kind, CrossEntropy(labelSmoothing: 0.1).kind, LossMean(.sum).kind,
      CrossEntropyGradient(Loss(divisor: 7, scale: 1024, labelSmoothing: 0.2)).kind, LinearGradient().kind,
      ParameterGradient([.matrix]).kind, ParameterGradient([.vector]).kind,
      ParameterGradient([.shift]).kind,
      ParameterGradient([.rows(Embedding(.positionIDs, offset: 1))]).kind,
      NormGradient(epsilon: 1e-6, isCentred: true, offset: 1).kind,
      NormGradient(epsilon: 1e-6, isCentred: false, isJoined: true).kind,
      GainGradient(epsilon: 1e-6, isCentred: true).kind, ActivationGradient(.silu).kind,
      SoftCapGradient(at: 30).kind, AttentionGradient(of: .probabilities, heads: 1).kind,
      AttentionGradient(of: .values, heads: 1).kind,
      AttentionGradient(of: .queries, heads: 1, scale: 0.3).kind,
      AttentionGradient(of: .keys, heads: 1, scale: 0.3, visibility: Visibility(isCausal: true, window: 3))
        .kind,
      SoftmaxGradient().kind, ClipGradient(limit: 1.5).kind, ClipGradient(limit: 7, ofClipped: true).kind,
      SinkGradient(visibility: Visibility(isCausal: true, window: 3)).kind,
      RouteGradient(of: RouteWeights(isNormalised: true, factor: 2.5, by: .sigmoid)).kind,
      MixtureGradient(of: .weights).kind, MixtureGradient(of: .expert(4)).kind,
      ReturnedRows(choices: 2).kind, TakenColumns(1..<3).kind, TakenColumns(0..<2, ofAllHeads: true).kind,
      ActivationGradient(.quickGELU, limit: 7).kind,
      ParameterGradient([
        .buckets(RelativeBias(buckets: 8, greatestDistance: 20, isBothWays: true, ofSource: true))
      ]).kind,
      Rotate(width: 4, frequencies: RotaryFrequencies(theta: 5e5), isTransposed: true).kind,
    ] + ActivationFunction.Function.allCases.map { ActivationFunction($0).kind }
    + scalings.flatMap { scaling in
      Rotate.Style.allCases.map {
        Rotate(
          width: 4, first: 2, style: $0, frequencies: RotaryFrequencies(theta: 5e5, scaling: scaling),
          magnitude: 1.2
        ).kind
      }
    }

  static let scalings: [RotaryFrequencies.Scaling] = [
    .none, .linear(factor: 2), .dynamic(factor: 2, positions: 8),
    .llama3(factor: 8, low: 1, high: 4, original: 8192),
    .yarn(factor: 4, fast: 32, slow: 1, original: 4096, truncates: false),
    .longrope(short: [1, 1.5], long: [2, 3.25], original: 4096), .proportional(factor: 8, turning: 1),
  ]

  @Test(.clause("GRA-5")) func thereIsOneOfEachKind() {
    let names = Set(Self.kinds.map { type(of: $0.payload).name })
    #expect(names == Set(Operation.Kind.Name.allCases))
  }

  /// The same of a kind that reads arrays.
  private func graphOfArrays(_ kind: Operation.Kind) throws -> Graph {
    let (pixels, cut) = (Activation("inputs/pixel_values"), Activation("embed/patches"))
    let (hidden, condition) = (Activation("inputs/hidden"), Activation("inputs/condition"))
    let filters = ParameterView(Parameter("f", [8, 3, 2, 3]))
    let (row, made) = (ParameterView(Parameter("c", [1, 1, 8])), Activation("made"))
    let picture = [
      Operation(Given(.pixelValues, 3, 8, 6).kind, pixels),
      Operation(Patches().kind, cut, from: [pixels], with: [filters]),
      Operation(ClassRow().kind, Activation("embed/token"), from: [cut], with: [row]),
    ]
    switch kind {
    case .given: return try Graph(validating: [Operation(kind, pixels)] + picture.dropFirst())
    case .patches:
      return try Graph(validating: picture + [Operation(kind, made, from: [pixels], with: [filters])])
    case .classRow: return try Graph(validating: picture + [Operation(kind, made, from: [cut], with: [row])])
    case .modulation(let own):
      return try Graph(validating: [
        Operation(Given(.hidden, 4).kind, hidden),
        Operation(Given(.condition, 4 * own.parts).kind, condition),
        Operation(kind, made, from: [hidden, condition]),
      ])
    default: throw BadInput(problem: "\(kind) reads no arrays")
    }
  }

  /// Reads as many operands as the kind may want, until one fits.
  private func graph(of kind: Operation.Kind) throws -> Graph {
    if let graph = try? graphOfArrays(kind) { return graph }
    let weight = SmallGraph.weight
    let (ids, rows) = (SmallGraph.at("expert_ids"), SmallGraph.at("experts/000/input"))
    let (vector, heads, scores) = (SmallGraph.at("resid_in"), SmallGraph.at("q8"), SmallGraph.at("s"))
    let (perToken, frames) = (Activation("loss/per_token"), Activation("encoder/embed/conv_1"))
    let heard = Activation("encoder/embed/frames")
    let filters = [ParameterView(Parameter("f", [4, 4, 3])), weight("c", 4)]
    let start = [
      Operation(Embedding(.tokenIDs).kind, vector, with: [weight("e", 9, 8)]),
      Operation(Linear(heads: 1).kind, heads, from: [vector], with: [weight("q", 8, 8)]),
      Operation(AttentionScores(scale: 1).kind, scores, from: [heads, heads]),
      Operation(RouteIDs(2).kind, ids, from: [vector]),
      Operation(ChosenRows(of: 0).kind, rows, from: [vector, ids]),
      Operation(CrossEntropy().kind, perToken, from: [vector]),
      Operation(Convolution(stride: 1, padding: 1, frames: 8).kind, frames, with: filters),
      Operation(Transpose().kind, heard, from: [frames]),
    ]
    let operands: [([Activation], [ParameterView])] = [
      ([], []),
      ([], [weight("p", 9, 8)]), ([], [weight("b", 8, 3)]), ([vector], []), ([vector, vector], []),
      ([vector], [weight("g", 8)]),
      ([vector], [weight("w", 10, 8)]), ([heads], []), ([heads], [weight("g", 8)]), ([heads, heads], []),
      ([scores], []), ([scores, heads], []), ([vector, ids], []), ([ids, ids, rows], []),
      ([scores], []), ([scores, heads], []), ([scores, vector], []), ([scores, scores], []),
      ([vector, heads], []), ([perToken], []), ([vector, vector], [weight("w", 8, 8)]),
      ([], filters), ([frames], filters), ([frames], []), ([heard], []), ([frames], [filters[0]]),
      ([frames, frames], [filters[0]]), ([frames], [filters[1]]), ([vector], [weight("b", 8)]),
      ([vector], [weight("t", 9, 8)]), ([vector], [weight("w", 8, 8)]),
      ([scores, scores, scores], [weight("z", 1)]), ([vector, ids, ids], []), ([ids, vector, rows], []),
      ([ids, ids, vector], []), ([ids, rows], []), ([scores], [weight("b", 8, 1)]),
    ]
    for (inputs, parameters) in operands {
      let last = Operation(kind, Activation("made"), from: inputs, with: parameters)
      if let graph = try? Graph(validating: start + [last]) { return graph }
    }
    throw BadInput(problem: "\(kind) fits nowhere")
  }

  @Test(.clause("GRA-5"), arguments: kinds) func aKindComesBackFromItsText(_ kind: Operation.Kind) throws {
    let graph = try graph(of: kind)
    let again = try Graph(json: Data(graph.json.utf8))
    #expect(again == graph)
    #expect(again.json == graph.json)
  }

  @Test(.clause("GRA-5")) func theTextIsThis() throws {
    let table = SmallGraph.weight("e", 9, 8)
    let graph = try Graph(
      validating: [
        Operation(Embedding(.tokenIDs).kind, Activation("embed/token"), with: [table]),
        Operation(
          Linear(heads: 2).kind, SmallGraph.at("q"), from: [Activation("embed/token")],
          with: [ParameterView(Parameter("c", [8, 12]), .inputsFirst, .part(0, of: 3))]),
        Operation(
          Linear().kind, Activation("final/logits"), from: [Activation("embed/token")], with: [table]),
      ], results: Graph.Results(logits: Activation("final/logits")))
    #expect(
      graph.json == """
        {"format": "touchstone-graph-1",
         "parameters": [
          {"name": "e", "shape": [9, 8]},
          {"name": "c", "shape": [8, 12]}],
         "operations": [
          {"output": "embed/token", "kind": "embedding", "ids": "token_ids", "offset": 0, "inputs": [], \
        "parameters": [{"name": "e", "layout": "oi", "groups": 1, "parts": 1, "take": [0, 1], "expert": null}]},
          {"output": "layers/000/q", "kind": "linear", "heads": 2, "inputs": ["embed/token"], \
        "parameters": [{"name": "c", "layout": "io", "groups": 1, "parts": 3, "take": [0, 1], "expert": null}]},
          {"output": "final/logits", "kind": "linear", "heads": null, "inputs": ["embed/token"], \
        "parameters": [{"name": "e", "layout": "oi", "groups": 1, "parts": 1, "take": [0, 1], "expert": null}]}],
         "results": {"logits": "final/logits"}}

        """)
  }

  /// A change of the text, and where the sentence that refuses it points.
  @Test(
    .clause("GRA-5"),
    arguments: [
      ("\"format\": \"touchstone-graph-1\"", "\"format\": \"touchstone-graph-2\"", "format"),
      ("\"format\": \"touchstone-graph-1\",", "", "format"),
      ("\"kind\": \"softmax\"", "\"kind\": \"hardmax\"", "operations[15]: kind"),
      ("\"temperature\": 1.0", "\"temperature\": 1.0, \"base\": 2", "operations[15]: \"base\""),
      ("\"temperature\": 1.0, ", "", "operations[15]: temperature"),
      ("\"temperature\": 1.0", "\"temperature\": \"1\"", "operations[15]: temperature"),
      ("\"temperature\": 1.0", "\"temperature\": 1e999", "byte"),
      ("\"temperature\": 1.0", "\"temperature\": -1", "final/probs"),
      ("\"name\": \"norm\", \"shape\": [6]", "\"name\": \"norm\", \"shape\": [7]", "layers/000/ln_1"),
      ("{\"name\": \"norm\", \"shape\": [6]},", "", "operations[2]: \"norm\""),
      (
        "{\"name\": \"norm\", \"shape\": [6]},", "{\"name\": \"norm\", \"shape\": [6], \"type\": 1},",
        "parameters[1]"
      ),
      (
        "{\"name\": \"norm\", \"shape\": [6]},", "{\"name\": \"norm\", \"shape\": [6.5]},",
        "parameters[1]: shape"
      ),
      (
        "{\"name\": \"norm\", \"shape\": [6]},",
        "{\"name\": \"norm\", \"shape\": [6]}, {\"name\": \"x\", \"shape\": [6]},", "parameters"
      ),
      (
        "{\"name\": \"norm\", \"shape\": [6]},",
        "{\"name\": \"norm\", \"shape\": [6]}, {\"name\": \"norm\", \"shape\": [6]},", "parameters[2]: norm"
      ),
      ("\"take\": [1, 2]", "\"take\": [2, 1]", "take"), ("\"take\": [1, 2]", "\"take\": [1]", "take"),
      ("\"take\": [1, 2]", "\"take\": [1, 2, 3]", "take"),
      ("\"take\": [1, 2]", "\"take\": [1, 3]", "kv"), ("\"layout\": \"io\"", "\"layout\": \"ii\"", "layout"),
      ("\"style\": \"half\"", "\"style\": \"quarter\"", "style"),
      ("\"type\": \"default\"", "\"type\": \"su\"", "type"),
      ("\"theta\": 10000.0", "\"theta\": 10000.0, \"factor\": 2", "\"factor\""),
      ("\"causal\": true", "\"causal\": 1", "causal"),
      ("\"logits\": \"final/logits\"", "\"logits\": \"x\"", "x"),
      ("\"logits\": \"final/logits\"", "\"logits\": \"X\"", "logits"),
      ("\"logits\": \"final/logits\"}", "\"logits\": \"final/logits\"}, \"loss\": null", "loss"),
      ("\"inputs\": [\"embed/token\"]", "\"inputs\": [7]", "inputs"),
      ("\"output\": \"embed/token\"", "\"output\": \"embed token\"", "output"),
    ])
  func aSpoiltTextIsRefused(what: String, by: String, place: String) throws {
    let text = try SmallGraph.graph().json
    let range = try #require(text.range(of: what))
    let spoilt = text.replacingCharacters(in: range, with: by)
    let error = #expect(throws: BadInput.self) { try Graph(json: Data(spoilt.utf8)) }
    #expect(error?.description.contains(place) == true, "\(error?.description ?? "")")
  }

  @Test(.clause("GRA-5"), arguments: ["", "[]", "{}", "null", "{\"format\": 1}", "\u{0}"])
  func whatIsNoGraphIsRefused(text: String) {
    #expect(throws: BadInput.self) { try Graph(json: Data(text.utf8)) }
  }

  @Test(.clause("GRA-5")) func everyByteThatIsCutOffIsMissed() throws {
    let text = Array(try SmallGraph.graph().json.utf8)
    for length in stride(from: 0, to: text.count - 1, by: 7) {
      #expect(throws: BadInput.self) { try Graph(json: Data(text.prefix(length))) }
    }
  }
}
