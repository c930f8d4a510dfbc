import Foundation
import TouchstoneModel
import TouchstoneVerdict

/// The pictures of one ``ErrorSurvey``, as small as they can be written: paths on a grid whose unit is a bin, with the
/// colours of the page's style.
enum SurveyPictures {
  /// How many elements have an error of which size, on a logarithmic scale both ways; exact ones first.
  static func histogram(_ survey: ErrorSurvey) -> String {
    let counts = [survey.exactCount] + survey.histogram
    let greatest = log10(Double(max(counts.max() ?? 0, 1)) + 1)
    let boundary = 1 - ErrorSurvey.powers.lowerBound
    func bars(_ range: Range<Int>) -> String {
      range.map { bin in
        // A single element shows, too.
        let height =
          counts[bin] == 0 ? 0 : max(1, Int((19 * log10(Double(counts[bin]) + 1) / greatest).rounded()))
        return height == 0 ? "" : "M\(bin) 20v-\(height)h1v\(height)z"
      }.joined()
    }
    return svg(
      "hg", width: counts.count, height: 20,
      label: "Elements by error over bound: \(summary(survey))",
      path("bar", bars(0..<boundary)) + path("over", bars(boundary..<counts.count))
        + path("limit", "M\(boundary) 0v20"))
  }

  /// What the histogram shows, in words.
  static func summary(_ survey: ErrorSurvey) -> String {
    let within = survey.histogram.prefix(-ErrorSurvey.powers.lowerBound).reduce(0, +)
    let beyond = survey.count - survey.exactCount - within
    let whose = survey.unit == .bound ? "their bounds" : "what noise may do to their rows"
    return "\(counted(survey.count, "element")): \(grouped(survey.exactCount)) exact, "
      + "\(grouped(within)) within \(whose), \(grouped(beyond)) beyond"
  }

  /// The greatest error along one axis, a bar for each bin, the bound a line across; the page has the colours above and below
  /// it once, as a gradient.
  static func profile(_ profile: ErrorSurvey.Profile) -> String {
    var outline = "M0 \(profileHeight)"
    var last: Int?
    for value in profile.values {
      let height = height(of: value)
      outline += (height == last ? "" : "V\(profileHeight - height)") + "h1"
      last = height
    }
    let width = profile.values.count
    return svg(
      "pf", width: width, height: profileHeight, label: "Greatest error over bound by \(profile.axis)",
      path("fill", outline + "V\(profileHeight)z")
        + path("limit", "M0 \(profileHeight - boundHeight)h\(width)"))
  }

  /// The height of a profile, and that of the bound in it: two units for each power of two, from 2^-10 to 2^16.
  static let profileHeight = 52
  static let boundHeight = 20

  private static func height(of ratio: Double) -> Int {
    guard ratio > 0 else { return 0 }
    guard ratio.isFinite else { return profileHeight }
    let height = Double(boundHeight) + 2 * log2(ratio)
    return min(max(Int(height.rounded(.up)), 1), profileHeight)
  }

  /// The greatest error along two axes, in the levels of ``level(of:)``.
  static func map(_ map: ErrorSurvey.Map) -> String {
    let width = (map.columns.extent + map.columns.step - 1) / map.columns.step
    let height = (map.rows.extent + map.rows.step - 1) / map.rows.step
    var runs = [String](repeating: "", count: levelCount)
    for row in 0..<height {
      var column = 0
      while column < width {
        let level = level(of: map.values[row * width + column])
        var end = column + 1
        while end < width, self.level(of: map.values[row * width + end]) == level { end += 1 }
        if let level { runs[level] += "M\(column) \(row)h\(end - column)v1h-\(end - column)z" }
        column = end
      }
    }
    let paths = runs.enumerated().map { path("m\($0)", $1) }.joined()
    return svg(
      "mp", width: width, height: height,
      label: "Greatest error over bound, \(map.rows.axis) by \(map.columns.axis)", paths)
  }

  /// The greatest ratio of each level of maps and tokens but the last.
  private static let levels: [Double] = [0, 0.25, 0.5, 1, 16, 256, 4096]
  static let levelCount = levels.count + 1

  /// The level of an error over its bound; nil where nothing is judged.
  static func level(of ratio: Double) -> Int? {
    if ratio < 0 { return nil }
    return levels.firstIndex { ratio <= $0 } ?? levels.count
  }

  private static func path(_ style: String, _ shape: String) -> String {
    shape.isEmpty ? "" : "<path class=\"\(style)\" d=\"\(shape)\"/>"
  }

  private static func svg(_ style: String, width: Int, height: Int, label: String, _ content: String)
    -> String
  {
    "<svg class=\"\(style)\" viewBox=\"0 0 \(width) \(height)\" preserveAspectRatio=\"none\" role=\"img\" "
      + "aria-label=\"\(Escaping.markup(label))\">\(content)</svg>"
  }
}
