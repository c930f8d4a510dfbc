import TouchstoneModel

/// The gradient by scores that became weights: ds[h, i, j] = p[h, i, j]·(dp[h, i, j] − Σₖ p[h, i, k]·dp[h, i, k]) over the
/// visible keys, exactly 0 elsewhere.
///
/// The probabilities and their gradient, [H, T, T], which is made; of keys of a source of S tokens [H, T, S].
public struct SoftmaxGradient: OperationKind {
  /// Which keys a query may see: what is not seen is not read.
  public let visibility: Visibility

  /// The gradient of a softmax over what is visible.
  public init(visibility: Visibility = .causal) {
    self.visibility = visibility
  }

  package static let name = Operation.Kind.Name.softmaxGradient
  package var kind: Operation.Kind { .softmaxGradient(self) }
  package var sequenceInputs: [Input] { [visibility.readsSource ? .encoderAttentionMask : .attentionMask] }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 2...2)
    try visibility.check()
    let axes = try NormGradient.alike(operands.activations)
    guard axes.count == 3, case .head = axes[0], axes[1...] == [.query, visibility.keyAxis] else {
      throw .graph("reads \(axes.inWords) where [head, query, key] is wanted")
    }
    return axes
  }

  package var fields: [(name: String, value: JSONText)] { [("visibility", visibility.stored)] }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(visibility: try Visibility(fields: &fields))
  }
}
