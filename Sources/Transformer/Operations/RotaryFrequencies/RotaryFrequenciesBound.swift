import Foundation
import TouchstoneGraph

extension RotaryFrequencies {
  /// How far an implementation's ω of each pair may lie from the definition's, relatively, in units of u.
  ///
  /// A rounded exponent −2p/r moves θ^(−2p/r) by as many units as its logarithm has; a power, a reciprocal and storing
  /// take five more. Whoever multiplies by θ^(−2/r) from pair to pair rounds three times in each. What is stretched is
  /// rounded twice more, and a blend of ω and ω/s passes on the error of its share.
  ///
  /// Clauses: BND-24.
  ///
  /// - Parameters:
  ///   - pairs: r/2, half as many as columns turn.
  ///   - sequenceLength: the greatest position and 1.
  /// - Returns: for each pair: [pairs].
  func roundings(pairs: Int, sequenceLength: Int) -> [Double] {
    func ofPower(_ base: Double, _ pair: Int) -> Double {
      abs(log(base)) * Double(pair) / Double(pairs) + 3 * Double(pair) + 5
    }
    let plain = (0..<pairs).map { ofPower(theta, $0) }
    switch scaling {
    case .none: return plain
    case .linear, .longrope, .proportional: return plain.map { $0 + 2 }

    case .dynamic(let factor, let positions):
      // growth = s·L/M − (s − 1), whose parts may cancel.
      let stretched = factor * Double(max(sequenceLength, positions)) / Double(positions)
      let growth = stretched - (factor - 1)
      let ofGrowth = 4 * (stretched + factor) / growth
      let base = theta * pow(growth, Double(2 * pairs) / Double(2 * pairs - 2))
      return (0..<pairs).map { pair in
        ofPower(base, pair) + (2 * ofGrowth + 8) * Double(pair) / Double(pairs)
      }

    case .llama3(let factor, let low, let high, let original):
      return plain.enumerated().map { pair, roundings in
        let turns = Double(original) * pow(theta, -Double(pair) / Double(pairs)) / (2 * .pi)
        let share = (turns - low) / (high - low)
        let ofShare = (turns * (roundings + 4) + 3 * (turns + low)) / (high - low)
        return roundings + 4 + Self.ofBlend(share, ofShare, unstretched: 1, stretched: 1 / factor)
      }

    case .yarn(let factor, let fast, let slow, let original, let truncates):
      let (low, high) = yarnRamp(pairs: pairs, fast, slow, original: original, truncates: truncates)
      return plain.enumerated().map { pair, roundings in
        let ramp = (Double(pair) - low) / (high - low)
        let ofRamp = 3 * (Double(pair) + abs(low) + abs(high)) / (high - low)
        return roundings + 4 + Self.ofBlend(1 - ramp, ofRamp, unstretched: 1, stretched: 1 / factor)
      }
    }
  }

  /// The relative error of share·unstretched + (1 − share)·stretched where that of the share is `error`, in units of u;
  /// none where the share is cut off to 0 or 1.
  private static func ofBlend(
    _ share: Double, _ error: Double, unstretched: Double, stretched: Double
  ) -> Double {
    let margin = 0x1p-12
    guard (-margin...1 + margin).contains(share) else { return 0 }
    let inside = min(max(share, 0), 1)
    return error * abs(unstretched - stretched) / (inside * unstretched + (1 - inside) * stretched)
  }
}
