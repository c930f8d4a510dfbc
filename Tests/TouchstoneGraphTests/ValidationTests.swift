import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

/// What a graph must be, whoever wrote it.
@Suite struct ValidationTests {
  private typealias G = SmallGraph

  @Test(.clause("GRA-3")) func axesFollowFromTheOperations() throws {
    let graph = try G.graph()
    func axes(_ path: String) throws -> [Axis]? { graph.axes(of: try #require(Activation(path: path))) }
    #expect(try axes("embed/token") == [.token, .unit(6)])
    #expect(try axes("layers/000/q_rope") == [.head(4), .token, .unit(2)])
    #expect(try axes("layers/000/v") == [.head(2), .token, .unit(2)])
    #expect(try axes("layers/000/attn_probs") == [.head(4), .query, .key])
    #expect(try axes("layers/000/attn_context") == [.token, .unit(8)])
    #expect(try axes("final/logits") == [.token, .vocabulary(11)])
    #expect(try axes("final/probs") == [.token, .vocabulary(11)])
    #expect(try axes("layers/000/k_cache") == [.head(2), .token, .unit(2)])
    #expect(try axes("layers/000/v_cache") == [.head(2), .token, .unit(2)])
    #expect(try axes("layers/001/q") == nil)
    #expect(graph.shape(of: G.at("attn_scores"), tokenCount: 5) == [4, 5, 5])
    #expect(graph.axes(of: G.at("attn_scores"))?.map(\.name) == ["head", "query", "key"])
    #expect(
      graph.parameters.map(\.name) == ["embed", "norm", "q", "k", "k.bias", "kv", "o", "gain", "shift"])
    #expect(graph.inputs == [.tokenIDs, .positionIDs, .attentionMask])
    #expect(graph.idCount(of: .tokenIDs) == 11 && graph.idCount(of: .positionIDs) == nil)
    #expect(graph.parameterCount == 66 + 6 + 48 + 24 + 4 + 48 + 48 + 6 + 6)
  }

  /// A spoilt graph, and a word of the sentence that refuses it.
  struct Spoilt: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let place: String
    let operations: [Operation]
    init(_ place: String, _ what: String, _ operations: [Operation]) {
      (self.place, testDescription, self.operations) = (place, what, operations)
    }
  }

  private static func at(_ path: String, _ what: String, _ change: (Operation) -> Operation) -> Spoilt {
    Spoilt(path, what, G.replacing(path, change))
  }

  static let order: [Spoilt] = [
    Spoilt("layers/000/q", "an operation before what it reads", G.operations.swapped(2, 3)),
    at("layers/000/resid_mid", "reads itself") { $0.with(inputs: [$0.output, $0.output]) },
    at("layers/000/attn_out", "reads what nobody makes") { $0.with(inputs: [G.at("nobody")]) },
    Spoilt("layers/000/q", "made twice", G.operations + [G.operations[3]]),
  ]

  static let names: [Spoilt] = [
    at("final/probs", "a name with a space") { $0.with(output: Activation("final probs")) },
    at("final/probs", "a name of another group") { $0.with(output: Activation("weights/probs")) },
    at("final/probs", "a name that reads as a block") { $0.with(output: Activation("layers/0/probs")) },
    at("final/probs", "a name that is what a cache holds") { $0.with(output: G.at("k_cache")) },
    at("layers/000/attn_out", "a parameter without a name") { $0.with(parameters: [G.weight("", 6, 8)]) },
    at("layers/000/attn_out", "a parameter with a slash") { $0.with(parameters: [G.weight("a/b", 6, 8)]) },
    at("layers/000/attn_out", "a long name") {
      $0.with(parameters: [G.weight(String(repeating: "o", count: 201), 6, 8)])
    },
  ]

  static let shapes: [Spoilt] = [
    at("layers/000/resid_mid", "a sum of unequal widths") {
      $0.with(inputs: [G.at("resid_in"), G.at("attn_context")])
    },
    at("layers/000/resid_mid", "a sum of one") { $0.with(inputs: [G.at("resid_in")]) },
    at("layers/000/ln_1", "a gain of another width") { $0.with(parameters: [G.weight("norm", 7)]) },
    at("layers/000/ln_1", "no gain") { $0.with(parameters: []) },
    at("layers/000/q", "a matrix of other inputs") { $0.with(parameters: [G.weight("q", 8, 7)]) },
    at("layers/000/q", "heads that do not divide") { $0.with(kind: Linear(heads: 3).kind) },
    at("layers/000/q", "no heads") { $0.with(kind: Linear(heads: 0).kind) },
    at("layers/000/k", "a bias of another width") {
      $0.with(parameters: [G.weight("k", 4, 6), G.weight("k.bias", 8)])
    },
    at("layers/000/attn_scores", "query heads that key heads do not divide") {
      $0.with(inputs: [G.at("k_rope"), G.at("q_rope")])
    },
    at("layers/000/attn_scores", "scores of vectors") { $0.with(inputs: [G.at("ln_1"), G.at("k_rope")]) },
    at("layers/000/attn_probs", "probabilities of vectors") { $0.with(inputs: [G.at("ln_1")]) },
    at("layers/000/attn_context", "values that are not heads") {
      $0.with(inputs: [G.at("attn_probs"), G.at("ln_1")])
    },
    at("layers/000/q_rope", "more columns than a head has") {
      $0.with(kind: Rotate(width: 4, frequencies: G.rotate.frequencies).kind)
    },
    at("layers/000/q_rope", "columns beyond the head") {
      $0.with(kind: Rotate(width: 2, first: 1, frequencies: G.rotate.frequencies).kind)
    },
    at("layers/000/q_rope", "an odd number of columns") {
      $0.with(kind: Rotate(width: 1, frequencies: G.rotate.frequencies).kind)
    },
    at("layers/000/q_rope", "a base of zero") {
      $0.with(kind: Rotate(width: 2, frequencies: RotaryFrequencies(theta: 0)).kind)
    },
    at("layers/000/q_rope", "factors for other pairs") {
      let scaling = RotaryFrequencies.Scaling.longrope(short: [1, 1], long: [1], original: 4)
      return $0.with(kind: Rotate(width: 2, frequencies: RotaryFrequencies(theta: 2, scaling: scaling)).kind)
    },
    at("layers/000/attn_scores", "a window through which nothing is seen") {
      $0.with(kind: AttentionScores(scale: 1, visibility: Visibility(isCausal: true, window: 0)).kind)
    },
    at("embed/token", "rows beyond the table") { $0.with(kind: Embedding(.tokenIDs, offset: 11).kind) },
    at("embed/token", "a mask looked up") { $0.with(kind: Embedding(.attentionMask).kind) },
    at("final/probs", "a temperature of zero") { $0.with(kind: Softmax(temperature: 0).kind) },
    Spoilt(
      "embed", "one parameter with two shapes",
      G.replacing("embed/token") { $0.with(parameters: [G.weight("embed", 12, 6)]) }),
  ]

  static let sizes: [Spoilt] = [
    at("embed/token", "an extent of zero") { $0.with(parameters: [G.weight("embed", 0, 6)]) },
    at("embed/token", "a negative extent") { $0.with(parameters: [G.weight("embed", -1, 6)]) },
    at("embed/token", "too great an extent") { $0.with(parameters: [G.weight("embed", .max, 6)]) },
    at("embed/token", "too many elements") {
      $0.with(parameters: [G.weight("embed", Parameter.greatestExtent, Parameter.greatestExtent)])
    },
    at("layers/000/v", "parts that do not divide") {
      $0.with(parameters: [ParameterView(Parameter("kv", [6, 8]), .inputsFirst, .part(1, of: 3))])
    },
    at("layers/000/v", "groups whose product overflows") {
      $0.with(parameters: [
        ParameterView(Parameter("kv", [6, 8]), .inputsFirst, .init(groups: .max, parts: .max, take: 0..<1))
      ])
    },
    at("layers/000/v", "no parts") {
      $0.with(parameters: [ParameterView(Parameter("kv", [6, 8]), .inputsFirst, .init(parts: 0))])
    },
    at("layers/000/v", "parts beyond the last") {
      $0.with(parameters: [ParameterView(Parameter("kv", [6, 8]), .inputsFirst, .part(2, of: 2))])
    },
    at("layers/000/v", "an expert where there is none") {
      $0.with(parameters: [ParameterView(Parameter("kv", [6, 8]), .inputsFirst, .init(expert: 0))])
    },
    at("layers/000/v", "an expert beyond the last") {
      $0.with(parameters: [ParameterView(Parameter("kv", [2, 6, 4]), .inputsFirst, .init(expert: 2))])
    },
    Spoilt("graph", "no operations", []),
  ]

  @Test(.clause("GRA-1"), arguments: order) func whatIsReadMustBeThere(_ spoilt: Spoilt) {
    expectRefused(spoilt)
  }
  @Test(.clause("GRA-2"), arguments: names) func namesAreWellFormed(_ spoilt: Spoilt) {
    expectRefused(spoilt)
  }
  @Test(.clause("GRA-3"), arguments: shapes) func operandsFit(_ spoilt: Spoilt) { expectRefused(spoilt) }
  @Test(.clause("GRA-3", "GRA-4"), arguments: sizes) func sizesAreBounded(_ spoilt: Spoilt) {
    expectRefused(spoilt)
  }

  private func expectRefused(_ spoilt: Spoilt) {
    let error = #expect(throws: BadInput.self) {
      try Graph(validating: spoilt.operations)
    }
    let sentence = error?.description ?? ""
    #expect(sentence.contains(spoilt.place == "graph" ? "operations" : spoilt.place) || spoilt.isRenamed)
  }

  @Test(.clause("GRA-1")) func aResultMustBeMade() {
    #expect(throws: BadInput.self) {
      try Graph(validating: G.operations, results: Graph.Results(logits: Activation("final/other")))
    }
  }

  @Test(.clause("GRA-3")) func whatNobodyReadsIsAllowed() throws {
    let extra = Operation(Scale(by: 2).kind, Activation("final/scaled"), from: [Activation("final/ln_f")])
    #expect(try Graph(validating: G.operations + [extra]).axes(of: extra.output) == [.token, .unit(6)])
  }
}

extension ValidationTests.Spoilt {
  /// Whether the refusal names what the operation was renamed to.
  fileprivate var isRenamed: Bool { !operations.contains { $0.output.path == place } }
}

extension [Operation] {
  fileprivate func swapped(_ a: Int, _ b: Int) -> [Operation] {
    var copy = self
    copy.swapAt(a, b)
    return copy
  }
}
