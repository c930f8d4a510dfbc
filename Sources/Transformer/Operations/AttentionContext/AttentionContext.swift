import TouchstoneModel

/// What each token hears: c[t, h·d + c] = Σⱼ p[h, t, j]·v[g, j, c] over the visible keys j; g = ⌊h·KV/H⌋.
///
/// Probabilities [H, T, T], then values [KV, T, d]; KV divides H. Makes [T, H·d], heads side by side.
public struct AttentionContext: OperationKind {
  /// Which keys a query may see.
  public let visibility: Visibility

  /// The average of what is visible.
  public init(visibility: Visibility = .causal) {
    self.visibility = visibility
  }

  package static let name = Operation.Kind.Name.context
  package var kind: Operation.Kind { .context(self) }
  package var sequenceInputs: [Input] { [visibility.readsSource ? .encoderAttentionMask : .attentionMask] }
  package var cachedOperands: [Int: String] { visibility.readsSource ? [:] : [1: "v_cache"] }
  package var crossedOperands: Set<Int>? { visibility.readsSource ? [1] : [] }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 2...2)
    let probabilities = operands.activations[0]
    guard probabilities.count == 3, case .head(let count) = probabilities[0],
      probabilities[1...] == [.query, visibility.keyAxis]
    else { throw .graph("reads \(probabilities.inWords) where [head, query, key] is wanted") }
    let value = try OperandAxes.heads(of: operands.activations[1])
    guard count.isMultiple(of: value.count) else {
      throw .graph("weighs \(value.count) value heads by \(count) heads of probabilities")
    }
    try visibility.check()
    return [.token, .unit(count * value.width)]
  }

  /// Probabilities have the values, values the probabilities, weighted by the gradient.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    let (probabilities, value) = (operation.inputs[0], operation.inputs[1])
    pullbacks.give(
      input: 0, of: operation,
      AttentionGradient(
        of: .probabilities, heads: pullbacks.headCount(of: probabilities), visibility: visibility),
      from: [gradient, value])
    pullbacks.give(
      input: 1, of: operation,
      AttentionGradient(of: .values, heads: pullbacks.headCount(of: value), visibility: visibility),
      from: [probabilities, gradient])
  }

  package var fields: [(name: String, value: JSONText)] { [("visibility", visibility.stored)] }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(visibility: try Visibility(fields: &fields))
  }
}
