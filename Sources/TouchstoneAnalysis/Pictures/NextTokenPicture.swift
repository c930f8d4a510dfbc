import TouchstoneModel
import TouchstoneReports

/// Bars for the next-token distribution, one panel for each column of a table.
struct NextTokenPicture {
  /// The picture as an SVG document.
  let svg: String

  private static let rowHeight = 18.0
  private static let barWidth = 130.0

  /// Draws the columns of `table` side by side.
  ///
  /// - Parameters:
  ///   - table: what to draw.
  ///   - labels: how each token of ``NextTokenTable/tokens`` is written.
  init(_ table: NextTokenTable, labels: [String]) {
    let margin = 16 + 7.3 * Double(max(6, labels.map(\.count).max() ?? 0))
    let panelWidth = Self.barWidth + 56
    let rows = labels + ["others"]
    var picture = SVG(
      width: margin + Double(table.columns.count) * panelWidth,
      height: 44 + Double(rows.count) * Self.rowHeight + 30)
    for (row, label) in rows.enumerated() {
      picture.text(
        label, x: margin - 8, y: Self.baseline(row), anchor: .end, isToken: row < labels.count)
    }
    for (place, column) in table.columns.enumerated() {
      let left = margin + Double(place) * panelWidth
      picture.text(Self.title(column), x: left, y: 26, size: 13)
      for (row, probability) in (column.probabilities + [column.others]).enumerated() {
        let width = probability * Self.barWidth
        picture.rectangle(
          x: left, y: Self.baseline(row) - 12, width: width, height: 15,
          fill: row < labels.count ? SVG.ink : "#999")
        picture.text(percent(probability), x: left + width + 4, y: Self.baseline(row), size: 11)
      }
      picture.text(
        "\(column.possible) possible", x: left, y: Self.baseline(rows.count) + 4, size: 11, color: "#666")
    }
    svg = picture.document
  }

  private static func baseline(_ row: Int) -> Double {
    54 + Double(row) * rowHeight
  }

  private static func title(_ column: NextTokenTable.Column) -> String {
    "T = \(column.temperature)" + (column.topK.map { ", top \($0)" } ?? "")
      + (column.topP.map { ", top p \($0)" } ?? "")
  }
}
