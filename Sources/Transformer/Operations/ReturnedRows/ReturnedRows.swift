import TouchstoneModel

/// The rows of all experts put back where their tokens stand: y[t] = Σₖ x(ids[t, k])[t].
///
/// The chosen ids [T, K], then the rows of each expert, in their order, each [n, D] of the tokens that chose it; makes
/// [T, D]. It is what the rows' gradients come to.
public struct ReturnedRows: OperationKind {
  /// K.
  public let choices: Int

  /// Puts the rows of `choices` experts of each token back.
  public init(choices: Int) {
    self.choices = choices
  }

  package static let name = Operation.Kind.Name.returnedRows
  package var kind: Operation.Kind { .returnedRows(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 2...Int.max)
    guard operands.activations[0] == [.token, .slot(choices)] else {
      throw .graph("reads \(operands.activations[0].inWords) where [token, choice \(choices)] is wanted")
    }
    return [.token, .unit(try operands.widthOfExperts(from: 1))]
  }

  package var fields: [(name: String, value: JSONText)] { [("choices", .integer(choices))] }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(choices: try fields.required("choices", try fields.integer("choices")))
  }
}

extension OperandAxes {
  /// The width of what experts make, whose rows stand in their order from one operand on; the ids are the first operand.
  ///
  /// - Throws: ``BadInput`` for other axes.
  func widthOfExperts(from first: Int) throws(BadInput) -> Int {
    let width = try Self.units(of: activations[first])
    for (expert, axes) in activations.dropFirst(first).enumerated() {
      guard axes == [.rows(.expert(expert, of: names[0])), .unit(width)] else {
        throw .graph("reads \(axes.inWords) where the rows of expert \(expert) are wanted")
      }
    }
    return width
  }
}
