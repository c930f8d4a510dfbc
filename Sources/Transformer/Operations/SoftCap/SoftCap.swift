import TouchstoneModel

/// A bound that is approached and never passed: y = c·tanh(x/c), and −∞ where x is −∞.
///
/// One activation of any axes, and the same made. Gemma 2 caps scores before they become weights, at 50, and logits, at 30
/// (Gemma Team 2024, §2.2).
public struct SoftCap: OperationKind {
  /// c.
  public let cap: Double

  /// Keeps values between −`cap` and `cap`.
  public init(at cap: Double) {
    self.cap = cap
  }

  package static let name = Operation.Kind.Name.softCap
  package var kind: Operation.Kind { .softCap(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let axes = try operands.single()
    guard (0x1p-126...0x1p127).contains(cap) else {
      throw .graph("caps at \(cap), where a number from 2^−126 to 2^127 is wanted")
    }
    return axes
  }

  /// The gradient times the slope.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    pullbacks.give(
      input: 0, of: operation, SoftCapGradient(at: cap), from: [operation.inputs[0], gradient])
  }

  package var fields: [(name: String, value: JSONText)] { [("cap", .number(cap))] }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(at: try fields.required("cap", try fields.number("cap")))
  }
}
