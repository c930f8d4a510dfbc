import TouchstoneModel

/// The gradient by what a nonlinearity read: dx = dy·f′(x), element by element.
///
/// What it read and the gradient of what it made, of one shape, which is made.
public struct ActivationGradient: OperationKind {
  /// f.
  public let function: ActivationFunction.Function

  /// The gradient of `function`.
  public init(_ function: ActivationFunction.Function) {
    self.function = function
  }

  package static let name = Operation.Kind.Name.activationGradient
  package var kind: Operation.Kind { .activationGradient(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 2...2)
    return try NormGradient.alike(operands.activations)
  }

  package var fields: [(name: String, value: JSONText)] { [("function", .string(function.rawValue))] }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(try fields.choice("function"))
  }
}
