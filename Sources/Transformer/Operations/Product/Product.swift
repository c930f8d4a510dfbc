import TouchstoneModel

/// The element-wise product of a gate and what it lets through: y = a·(clip(b, ±limit) + plus).
///
/// Two activations of one shape, a then b. Llama: silu(gate)·up; gpt-oss: plus 1 and limit 7.
public struct Product: OperationKind {
  /// What is added to b.
  public let plus: Double
  /// The greatest magnitude of b before that; nil for none.
  public let limit: Double?

  /// a·b, unless told otherwise.
  public init(plus: Double = 0, limit: Double? = nil) {
    self.plus = plus
    self.limit = limit
  }

  package static let name = Operation.Kind.Name.product
  package var kind: Operation.Kind { .product(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 2...2)
    let (a, b) = (operands.activations[0], operands.activations[1])
    guard a == b else { throw .graph("multiplies \(a.inWords) by \(b.inWords)") }
    guard limit ?? 0 >= 0 else { throw .graph("clips to the negative limit \(limit ?? 0)") }
    return a
  }

  /// Each factor has the gradient times the other; what is clipped has it where it is within the limit.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    let (a, b) = (operation.inputs[0], operation.inputs[1])
    pullbacks.give(input: 0, of: operation, self, from: [gradient, b])
    guard let limit else {
      pullbacks.give(input: 1, of: operation, Product(), from: [gradient, a])
      return
    }
    let ofClipped = pullbacks.made(
      Product(), named: b.name + "_clipped", beside: operation.output, from: [gradient, a])
    pullbacks.give(input: 1, of: operation, ClipGradient(limit: limit), from: [ofClipped, b])
  }

  package var fields: [(name: String, value: JSONText)] {
    [("plus", .number(plus)), ("limit", .optional(limit))]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      plus: try fields.required("plus", try fields.number("plus")), limit: try fields.number("limit"))
  }
}
