import Foundation

/// A picture in Scalable Vector Graphics: the few shapes that the pictures here are made of.
package struct SVG {
  /// Where a text is anchored.
  package enum Anchor: String {
    case start, middle, end
  }

  /// The hue of everything that stands for a quantity; its opacity is the amount.
  package static let ink = "#1f4e9c"

  private let width: Double
  private let height: Double
  private var elements: [String] = []

  package init(width: Double, height: Double) {
    self.width = width
    self.height = height
  }

  package mutating func rectangle(
    x: Double, y: Double, width: Double, height: Double, fill: String = ink, opacity: Double = 1,
    tooltip: String? = nil
  ) {
    let title = tooltip.map { "<title>\(Escaping.markup($0))</title>" } ?? ""
    elements.append(
      """
      <rect x="\(number(x))" y="\(number(y))" width="\(number(width))" height="\(number(height))" \
      fill="\(fill)" fill-opacity="\(number(opacity, digits: 3))">\(title)</rect>
      """)
  }

  package mutating func line(
    from start: (x: Double, y: Double), to end: (x: Double, y: Double), color: String
  ) {
    elements.append(
      """
      <line x1="\(number(start.x))" y1="\(number(start.y))" x2="\(number(end.x))" y2="\(number(end.y))" \
      stroke="\(color)"/>
      """)
  }

  package mutating func circle(x: Double, y: Double, radius: Double, fill: String) {
    elements.append(
      "<circle cx=\"\(number(x))\" cy=\"\(number(y))\" r=\"\(number(radius))\" fill=\"\(fill)\"/>")
  }

  /// - Parameter angle: in degrees, clockwise about the anchor.
  package mutating func text(
    _ text: String, x: Double, y: Double, size: Double = 12, anchor: Anchor = .start, angle: Double = 0,
    isToken: Bool = false, color: String = "#222"
  ) {
    let rotation = angle == 0 ? "" : " transform=\"rotate(\(number(angle)) \(number(x)) \(number(y)))\""
    let family = isToken ? " font-family=\"monospace\"" : ""
    elements.append(
      """
      <text x="\(number(x))" y="\(number(y))" font-size="\(number(size))" text-anchor="\(anchor.rawValue)" \
      fill="\(color)"\(family)\(rotation) xml:space="preserve">\(Escaping.markup(text))</text>
      """)
  }

  /// The whole picture, on white so that it can be read on a dark page too.
  package var document: String {
    let (width, height) = (number(width), number(height))
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" width="\(width)" \
      height="\(height)" font-family="sans-serif">
      <rect width="100%" height="100%" fill="#fff"/>
      \(elements.joined(separator: "\n"))
      </svg>

      """
  }

  private func number(_ value: Double, digits: Int = 1) -> String {
    let scale = pow(10, Double(digits))
    let rounded = (value * scale).rounded() / scale
    return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
  }
}
