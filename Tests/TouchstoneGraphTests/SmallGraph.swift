import TouchstoneGraph
import TouchstoneModel

// Foundation has another `Operation`.
typealias Operation = TouchstoneGraph.Operation

/// A graph of one block with every kind of operation that reads heads, to be spoilt.
enum SmallGraph {
  static let width = 6
  static let block = Activation.Block(0)

  static func at(_ name: String) -> Activation { Activation(name, in: block) }
  static func weight(_ name: String, _ shape: Int...) -> ParameterView {
    ParameterView(Parameter(name, shape))
  }

  /// The operations; four query heads of two columns on two key heads.
  static var operations: [Operation] {
    [
      Operation(
        Embedding(.tokenIDs).kind, Activation("embed/token"), with: [weight("embed", 11, width)]),
      Operation(Identity().kind, at("resid_in"), from: [Activation("embed/token")]),
      Operation(
        RMSNorm(epsilon: 1e-5).kind, at("ln_1"), from: [at("resid_in")], with: [weight("norm", width)]),
      Operation(Linear(heads: 4).kind, at("q"), from: [at("ln_1")], with: [weight("q", 8, width)]),
      Operation(
        Linear(heads: 2).kind, at("k"), from: [at("ln_1")],
        with: [weight("k", 4, width), weight("k.bias", 4)]),
      Operation(
        Linear(heads: 2).kind, at("v"), from: [at("ln_1")],
        with: [ParameterView(Parameter("kv", [width, 8]), .inputsFirst, .part(1, of: 2))]),
      Operation(rotate.kind, at("q_rope"), from: [at("q")]),
      Operation(rotate.kind, at("k_rope"), from: [at("k")]),
      Operation(AttentionScores(scale: 0.5).kind, at("attn_scores"), from: [at("q_rope"), at("k_rope")]),
      Operation(AttentionProbabilities().kind, at("attn_probs"), from: [at("attn_scores")]),
      Operation(AttentionContext().kind, at("attn_context"), from: [at("attn_probs"), at("v")]),
      Operation(Linear().kind, at("attn_out"), from: [at("attn_context")], with: [weight("o", width, 8)]),
      Operation(Sum().kind, at("resid_mid"), from: [at("resid_in"), at("attn_out")]),
      Operation(
        LayerNorm(epsilon: 0).kind, Activation("final/ln_f"), from: [at("resid_mid")],
        with: [weight("gain", width), weight("shift", width)]),
      Operation(
        Linear().kind, Activation("final/logits"), from: [Activation("final/ln_f")],
        with: [
          weight("embed", 11, width)
        ]),
      Operation(Softmax().kind, Activation("final/probs"), from: [Activation("final/logits")]),
    ]
  }

  static let rotate = Rotate(width: 2, frequencies: RotaryFrequencies(theta: 10_000))
  static let results = Graph.Results(logits: Activation("final/logits"))

  static func graph() throws(BadInput) -> Graph { try Graph(validating: operations, results: results) }

  /// The operations with the one that makes `path` replaced.
  static func replacing(_ path: String, _ change: (Operation) -> Operation) -> [Operation] {
    operations.map { $0.output.path == path ? change($0) : $0 }
  }
}

extension Operation {
  /// The operation with something else in its place.
  func with(
    kind: Kind? = nil, output: Activation? = nil, inputs: [Activation]? = nil,
    parameters: [ParameterView]? = nil
  ) -> Operation {
    Operation(
      kind ?? self.kind, output ?? self.output, from: inputs ?? self.inputs,
      with: parameters ?? self.parameters)
  }
}
