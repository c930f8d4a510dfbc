import TouchstoneModel

/// The gradient by the sinks of attention: dz[h] = −Σᵢ w[h, i]·Σⱼ p[h, i, j]·dp[h, i, j] over the visible keys.
///
/// w is the weight that the sink has in the row of query i. The scores, the probabilities and their gradient, each [H, T, T],
/// and the sinks [H], whose shape is made.
public struct SinkGradient: OperationKind {
  /// Which keys a query may see.
  public let visibility: Visibility

  /// The gradient by what takes part in a softmax over what is visible.
  public init(visibility: Visibility = .causal) {
    self.visibility = visibility
  }

  package static let name = Operation.Kind.Name.sinkGradient
  package var kind: Operation.Kind { .sinkGradient(self) }
  package var sequenceInputs: [Input] { [visibility.readsSource ? .encoderAttentionMask : .attentionMask] }
  package var parameterPurposes: [Parameter.Purpose] { [.sink] }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 3...3, parameters: 1...1)
    try visibility.check()
    let axes = try NormGradient.alike(operands.activations)
    guard axes.count == 3, case .head(let heads) = axes[0], axes[1...] == [.query, visibility.keyAxis] else {
      throw .graph("reads \(axes.inWords) where [head, query, key] is wanted")
    }
    let sinks = operands.parameters[0]
    guard sinks == ParameterView(sinks.parameter) else {
      throw .graph("is of \(sinks.parameter), which is viewed in part")
    }
    try operands.expect(parameter: 0, shape: [heads])
    return [.unit(heads)]
  }

  package var fields: [(name: String, value: JSONText)] { [("visibility", visibility.stored)] }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(visibility: try Visibility(fields: &fields))
  }
}
