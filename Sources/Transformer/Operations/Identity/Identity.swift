import TouchstoneModel

/// The input itself, bit for bit, under another name.
public struct Identity: OperationKind {
  /// The identity.
  public init() {}

  package static let name = Operation.Kind.Name.identity
  package var kind: Operation.Kind { .identity(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] { try operands.single() }

  /// The gradient is handed on.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    pullbacks.handOn(gradient, to: operation.inputs[0])
  }

  package var fields: [(name: String, value: JSONText)] { [] }
  package init(fields: inout JSONFields) throws(BadInput) { self.init() }
}
