import TouchstoneModel

/// A constant times the input: y = c·x.
///
/// Gemma's √D on the embedding, T5's D^−½ before its tied head.
public struct Scale: OperationKind {
  /// c.
  public let factor: Double

  /// Multiplies by `factor`.
  public init(by factor: Double) {
    self.factor = factor
  }

  package static let name = Operation.Kind.Name.scale
  package var kind: Operation.Kind { .scale(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] { try operands.single() }

  /// The gradient is scaled alike.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    pullbacks.give(input: 0, of: operation, self, from: [gradient])
  }

  package var fields: [(name: String, value: JSONText)] { [("factor", .number(factor))] }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(by: try fields.required("factor", try fields.number("factor")))
  }
}
