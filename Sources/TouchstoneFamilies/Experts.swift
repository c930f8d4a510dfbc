import TouchstoneGraph
import TouchstoneModel

/// How a block sends tokens to experts.
public struct RoutingCounts: Sendable {
  /// E: how many experts there are.
  public let experts: Int
  /// K: how many of them a token goes to.
  public let choices: Int
}

extension ConfigFields {
  /// `num_local_experts`, also called `num_experts`, and `num_experts_per_tok`.
  ///
  /// - Parameters:
  ///   - experts: E where the field is absent.
  ///   - choices: K where the field is absent.
  /// - Throws: ``BadInput`` naming a field that cannot be.
  public mutating func routing(experts: Int, choices: Int) throws(BadInput) -> RoutingCounts {
    let experts = try size(["num_local_experts", "num_experts"], else: experts, greatest: 999)
    let choices = try size("num_experts_per_tok", else: choices)
    guard choices <= experts else {
      throw BadInput(
        place: "num_experts_per_tok", problem: "is \(choices) where there are \(experts) experts",
        remedy: "correct one of the two")
    }
    return RoutingCounts(experts: experts, choices: choices)
  }
}

extension GraphBuilder {
  /// Experts that are gated feed-forward blocks with matrices of their own, no biases.
  ///
  /// - Parameters:
  ///   - x: what they are given, [T, D].
  ///   - routing: how many there are, and to how many a token goes.
  ///   - isNormalised: whether the weights of a token add up to 1.
  ///   - function: the gate's.
  ///   - inner: F.
  ///   - outputs: D.
  ///   - module: in front of the names of router and experts: `gate` and `experts.N`.
  ///   - modules: an expert's gate, what passes it, and the way back.
  /// - Returns: `mlp_out`, [T, D].
  public mutating func gatedExperts(
    _ x: Activation, _ routing: RoutingCounts, isNormalised: Bool, _ function: ActivationFunction, inner: Int,
    outputs: Int, in module: String, modules: [String]
  ) -> Activation {
    let logits = linear("router_logits", x, module + "gate", outputs: routing.experts, hasBias: false)
    return experts(
      "mlp_out", of: x, logits: logits, choosing: routing.choices,
      weights: RouteWeights(isNormalised: isNormalised), parameters: { "\(module)experts.\($0)." }
    ) { b, _, rows in
      let gate = b.linear("mlp_gate", rows, modules[0], outputs: inner, hasBias: false)
      let up = b.linear("mlp_up", rows, modules[1], outputs: inner, hasBias: false)
      let gated = b.product("mlp_gated", b.activate("mlp_act", function, gate), up)
      return b.linear("mlp_out", gated, modules[2], outputs: outputs, hasBias: false)
    }
  }
}
