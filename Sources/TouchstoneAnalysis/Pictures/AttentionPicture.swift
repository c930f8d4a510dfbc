import TouchstoneModel
import TouchstoneReports

/// A heat map of each head's attention: rows are queries, columns keys, darkness is the weight.
struct AttentionPicture {
  /// The picture as an SVG document.
  let svg: String

  /// The most tokens that are drawn.
  static let greatestTokenCount = 256

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
    let count = max(labels.count, keyLabels.count)
    guard count <= Self.greatestTokenCount else {
      throw BadInput(
        place: "picture", problem: "\(count) tokens make squares too small to see",
        remedy: "shorten the prompt to \(Self.greatestTokenCount) tokens")
    }
    let margin = 8 + 7.3 * Double((labels + keyLabels).map(\.count).max() ?? 0)
    let side = Double(count) * Self.cell
    let columns = min(4, max(1, heads.count))
    let rows = (heads.count + columns - 1) / columns
    let panel = (width: margin + side + Self.gap, height: 24 + margin + side + Self.gap)
    var picture = SVG(width: Double(columns) * panel.width, height: 30 + Double(rows) * panel.height)
    picture.text("Attention in layer \(pattern.layer): each row looks at the columns", x: 12, y: 22, size: 15)
    for (place, head) in heads.enumerated() {
      let left = Double(place % columns) * panel.width + margin
      let top = 30 + Double(place / columns) * panel.height + 24 + margin
      picture.text(
        "head \(head)", x: left + Double(keyLabels.count) * Self.cell / 2, y: top - margin - 6, size: 13,
        anchor: .middle)
      Self.draw(pattern, head: head, labels, keyLabels, at: (left, top), in: &picture)
    }
    svg = picture.document
  }

  private static func draw(
    _ pattern: AttentionPattern, head: Int, _ labels: [String], _ keyLabels: [String],
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
      for key in pattern.keys(seenFrom: query) where weights[query, key] >= 0.0005 {
        picture.rectangle(
          x: origin.x + Double(key) * cell, y: origin.y + Double(query) * cell, width: cell, height: cell,
          opacity: weights[query, key])
      }
    }
  }
}
