import TouchstoneReports
import TouchstoneVerdict

/// The distribution of the next token at several temperatures, rendered.
public struct NextTokenReport: Sendable {
  private let table: NextTokenTable
  private let text: TokenText

  /// Joins a table with the names of its tokens.
  public init(_ table: NextTokenTable, text: TokenText) {
    self.table = table
    self.text = text
  }

  /// A table for a person.
  public func terminal() -> String {
    let columns = table.columns
    var lines = AlignedColumns(
      ([false] + columns.map { _ in true }).map { AlignedColumns.Column(isRight: $0) })
    lines.add(["temperature"] + columns.map { String($0.temperature) })
    if columns.contains(where: { $0.topK != nil }) {
      lines.add(["top-k"] + columns.map { $0.topK.map(String.init) ?? "" })
    }
    if columns.contains(where: { $0.topP != nil }) {
      lines.add(["top-p"] + columns.map { $0.topP.map { String($0) } ?? "" })
    }
    for (row, id) in table.tokens.enumerated() {
      lines.add([text.quoted(id)] + columns.map { percent($0.probabilities[row], digits: 2) })
    }
    lines.add(["all others"] + columns.map { percent($0.others, digits: 2) })
    lines.add(["possible tokens"] + columns.map { grouped($0.possible) })
    lines.add(["entropy (nats)"] + columns.map { fixed($0.entropy, 3) })
    return lines.lines().joined(separator: "\n") + "\n"
  }

  /// One JSON object.
  public func json() -> String {
    OrderedJSON.object([
      ("tokens", .array(table.tokens.map { .object(text.members($0)) })),
      ("columns", .array(table.columns.map(object))),
    ]).text() + "\n"
  }

  /// Bars for each column.
  public func svg() -> String {
    NextTokenPicture(table, labels: table.tokens.map(text.visible)).svg
  }

  private func object(_ column: NextTokenTable.Column) -> OrderedJSON {
    .object([
      ("temperature", .number(column.temperature)),
      ("top_k", column.topK.map { .integer($0) } ?? .null),
      ("top_p", .optional(column.topP)),
      ("probabilities", .array(column.probabilities.map { .number($0) })),
      ("others", .number(column.others)),
      ("possible", .integer(column.possible)),
      ("entropy", .number(column.entropy)),
    ])
  }
}
