import TouchstoneModel
import TouchstoneReports

/// A heat map of each head's attention: rows are queries, columns keys, darkness is the weight.
///
/// Of more moments of a sound than can be told apart, neighbours are one column, which has the sum of their weights.
struct AttentionPicture {
  /// The picture as an SVG document.
  let svg: String

  /// The most tokens that are drawn.
  static let greatestTokenCount = 256
  /// The most columns that moments of a sound make.
  static let greatestFrameColumns = 128

  private static let cell = 14.0
  private static let gap = 30.0

  /// Draws some heads of a block side by side, four in a row.
  ///
  /// - Parameters:
  ///   - pattern: what to draw.
  ///   - heads: which heads.
  ///   - labels: how each query is written: [T].
  ///   - keyLabels: how each key is written: [T], or [S].
  /// - Throws: ``BadInput`` for more than ``greatestTokenCount`` tokens.
  init(_ pattern: AttentionPattern, heads: [Int], labels: [String], keyLabels: [String]) throws(BadInput) {
    try self.init(whole: pattern, heads: heads, labels: labels, keyLabels: keyLabels, keysInColumn: 1)
  }

  /// Draws attention to the moments of a sound, however many there are.
  ///
  /// - Throws: ``BadInput`` for more than ``greatestTokenCount`` tokens that listen.
  init(_ pattern: AttentionPattern, heads: [Int], labels: [String], frameCount: Int) throws(BadInput) {
    let width = (frameCount + Self.greatestFrameColumns - 1) / Self.greatestFrameColumns
    let starts = Array(stride(from: 0, to: frameCount, by: width))
    try self.init(
      whole: pattern, heads: heads, labels: labels, keyLabels: starts.map { "\($0)" }, keysInColumn: width)
  }

  private init(
    whole pattern: AttentionPattern, heads: [Int], labels: [String], keyLabels: [String], keysInColumn: Int
  ) throws(BadInput) {
    let count = max(labels.count, keyLabels.count)
    guard count <= Self.greatestTokenCount else {
      throw BadInput(
        place: "picture", problem: "\(count) tokens make squares too small to see",
        remedy: "shorten the prompt to \(Self.greatestTokenCount) tokens")
    }
    let margin = 8 + 7.3 * Double((labels + keyLabels).map(\.count).max() ?? 0)
    let size = (width: Double(keyLabels.count) * Self.cell, height: Double(labels.count) * Self.cell)
    let columns = min(4, max(1, heads.count))
    let rows = (heads.count + columns - 1) / columns
    let panel = (width: margin + size.width + Self.gap, height: 24 + margin + size.height + Self.gap)
    var picture = SVG(width: Double(columns) * panel.width, height: 30 + Double(rows) * panel.height)
    let columnsAre = keysInColumn > 1 ? ", \(keysInColumn) moments each" : ""
    picture.text(
      "Attention in layer \(pattern.layer): each row looks at the columns\(columnsAre)", x: 12, y: 22,
      size: 15)
    for (place, head) in heads.enumerated() {
      let left = Double(place % columns) * panel.width + margin
      let top = 30 + Double(place / columns) * panel.height + 24 + margin
      picture.text(
        "head \(head)", x: left + Double(keyLabels.count) * Self.cell / 2, y: top - margin - 6, size: 13,
        anchor: .middle)
      Self.draw(pattern, head: head, labels, keyLabels, keysInColumn, at: (left, top), in: &picture)
    }
    svg = picture.document
  }

  private static func draw(
    _ pattern: AttentionPattern, head: Int, _ labels: [String], _ keyLabels: [String], _ keysInColumn: Int,
    at origin: (x: Double, y: Double), in picture: inout SVG
  ) {
    let (weights, side) = (pattern.head(head), Double(keyLabels.count) * cell)
    for (index, label) in labels.enumerated() {
      let middle = (Double(index) + 0.5) * cell
      picture.text(label, x: origin.x - 4, y: origin.y + middle + 4, anchor: .end, isToken: true)
    }
    for (index, label) in keyLabels.enumerated() {
      let middle = (Double(index) + 0.5) * cell
      picture.text(label, x: origin.x + middle + 4, y: origin.y - 4, angle: -90, isToken: true)
    }
    // The future is hidden: grey, so that it is not taken for a weight of 0.
    for query in labels.indices where pattern.keys(seenFrom: query).count < keyLabels.count {
      let visible = Double(pattern.keys(seenFrom: query).count) * cell
      picture.rectangle(
        x: origin.x + visible, y: origin.y + Double(query) * cell, width: side - visible, height: cell,
        fill: "#e8e8e8")
    }
    for query in labels.indices {
      var columns = [Double](repeating: 0, count: keyLabels.count)
      for key in pattern.keys(seenFrom: query) { columns[key / keysInColumn] += weights[query, key] }
      for (column, weight) in columns.enumerated() where weight >= 0.0005 {
        picture.rectangle(
          x: origin.x + Double(column) * cell, y: origin.y + Double(query) * cell, width: cell, height: cell,
          opacity: weight)
      }
    }
  }
}
