import TouchstoneModel

/// The gradient by what a nonlinearity read: dx = dy·f′(x), element by element; 0 where x is above what it is applied to.
///
/// What it read and the gradient of what it made, of one shape, which is made.
public struct ActivationGradient: OperationKind {
  /// f.
  public let function: ActivationFunction.Function
  /// The greatest x it is applied to; nil for none.
  public let limit: Double?

  /// The gradient of `function`, applied to no more than `limit`.
  public init(_ function: ActivationFunction.Function, limit: Double? = nil) {
    self.function = function
    self.limit = limit
  }

  /// Whether an argument is clipped; one that is as great as the limit is not.
  package func clips<Number: BinaryFloatingPoint>(_ x: Number) -> Bool {
    limit.map { x > Number($0) } ?? false
  }

  package static let name = Operation.Kind.Name.activationGradient
  package var kind: Operation.Kind { .activationGradient(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 2...2)
    guard limit ?? 1 > 0 else { throw .graph("is applied to no more than \(limit ?? 0)") }
    return try NormGradient.alike(operands.activations)
  }

  package var fields: [(name: String, value: JSONText)] {
    [("function", .string(function.rawValue))] + (limit.map { [("limit", .number($0))] } ?? [])
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(try fields.choice("function"), limit: try fields.number("limit"))
  }
}
