import TouchstoneModel

/// The gradient by what was capped: dx = dy·(1 − tanh²(x/c)), element by element, and 0 where x is −∞.
///
/// What was capped and the gradient of what it became, of one shape, which is made.
public struct SoftCapGradient: OperationKind {
  /// c.
  public let cap: Double

  /// The gradient of a cap at `cap`.
  public init(at cap: Double) {
    self.cap = cap
  }

  package static let name = Operation.Kind.Name.softCapGradient
  package var kind: Operation.Kind { .softCapGradient(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 2...2)
    guard (0x1p-126...0x1p127).contains(cap) else {
      throw .graph("caps at \(cap), where a number from 2^−126 to 2^127 is wanted")
    }
    return try NormGradient.alike(operands.activations)
  }

  package var fields: [(name: String, value: JSONText)] { [("cap", .number(cap))] }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(at: try fields.required("cap", try fields.number("cap")))
  }
}
