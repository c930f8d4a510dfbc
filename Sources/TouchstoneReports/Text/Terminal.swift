import TouchstoneVerdict

/// Colours of a terminal, or none.
struct TerminalStyle {
  let color: Bool

  /// `text` in the colour of a zone.
  func zone(_ zone: Zone, _ text: String) -> String {
    switch zone {
    case .consistent: text
    case .suspect: paint(text, "33")
    case .fail, .proven: paint(text, "1;31")
    }
  }

  /// `text` in the colour of an outcome.
  func outcome(_ outcome: Verdict.Outcome, _ text: String) -> String {
    switch outcome {
    case .consistent: paint(text, "1;32")
    case .mismatch: paint(text, "1;31")
    case .inconclusive: paint(text, "1;33")
    }
  }

  /// `text` that something could not be read.
  func refused(_ text: String) -> String { paint(text, "1;31") }

  private func paint(_ text: String, _ code: String) -> String {
    color ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }
}

/// Columns as wide as their widest cell.
package struct AlignedColumns {
  /// Text, and whether it stands on the right.
  package struct Column {
    let isRight: Bool

    package init(isRight: Bool) {
      self.isRight = isRight
    }
  }

  let columns: [Column]
  private(set) var rows: [[String]] = []

  package init(_ columns: [Column]) {
    self.columns = columns
  }

  package mutating func add(_ cells: [String]) {
    rows.append(cells)
  }

  /// The rows as lines; `style` sees each padded cell, so that colours do not count as width.
  package func lines(style: (_ row: Int, _ column: Int, _ cell: String) -> String = { $2 }) -> [String] {
    let widths = columns.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.indices.map { row in
      var line = columns.indices.map { column in
        let cell = rows[row][column]
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return style(row, column, columns[column].isRight ? space + cell : cell + space)
      }.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
