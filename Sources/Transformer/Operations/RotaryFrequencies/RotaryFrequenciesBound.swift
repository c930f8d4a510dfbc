import Foundation
import TouchstoneGraph

extension RotaryFrequencies {
  /// How far an implementation's ω of each pair may lie from the definition's, relatively, in units of u.
  ///
  /// - θ to a rounded exponent 2p/r is off by as many units as ln ω, and a power, a reciprocal and their storing by five
  ///   more. Whoever multiplies by θ^(−2/r) from pair to pair rounds three times each.
  /// - What is stretched is rounded twice more. A blend of ω and ω/s that is nearer to ω/s passes on the error of its
  ///   share, a few units, up to s times.
  ///
  /// Clauses: BND-24.
  ///
  /// - Returns: for each pair: [pairs].
  func roundings(pairs: Int) -> [Double] {
    (0..<pairs).map { pair in
      let ofPower = abs(log(theta)) * Double(pair) / Double(pairs) + 3 * Double(pair) + 5
      switch scaling {
      case .none: return ofPower
      case .linear, .longrope, .proportional: return ofPower + 2
      // The power of the growth, and what it is raised to.
      case .dynamic: return 4 * ofPower + 16
      case .llama3(let factor, let low, let high, _):
        return ofPower + 4 + max(factor, 1) * 8 * high / (high - low)
      case .yarn(let factor, _, _, _, _):
        return ofPower + 4 + max(factor, 1) * 8
      }
    }
  }
}
