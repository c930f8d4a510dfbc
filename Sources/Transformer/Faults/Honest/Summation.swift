import TouchstoneReference

/// An order in which an implementation may add the terms of a sum, in float32.
public enum Summation: Hashable, Sendable {
  /// From first to last.
  case sequential
  /// From first to last, each product fused into its addition.
  case fused
  /// From last to first.
  case reversed
  /// In a random order.
  case shuffled(seed: UInt64)
  /// In halves, recursively.
  case pairwise
  /// In this many running sums, as vector units do, added up at the end.
  case lanes(Int, fused: Bool)
  /// In blocks of this many terms, whose sums are then added.
  case blocked(Int)
  /// With the lost low bits carried along (Kahan 1965).
  case compensated
  /// In float64, rounded once.
  case wide

  /// Σ a·b + start.
  package func dot(_ a: [Float], _ b: [Float], start: Float = 0) -> Float {
    switch self {
    case .sequential:
      return zip(a, b).reduce(start) { $0 + $1.0 * $1.1 }
    case .fused:
      return zip(a, b).reduce(start) { $0.addingProduct($1.0, $1.1) }
    case .reversed:
      return zip(a.reversed(), b.reversed()).reduce(Float(0)) { $0 + $1.0 * $1.1 } + start
    case .shuffled(let seed):
      var random = SplitMix64(seed: seed)
      return a.indices.shuffled(using: &random).reduce(start) { $0 + a[$1] * b[$1] }
    case .pairwise:
      return Self.pairwise(zip(a, b).map { $0 * $1 }[...]) + start
    case .lanes(let count, let fused):
      var sums = [Float](repeating: 0, count: count)
      for (index, (x, y)) in zip(a, b).enumerated() {
        let lane = index % count
        sums[lane] = fused ? sums[lane].addingProduct(x, y) : sums[lane] + x * y
      }
      return Self.pairwise(sums[...]) + start
    case .blocked(let size):
      var total = start
      for first in stride(from: 0, to: a.count, by: size) {
        let block = first..<min(first + size, a.count)
        total += block.reduce(Float(0)) { $0 + a[$1] * b[$1] }
      }
      return total
    case .compensated:
      var (total, lost) = (start, Float(0))
      for (x, y) in zip(a, b) {
        let term = x * y - lost
        let next = total + term
        lost = (next - total) - term
        total = next
      }
      return total
    case .wide:
      return Float(zip(a, b).reduce(Double(start)) { $0 + Double($1.0) * Double($1.1) })
    }
  }

  /// Σ x.
  func sum(_ x: [Float]) -> Float {
    dot(x, [Float](repeating: 1, count: x.count))
  }

  private static func pairwise(_ terms: ArraySlice<Float>) -> Float {
    if terms.count <= 2 { return terms.reduce(0, +) }
    let middle = terms.startIndex + terms.count / 2
    return pairwise(terms[..<middle]) + pairwise(terms[middle...])
  }
}
