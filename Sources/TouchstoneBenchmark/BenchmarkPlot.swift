import Foundation

extension Benchmark {
  /// The plan for a plot of how cost grows: prompts and contexts from 16 tokens to 1,024.
  public static var curve: Benchmark {
    var benchmark = Benchmark()
    benchmark.prefillLengths = [16, 32, 64, 96, 128, 192, 256, 384, 512, 640, 768, 896, 1024]
    benchmark.decodeContexts = [16, 32, 64, 128, 256, 384, 512, 640, 768, 896, 1000]
    return benchmark
  }
}

extension BenchmarkResult {
  /// Time against length as an SVG picture: a prompt's prefill on the left, one decoded token on the right.
  public var plot: String {
    let panels = [
      Panel(
        title: "Prefill", unit: "ms", left: 60, points: prefill.map { (Double($0.tokens), $0.seconds * 1e3) }),
      Panel(
        title: "Decode of one token", unit: "ms", left: 440,
        points: decode.map { (Double($0.context), $0.seconds * 1e3) }),
    ]
    let caption = String(
      format: "%@, %d threads, %d parameters; machine: %.0f GFLOP/s, %.1f GB/s read",
      instructionSet, threads, parameters, peakOperationsPerSecond / 1e9, readBytesPerSecond / 1e9)
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 340" font-family="sans-serif" font-size="12">
      <rect width="800" height="340" fill="white"/>
      \(panels.map(\.drawing).joined(separator: "\n"))
      <text x="400" y="330" text-anchor="middle">\(caption)</text>
      </svg>

      """
  }

  /// One diagram; both axes begin at 0.
  private struct Panel {
    let title: String
    let unit: String
    let left: Double
    let points: [(x: Double, y: Double)]

    private static let (width, height, top) = (320.0, 230.0, 40.0)

    var drawing: String {
      let most = (x: points.map(\.x).max() ?? 1, y: Self.roundLimit(points.map(\.y).max() ?? 1))
      let bottom = Self.top + Self.height
      func place(_ point: (x: Double, y: Double)) -> (x: Double, y: Double) {
        (left + Self.width * point.x / most.x, bottom - Self.height * point.y / most.y)
      }
      var lines = [
        text(left + Self.width / 2, Self.top - 14, "middle", "\(title), \(unit) against tokens"),
        "<path d=\"M\(left) \(Self.top)V\(bottom)H\(left + Self.width)\" fill=\"none\" stroke=\"black\"/>",
      ]
      for step in 0...4 {
        let (x, y) = (most.x * Double(step) / 4, most.y * Double(step) / 4)
        lines.append(text(place((x, 0)).x, bottom + 18, "middle", String(format: "%.0f", x)))
        lines.append(text(left - 6, place((0, y)).y + 4, "end", String(format: "%.4g", y)))
      }
      let places = points.map(place)
      let path = places.map { String(format: "%.1f,%.1f", $0.x, $0.y) }.joined(separator: " ")
      lines.append("<polyline points=\"\(path)\" fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"2\"/>")
      lines += places.map {
        String(format: "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"#1f5fa8\"/>", $0.x, $0.y)
      }
      return lines.joined(separator: "\n")
    }

    private func text(_ x: Double, _ y: Double, _ anchor: String, _ content: String) -> String {
      String(format: "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%@\">%@</text>", x, y, anchor, content)
    }

    /// The least of 1, 2, 4, 5 or 8 times a power of ten that is not below `value`.
    private static func roundLimit(_ value: Double) -> Double {
      let power = pow(10, floor(log10(max(value, 1e-9))))
      return ([1, 2, 4, 5, 8, 10].first { $0 * power >= value } ?? 10) * power
    }
  }
}
