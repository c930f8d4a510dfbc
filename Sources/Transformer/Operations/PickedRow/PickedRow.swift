import TouchstoneModel

/// The row of one token, which stands for a whole text: the first, or that of the text's end.
///
/// One activation [T, D]; makes [1, D].
public struct PickedRow: OperationKind {
  /// Which token it is.
  public enum Rule: Hashable, Sendable {
    /// The first.
    case first
    /// The first of those with the greatest id, which old vocabularies of CLIP give to the end of a text.
    case greatestID
    /// The first of those with this id; the first of all where none has it.
    case firstOf(id: Int)

    /// The token of a sequence that it picks, from 0.
    ///
    /// - Parameter ids: token ids: [T].
    package func token(of ids: [Int]) -> Int {
      switch self {
      case .first: 0
      case .greatestID: ids.max().flatMap(ids.firstIndex(of:)) ?? 0
      case .firstOf(let id): ids.firstIndex(of: id) ?? 0
      }
    }
  }

  /// Which row is picked.
  public let rule: Rule

  /// Picks a row.
  public init(_ rule: Rule = .first) { self.rule = rule }

  package static let name = Operation.Kind.Name.pickedRow
  package var kind: Operation.Kind { .pickedRow(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let axes = try operands.single()
    guard axes.count == 2, axes[0] == .token else { throw .graph("picks a row of \(axes.inWords)") }
    return [.rows(.picked(rule)), axes[1]]
  }

  package var fields: [(name: String, value: JSONText)] {
    switch rule {
    case .first: [("rule", .string("first"))]
    case .greatestID: [("rule", .string("greatestId"))]
    case .firstOf(let id): [("rule", .string("firstOf")), ("id", .integer(id))]
    }
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    switch try fields.required("rule", try fields.string("rule")) {
    case "first": self.init(.first)
    case "greatestId": self.init(.greatestID)
    case "firstOf": self.init(.firstOf(id: try fields.required("id", try fields.integer("id"))))
    case let rule:
      throw BadInput(
        place: "rule", problem: "\(JSONValue.quoted(rule)) is not known",
        remedy: "known are first, greatestId, firstOf")
    }
  }
}
