import TouchstoneModel

/// Scores become weights: softmax over the visible keys of each query, exactly 0 elsewhere.
///
/// One activation [H, T, T], and the same shape made; a query without a visible key has the weight 0 everywhere. A vector
/// [H], or none, has a *sink* for each head: a score that takes part in every row and whose weight goes nowhere, so that
/// the others add up to less than 1 (Xiao et al. 2023; OpenAI's gpt-oss).
public struct AttentionProbabilities: OperationKind {
  /// Which keys a query may see: said again, because scores from elsewhere may hold any number where none is visible.
  public let visibility: Visibility

  /// Softmax over what is visible.
  public init(visibility: Visibility = .causal) {
    self.visibility = visibility
  }

  package static let name = Operation.Kind.Name.probabilities
  package var kind: Operation.Kind { .probabilities(self) }
  package var sequenceInputs: [Input] { [visibility.readsSource ? .encoderAttentionMask : .attentionMask] }
  package var parameterPurposes: [Parameter.Purpose] { [.sink] }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let axes = try operands.single(parameters: 0...1)
    guard axes.count == 3, case .head(let heads) = axes[0], axes[1...] == [.query, visibility.keyAxis]
    else {
      throw .graph("reads \(axes.inWords) where [head, query, key] is wanted")
    }
    if operands.parameters.count == 1 { try operands.expect(parameter: 0, shape: [heads]) }
    try visibility.check()
    return axes
  }

  /// The gradient by the probabilities themselves; a sink has what its weight, which nobody sees, takes from them.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    pullbacks.give(
      input: 0, of: operation, SoftmaxGradient(visibility: visibility), from: [operation.output, gradient])
    guard let sinks = operation.parameters.first else { return }
    try pullbacks.give(
      alone: sinks, SinkGradient(visibility: visibility),
      from: [operation.inputs[0], operation.output, gradient], with: [sinks])
  }

  package var fields: [(name: String, value: JSONText)] { [("visibility", visibility.stored)] }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(visibility: try Visibility(fields: &fields))
  }
}
