import Foundation

/// An error over its bound, for people: how much of the bound is used, `83 %`, `exact` for none; beyond it how many times
/// it is exceeded, `1.3x`, `41x`, `2,690x`.
package func ratioText(_ ratio: Double) -> String {
  if ratio.isNaN { return "–" }
  if ratio.isInfinite { return "∞" }
  if ratio == 0 { return "exact" }
  switch ratio {
  case 1e9...: return String(format: "%.1ex", ratio)
  case 9.95...: return grouped(Int(ratio.rounded())) + "x"
  // Never rounded to the bound itself: what is within must not read as if it were on it, nor the other way.
  case 1.05...: return String(format: "%.1fx", ratio)
  case 1.0.nextUp...: return String(format: "%.3fx", ratio)
  case 1: return "100 %"
  case 0.005...: return "\(min(Int((100 * ratio).rounded()), 99)) %"
  default: return "<1 %"
  }
}

/// The same in a sentence: `83 % of the bound`, `41x the bound`, `exact`.
package func boundText(_ ratio: Double) -> String {
  if ratio == 0 { return ratioText(ratio) }
  return ratioText(ratio) + (ratio <= 1 ? " of the bound" : " the bound")
}

/// A whole number with a comma before every third digit.
package func grouped(_ number: Int) -> String {
  var digits = Array(String(number.magnitude))
  for place in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert(",", at: place) }
  return (number < 0 ? "-" : "") + String(digits)
}

/// `1 operation`, `62 operations`.
package func counted(_ count: Int, _ noun: String) -> String {
  grouped(count) + " " + noun + (count == 1 ? "" : "s")
}

/// Two values with as few digits as tell them apart, five at least.
package func distinguished(_ got: Double, _ want: Double) -> (got: String, want: String) {
  for digits in 5...17 {
    let pair = (significant(got, digits), significant(want, digits))
    if pair.0 != pair.1 { return pair }
  }
  return (significant(got, 5), significant(want, 5))
}

/// A value to a number of significant digits.
package func significant(_ value: Double, _ digits: Int) -> String {
  guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-inf" : "inf" }
  return String(format: "%.\(digits)g", value)
}

/// Layers as people write them: `layer 003`, `layers 000–002, 005`.
package func layersText(_ layers: some Sequence<Int>) -> String {
  var runs: [ClosedRange<Int>] = []
  for layer in Set(layers).sorted() {
    if let last = runs.last, last.upperBound + 1 == layer {
      runs[runs.count - 1] = last.lowerBound...layer
    } else {
      runs.append(layer...layer)
    }
  }
  let isOne = runs.count == 1 && runs[0].count == 1
  let texts = runs.map { run in
    run.count == 1
      ? layerNumber(run.lowerBound) : layerNumber(run.lowerBound) + "–" + layerNumber(run.upperBound)
  }
  return (isOne ? "layer " : "layers ") + texts.joined(separator: ", ")
}

private func layerNumber(_ layer: Int) -> String {
  let digits = String(layer)
  return String(repeating: "0", count: max(0, 3 - digits.count)) + digits
}
