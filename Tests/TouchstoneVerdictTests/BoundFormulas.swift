import Foundation
import TouchstoneModel

@testable import TouchstoneVerdict

/// The formulas of chapter 15 for float32, written down again from their clauses, on whole arrays and without the
/// judge's moments: what the bounds in the code are held against.
enum BoundFormulas {
  /// u.
  static let u = 0x1p-24
  /// T₀.
  static let flush = 0x1p-126

  /// γ(k) = k·u/(1 − k·u).
  static func gamma(_ count: Double, _ roundoff: Double = u) -> Double {
    count * roundoff / (1 - count * roundoff)
  }

  /// M = Σ m²/n over groups of terms that lie within 2u·S of their least one.
  static func recurrence(_ terms: [Double], sum absolute: Double? = nil) -> Double {
    let sorted = terms.filter { $0 != 0 }.sorted()
    let resolution = 2 * u * (absolute ?? sorted.map(abs).reduce(0, +))
    var groups: [[Double]] = []
    for term in sorted {
      if let least = groups.last?.first, term - least <= resolution {
        groups[groups.count - 1].append(term)
      } else {
        groups.append([term])
      }
    }
    let squares = groups.map { Double($0.count * $0.count) }.reduce(0, +)
    return max(1, squares / Double(max(1, sorted.count)))
  }

  /// β(t) of BND-1, BND-2 and BND-3.
  ///
  /// - Parameters:
  ///   - rounded: which terms need a rounding before they are added: all of them unless given.
  ///   - recurrence: M, where it is not that of the terms themselves.
  static func sum(
    _ terms: [Double], rounded: (Int) -> Bool = { _ in true }, recurrence given: Double? = nil
  ) -> Bound {
    let (n, y) = (Double(terms.count { $0 != 0 }), terms.reduce(0, +))
    let all = terms.map(abs).reduce(0, +)
    let exact = terms.indices.filter { !rounded($0) }.map { abs(terms[$0]) }.reduce(0, +)
    let squares = terms.map { $0 * $0 }.reduce(0, +)
    let m = given ?? recurrence(terms)
    guard n > 0 else { return Bound(0) }
    let compensated = n <= 3 ? u * squares.squareRoot() : 0
    let det =
      n == 1
      ? u * (all - exact)
      : u * abs(y) + compensated + (1 + u) * (gamma(n - 2) * exact + gamma(n - 1) * (all - exact))
    let prob = min(det, 8 * (m * n).squareRoot() * u * all)
    let variance = m * ((n / 2 + 1) * squares + (n / 3 + 1) * y * y)
    return Bound(
      det: det, prob: prob, stat: min(prob, 8 * u / 3.0.squareRoot() * variance.squareRoot() + u * abs(y)))
  }

  /// One row of BND-6.
  ///
  /// The clause is to first order; that an error of the mean is scaled by the erring deviation too is not left out
  /// here, so that the numbers can be compared to the last digits.
  static func layerNorm(
    _ x: [Double], gain: [Double], shift: [Double], epsilon: Double, allowsOnePass: Bool
  ) -> [Bound] {
    let n = Double(x.count)
    let mean = x.reduce(0, +) / n
    let deviations = x.map { $0 - mean }
    let variance = deviations.map { $0 * $0 }.reduce(0, +) / n
    let meanSquare = x.map { $0 * $0 }.reduce(0, +) / n
    let size = x.map(abs).reduce(0, +) / n
    let inverse = 1 / (variance + epsilon).squareRoot()
    let (ofX, ofDeviations) = (sum(x, rounded: { _ in false }), sum(deviations.map { $0 * $0 }))
    let ofSquares = sum(x.map { $0 * $0 })
    func rows(_ part: (Bound) -> Double) -> [Double] {
      let ofMean = part(ofX) / n + 2 * u * abs(mean) + 6 * u * size
      let twoPass = part(ofDeviations) / n + 4 * u * variance + ofMean * ofMean
      let onePass =
        part(ofSquares) / n + 2 * abs(mean) * ofMean + ofMean * ofMean
        + 3 * u * (meanSquare + mean * mean)
      let ofVariance = allowsOnePass ? max(twoPass, onePass) : twoPass
      let rho = ((variance + epsilon) / (max(variance - ofVariance, 0) + epsilon)).squareRoot() - 1
      return x.indices.map { column in
        let (g, b, d) = (gain[column], shift[column], deviations[column])
        let y = d * inverse * g + b
        return abs(g) * inverse
          * (ofMean * (1 + rho) + abs(d) * (rho + 6 * u) + 2 * u * (abs(x[column]) + abs(mean)))
          + 2 * u * abs(g * d * inverse) + u * (abs(y) + abs(b)) + flush * (1 + 3 * abs(g) * inverse)
      }
    }
    let (det, prob, stat) = (rows(\.det), rows(\.prob), rows(\.stat))
    return x.indices.map { Bound(det: det[$0], prob: prob[$0], stat: stat[$0]) }
  }

  /// One row of BND-8.
  static func softmax(_ z: [Double], division: Double = 0) -> [Bound] {
    let greatest = z.max() ?? 0
    let powers = z.map { exp($0 - greatest) }
    let p = powers.map { $0 / powers.reduce(0, +) }
    let ofSum = sum(p, rounded: { _ in false })
    let arguments = z.map {
      u * (4 * abs($0 - greatest) + abs($0) + abs(greatest)) + ($0 == greatest ? 0 : 6 * u)
        + division * (abs($0) + abs(greatest))
    }
    let weighted = zip(p, arguments).map(*).reduce(0, +)
    return z.indices.map { j in
      func part(_ beta: Double) -> Double {
        p[j] * expm1(arguments[j] + weighted + beta + 4 * u) + 8 * flush
      }
      return Bound(det: part(ofSum.det), prob: part(ofSum.prob), stat: part(ofSum.stat))
    }
  }

  /// The own error of tanh and erf: float32's, and in 16 bits a rounding twice over.
  static func own(_ multiple: Double, _ t: Double, roundoff u: Double) -> Double {
    multiple * Self.u * min(abs(t) + 0.5, 1) + (u > Self.u ? 2 * u * abs(t) : 0)
  }

  /// BND-11, tanh.
  static func geluTanh(
    _ x: Double, factor: Double = (2 / Double.pi).squareRoot(), roundoff u: Double = u
  ) -> Double {
    let z = factor * (x + 0.044715 * x * x * x)
    let (t, y) = (tanh(z), 0.5 * x * (1 + tanh(z)))
    return abs(x) / 2
      * ((1 - t * t) * 8 * u * abs(z) + own(10, t, roundoff: u) + u * abs(1 + t))
      + 3 * u * abs(y) + flush
  }

  /// BND-11, erf.
  static func geluErf(_ x: Double, roundoff u: Double = u) -> Double {
    let z = x / 2.0.squareRoot()
    let (e, y) = (erf(z), 0.5 * x * (1 + erf(z)))
    return abs(x) / 2
      * (2 / Double.pi.squareRoot() * exp(-z * z) * 3 * u * abs(z) + own(20, e, roundoff: u)
        + u * abs(1 + e)) + 3 * u * abs(y) + flush
  }

  /// Where two bounds differ by more than float64 does when the same formula is written otherwise; nil where not.
  static func difference(_ got: Bound, _ want: Bound, within tolerance: Double = 1e-9) -> String? {
    for (name, got, want) in [
      ("det", got.det, want.det), ("prob", got.prob, want.prob), ("stat", got.stat, want.stat),
    ] where !(abs(got - want) <= tolerance * want) {
      return "\(name) is \(got), not \(want): \(got / want) of it"
    }
    return nil
  }
}
