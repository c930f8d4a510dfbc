import TouchstoneModel

/// Some columns of every head, or their sum over all heads.
///
/// One activation [n, T, w]; makes [n, T, b], or [1, T, b].
public struct TakenColumns: OperationKind {
  /// Which columns.
  public let columns: Range<Int>
  /// Whether those of all heads are added.
  public let addsHeads: Bool

  /// Takes `columns`.
  public init(_ columns: Range<Int>, ofAllHeads addsHeads: Bool = false) {
    self.columns = columns
    self.addsHeads = addsHeads
  }

  package static let name = Operation.Kind.Name.takenColumns
  package var kind: Operation.Kind { .takenColumns(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let read = try OperandAxes.heads(of: try operands.single())
    guard columns.lowerBound >= 0, !columns.isEmpty, columns.upperBound <= read.width else {
      throw .graph("takes the columns \(columns) of \(read.width)")
    }
    return [.head(addsHeads ? 1 : read.count), .token, .unit(columns.count)]
  }

  package var fields: [(name: String, value: JSONText)] {
    [
      ("first", .integer(columns.lowerBound)), ("count", .integer(columns.count)),
      ("adds_heads", .bool(addsHeads)),
    ]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    let first = try fields.required("first", try fields.integer("first"))
    let count = try fields.required("count", try fields.integer("count"))
    let extents = 0...Parameter.greatestExtent
    guard extents.contains(first), extents.contains(count) else {
      throw .graph("takes \(count) columns from \(first) on")
    }
    self.init(
      first..<first + count,
      ofAllHeads: try fields.required("adds_heads", try fields.bool("adds_heads")))
  }
}
