import TouchstoneModel

/// The rows of the tokens that go to one expert, in the order of the tokens.
///
/// Two activations, the rows [T, D] and the chosen ids [T, K]; makes [n, D], n tokens having chosen the expert.
public struct ChosenRows: OperationKind {
  /// Which expert.
  public let expert: Int

  /// Gathers what one expert is given.
  public init(of expert: Int) {
    self.expert = expert
  }

  package static let name = Operation.Kind.Name.chosenRows
  package var kind: Operation.Kind { .chosenRows(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 2...2)
    let (x, ids) = (operands.activations[0], operands.activations[1])
    guard x.count == 2, x[0] == .token else { throw .graph("takes rows of \(x.inWords)") }
    guard ids.count == 2, ids[0] == .token, case .slot = ids[1] else {
      throw .graph("reads \(ids.inWords) where [token, choice] is wanted")
    }
    guard (0..<Self.greatestCount).contains(expert) else { throw .graph("is of the expert \(expert)") }
    return [.rows(.expert(expert, of: operands.names[1])), x[1]]
  }

  /// Each row has its gradient back; those of all experts are one sum.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    let ids = operation.inputs[1]
    pullbacks.give(
      input: 0, of: operation, ReturnedRows(choices: pullbacks.headShape(of: ids).width),
      from: [ids, gradient])
  }

  /// The greatest number of experts, whose groups have three digits.
  static let greatestCount = 1000

  package var fields: [(name: String, value: JSONText)] { [("expert", .integer(expert))] }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(of: try fields.required("expert", try fields.integer("expert")))
  }
}
