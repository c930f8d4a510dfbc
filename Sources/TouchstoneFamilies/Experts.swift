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
  ///   - name: what else the number of experts is called; nil for nothing.
  ///   - experts: E where the field is absent.
  ///   - choices: K where the field is absent; nil where it must be there.
  /// - Throws: ``BadInput`` naming a field that is missing or cannot be.
  public mutating func routing(
    _ name: String? = nil, experts: Int, choices: Int?
  ) throws(BadInput) -> RoutingCounts {
    let names = (name.map { [$0] } ?? []) + ["num_local_experts", "num_experts"]
    let experts = try size(names, else: experts, greatest: 999)
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
  ///   - choice: which of them; the K of the best logits unless given.
  ///   - correction: the end of the name of what is added to scores for the choice; nil for nothing.
  ///   - weights: how they are weighed.
  ///   - function: the gate's.
  ///   - inner: F.
  ///   - outputs: D.
  ///   - module: in front of the names of router and experts: `gate` and `experts.N`.
  ///   - modules: an expert's gate, what passes it, and the way back.
  ///   - name: of the mixture.
  /// - Returns: the mixture, [T, D].
  public mutating func gatedExperts(
    _ x: Activation, _ routing: RoutingCounts, choice: RouteIDs? = nil, correction: String? = nil,
    weights: RouteWeights, _ function: ActivationFunction, inner: Int, outputs: Int, in module: String,
    modules: [String], named name: String = "mlp_out"
  ) -> Activation {
    let logits = linear("router_logits", x, module + "gate", outputs: routing.experts, hasBias: false)
    return experts(
      name, of: x, logits: logits, choosing: choice ?? RouteIDs(routing.choices),
      correction: correction.map { parameter(module + $0, routing.experts) }, weights: weights,
      parameters: { "\(module)experts.\($0)." }
    ) { b, _, rows in
      b.gatedFeedForward(rows, function, inner: inner, outputs: outputs, modules: modules)
    }
  }
}
