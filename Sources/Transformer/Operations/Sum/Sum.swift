import TouchstoneModel

/// The element-wise sum: y = x₁ + … + xₙ, of two or more activations of one shape.
public struct Sum: OperationKind {
  /// A sum.
  public init() {}

  package static let name = Operation.Kind.Name.sum
  package var kind: Operation.Kind { .sum(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 2...Int.max)
    let first = operands.activations[0]
    if let other = operands.activations.first(where: { $0 != first }) {
      throw .graph("adds \(first.inWords) and \(other.inWords)")
    }
    return first
  }

  /// Each summand has the gradient of the sum.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    for summand in operation.inputs { pullbacks.handOn(gradient, to: summand) }
  }

  package var fields: [(name: String, value: JSONText)] { [] }
  package init(fields: inout JSONFields) throws(BadInput) { self.init() }
}
