import Foundation
import TouchstoneGraph

/// The frequencies as the fast implementation computes them: from the clauses, with nothing of the reference's.
extension RotaryFrequencies {
  /// Radians for each position, by pair.
  ///
  /// Clauses: ROP-6 to ROP-12.
  ///
  /// - Parameters:
  ///   - pairs: half the columns that turn.
  ///   - sequenceLength: the greatest position and 1.
  func radians(pairs: Int, sequenceLength: Int) -> [Double] {
    let columns = Double(2 * pairs)
    func plain(_ base: Double, _ pair: Int) -> Double { pow(base, -Double(2 * pair) / columns) }
    return (0..<pairs).map { pair in
      let omega = plain(theta, pair)
      switch scaling {
      case .none: return omega
      case .linear(let factor): return omega / factor

      case .dynamic(let factor, let positions):
        guard sequenceLength > positions else { return omega }
        let stretched = factor * Double(sequenceLength) / Double(positions) - factor + 1
        return plain(theta * pow(stretched, columns / (columns - 2)), pair)

      case .llama3(let factor, let low, let high, let original):
        let wavelength = 2 * Double.pi / omega
        if wavelength > Double(original) / low { return omega / factor }
        if wavelength < Double(original) / high { return omega }
        let blend = (Double(original) / wavelength - low) / (high - low)
        return (1 - blend) * omega / factor + blend * omega

      case .yarn(let factor, let fast, let slow, let original, let truncates):
        func corner(_ turns: Double) -> Double {
          columns * log(Double(original) / (turns * 2 * .pi)) / (2 * log(theta))
        }
        var (start, end) = (corner(fast), corner(slow))
        if truncates { (start, end) = (start.rounded(.down), end.rounded(.up)) }
        (start, end) = (max(start, 0), min(end, columns - 1))
        if start == end { end += 0.001 }
        let ramp = min(max((Double(pair) - start) / (end - start), 0), 1)
        return omega / factor * ramp + omega * (1 - ramp)

      case .longrope(let short, let long, let original):
        return omega / (sequenceLength > original ? long : short)[pair]

      case .proportional(let factor, let turning):
        return pair < turning ? omega / factor : 0
      }
    }
  }
}
