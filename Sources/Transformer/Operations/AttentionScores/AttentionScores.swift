import TouchstoneModel

/// How strongly each token looks for each other.
///
/// s[h, i, j] = scale·Σ_c q[h, i, c]·k[g, j, c] where key j is visible to query i, −∞ elsewhere; g = ⌊h·KV/H⌋ (Vaswani et
/// al. 2017, §3.2.1).
///
/// Queries [H, T, d], then keys [KV, T, d]; KV divides H, and H/KV query heads share a key head (Ainslie et al. 2023). A
/// third activation, a bias [H, T, T], is added after the scaling. Makes [H, T, T]; of keys of a source of S tokens
/// [H, T, S].
public struct AttentionScores: OperationKind {
  /// The factor on each product, usually 1/√d.
  public let scale: Double
  /// Which keys a query may see.
  public let visibility: Visibility

  /// Scores of visible pairs.
  public init(scale: Double, visibility: Visibility = .causal) {
    self.scale = scale
    self.visibility = visibility
  }

  package static let name = Operation.Kind.Name.scores
  package var kind: Operation.Kind { .scores(self) }
  package var sequenceInputs: [Input] { [visibility.readsSource ? .encoderAttentionMask : .attentionMask] }
  package var cachedOperands: [Int: String] { visibility.readsSource ? [:] : [1: "k_cache"] }
  package var crossedOperands: Set<Int>? { visibility.readsSource ? [1] : [] }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 2...3)
    let query = try OperandAxes.heads(of: operands.activations[0])
    let key = try OperandAxes.heads(of: operands.activations[1])
    guard query.width == key.width, query.count.isMultiple(of: key.count) else {
      throw .graph(
        "compares \(query.count) query heads of \(query.width) with \(key.count) key heads of \(key.width)")
    }
    try visibility.check()
    let axes: [Axis] = [.head(query.count), .query, visibility.keyAxis]
    if operands.activations.count == 3, operands.activations[2] != axes {
      throw .graph("adds the bias \(operands.activations[2].inWords) to \(axes.inWords)")
    }
    return axes
  }

  /// Queries have the keys, keys the queries, weighted by the gradients of the scores; a bias has those themselves.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    let (query, key) = (operation.inputs[0], operation.inputs[1])
    pullbacks.give(
      input: 0, of: operation,
      AttentionGradient(
        of: .queries, heads: pullbacks.headCount(of: query), scale: scale, visibility: visibility),
      from: [gradient, key])
    pullbacks.give(
      input: 1, of: operation,
      AttentionGradient(
        of: .keys, heads: pullbacks.headCount(of: key), scale: scale, visibility: visibility),
      from: [gradient, query])
    for bias in operation.inputs.dropFirst(2) { pullbacks.handOn(gradient, to: bias) }
  }

  package var fields: [(name: String, value: JSONText)] {
    [("scale", .number(scale)), ("visibility", visibility.stored)]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      scale: try fields.required("scale", try fields.number("scale")),
      visibility: try Visibility(fields: &fields))
  }
}
