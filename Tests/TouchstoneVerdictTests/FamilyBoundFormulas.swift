import Foundation
import TouchstoneModel

@testable import TouchstoneVerdict

/// BND-19 to BND-25 and BND-28, written down again from their clauses.
extension BoundFormulas {
  /// e(z) of BND-22.
  static func sigmoid(_ z: Double, roundoff u: Double = u) -> Double {
    let s = 1 / (1 + exp(-z))
    let t = tanh(z / 2)
    let ofStep = u > Self.u ? 2 * u : 0
    let byExponential = s * (1 - s) * ((6 + 4 * abs(z)) * Self.u + ofStep) + 2 * u * s
    let byTanh = (own(10, t, roundoff: u) + u * abs(1 + t)) / 2
    return max(byExponential, byTanh) + flush
  }

  static func silu(_ x: Double, roundoff u: Double = u) -> Double {
    abs(x) * sigmoid(x, roundoff: u) + u * abs(x / (1 + exp(-x))) + flush
  }

  static func quickGELU(_ x: Double, roundoff u: Double = u) -> Double {
    let z = 1.702 * x
    let s = 1 / (1 + exp(-z))
    return abs(x) * (sigmoid(z, roundoff: u) + s * (1 - s) * 2 * u * abs(z)) + u * abs(x * s) + flush
  }

  /// BND-28.
  static func softCap(_ x: Double, cap: Double, roundoff u: Double = u) -> Double {
    let (q, t) = (x / cap, tanh(x / cap))
    return cap * ((1 - t * t) * 3 * u * abs(q) + own(10, t, roundoff: u)) + 2 * u * abs(cap * t)
      + flush * (1 + 2 * cap)
  }

  /// One run of BND-23.
  static func rmsNorm(_ x: [Double], gain: [Double], offset: Double, epsilon: Double) -> [Bound] {
    let m = x.map { $0 * $0 }.reduce(0, +) / Double(x.count)
    let inverse = 1 / (m + epsilon).squareRoot()
    return zip(x, gain).map { x, gain in (x, offset + gain) }.map { element, g in
      sum(x.map { $0 * $0 }).map { beta in
        let delta = beta / Double(x.count) + 4 * u * m
        let rho = ((m + epsilon) / (max(m - delta, 0) + epsilon)).squareRoot() - 1
        let ofGain = offset == 0 ? 0 : u * abs(g) * inverse * abs(element)
        return abs(g) * inverse * abs(element) * (rho + 8 * u) + ofGain + flush * (1 + 2 * abs(g) * inverse)
      }
    }
  }

  /// BND-25 of the first number of a pair, an angle known to `roundings` u.
  static func rotated(
    _ a: Double, _ b: Double, by angle: Double, roundings: Double, magnitude m: Double = 1
  ) -> Double {
    let y = m * (a * cos(angle) - b * sin(angle))
    let ofAngle = min((roundings + 1) * u * abs(angle), 2)
    let turned = abs(a * sin(angle)) + abs(b * cos(angle)) + ofAngle * (abs(a) + abs(b)) / 2
    let products = (m == 1 ? 2 : 4) * u * (abs(a * cos(angle)) + abs(b * sin(angle)))
    return m * (ofAngle * turned + 4 * u * (abs(a) + abs(b)) + products) + u * abs(y)
      + 4 * flush * (1 + abs(a) + abs(b))
  }
}
