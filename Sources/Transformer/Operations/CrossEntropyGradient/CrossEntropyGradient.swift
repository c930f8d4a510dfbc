import TouchstoneModel

/// The gradient of the loss by the logits: g[t, j] = s·(p[t, j] − q[t, j]), exactly 0 where no target is asked for.
///
/// p is the softmax of the row, q is 1 at the target, less what is spread over the vocabulary, and s = scale/divisor. One
/// activation, the logits [T, V], and the same shape made.
public struct CrossEntropyGradient: OperationKind {
  /// The loss.
  public let loss: Loss

  /// The gradient of `loss`.
  public init(_ loss: Loss) {
    self.loss = loss
  }

  package static let name = Operation.Kind.Name.crossEntropyGradient
  package var kind: Operation.Kind { .crossEntropyGradient(self) }
  package var sequenceInputs: [Input] { [.targets] }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let axes = try operands.single()
    try CrossEntropy.check(axes)
    try loss.check()
    return axes
  }

  package var fields: [(name: String, value: JSONText)] { loss.fields }

  package init(fields: inout JSONFields) throws(BadInput) { self.init(try Loss(fields: &fields)) }
}
