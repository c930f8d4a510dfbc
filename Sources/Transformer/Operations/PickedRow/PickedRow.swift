import TouchstoneModel

/// The row of one token, the first: what stands for a whole text where a model pools so.
///
/// One activation [T, D]; makes [1, D].
public struct PickedRow: OperationKind {
  /// Picks the first row.
  public init() {}

  package static let name = Operation.Kind.Name.pickedRow
  package var kind: Operation.Kind { .pickedRow(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let axes = try operands.single()
    guard axes.count == 2, axes[0] == .token else { throw .graph("picks a row of \(axes.inWords)") }
    return [.rows(.first), axes[1]]
  }

  package var fields: [(name: String, value: JSONText)] { [("rule", .string("first"))] }

  package init(fields: inout JSONFields) throws(BadInput) {
    let rule = try fields.required("rule", try fields.string("rule"))
    guard rule == "first" else {
      throw BadInput(
        place: "rule", problem: "\(JSONValue.quoted(rule)) is not known", remedy: "known is first")
    }
    self.init()
  }
}
