import TouchstoneModel
import TouchstoneReports

/// A text in which the darkness behind each token is how much it surprised the model.
struct ScorePicture {
  /// The picture as an SVG document.
  let svg: String

  /// The most tokens that are drawn.
  static let greatestTokenCount = 4096

  private static let characterWidth = 9.0
  private static let lineHeight = 26.0
  private static let pageWidth = 820.0
  /// The loss, in nats, that is drawn in full colour: one chance in a thousand.
  private static let darkest = 6.9

  /// Draws a scored text, a line of the picture ending where a line of the text does or where it is full.
  ///
  /// - Parameters:
  ///   - score: the losses.
  ///   - labels: how each token of the text is written, the first included, `⏎` for a line end.
  /// - Throws: ``BadInput`` for more than ``greatestTokenCount`` tokens.
  init(_ score: TextScore, labels: [String]) throws(BadInput) {
    guard labels.count <= Self.greatestTokenCount else {
      throw BadInput(
        place: "picture", problem: "\(labels.count) tokens are too many for one picture",
        remedy: "give a text of at most \(Self.greatestTokenCount) tokens")
    }
    var losses = [Int: Double](minimumCapacity: labels.count)
    for prediction in score.predictions { losses[prediction.position] = prediction.loss }
    var positions: [(x: Double, y: Double)] = []
    var (x, y) = (12.0, 52.0)
    for label in labels {
      let width = Double(label.count) * Self.characterWidth
      if x > 12, x + width > Self.pageWidth - 12 { (x, y) = (12, y + Self.lineHeight) }
      positions.append((x, y))
      x += width + 2
      if label.hasSuffix("⏎") { (x, y) = (12, y + Self.lineHeight) }
    }
    var picture = SVG(width: Self.pageWidth, height: y + 40)
    picture.text("The darker, the less the model expected it", x: 12, y: 24, size: 15)
    for (position, (label, place)) in zip(labels, positions).enumerated() {
      let loss = losses[position]
      picture.rectangle(
        x: place.x, y: place.y - 16, width: Double(label.count) * Self.characterWidth, height: 22,
        opacity: 0.75 * min(1, max(0, (loss ?? 0) / Self.darkest)),
        tooltip: loss.map { "loss \(($0 * 1000).rounded() / 1000) nats" } ?? "not predicted: the first token")
      picture.text(label, x: place.x, y: place.y, size: 15, isToken: true)
    }
    svg = picture.document
  }
}
