import Foundation
import TouchstoneGraph

extension RotaryFrequencies {
  /// ω of each pair, as Hugging Face's `modeling_rope_utils.py` defines them.
  ///
  /// Clauses: ROP-6 to ROP-12.
  ///
  /// - Parameters:
  ///   - pairs: r/2, half as many as columns turn.
  ///   - sequenceLength: the greatest position and 1.
  /// - Returns: radians for each position: [pairs].
  public func values(pairs: Int, sequenceLength: Int) -> [Double] {
    let exponents = (0..<pairs).map { Double(2 * $0) / Double(2 * pairs) }
    let plain = exponents.map { 1 / pow(theta, $0) }
    switch scaling {
    case .none:
      return plain

    case .linear(let factor):
      return plain.map { $0 / factor }

    case .dynamic(let factor, let positions):
      // θ·(s·L/M − (s − 1))^(r/(r − 2)), which leaves sequences of up to M positions as they are.
      let length = Double(max(sequenceLength, positions))
      let growth = factor * length / Double(positions) - (factor - 1)
      let base = theta * pow(growth, Double(2 * pairs) / Double(2 * pairs - 2))
      return exponents.map { 1 / pow(base, $0) }

    case .llama3(let factor, let low, let high, let original):
      return plain.map { omega in
        let turns = Double(original) * omega / (2 * .pi)  // over the positions of training: o/λ
        if turns < low { return omega / factor }
        if turns > high { return omega }
        let share = (turns - low) / (high - low)
        return (1 - share) * omega / factor + share * omega
      }

    case .yarn(let factor, let fast, let slow, let original, let truncates):
      let (low, high) = yarnRamp(pairs: pairs, fast, slow, original: original, truncates: truncates)
      return plain.enumerated().map { index, omega in
        let ramp = min(max((Double(index) - low) / (high - low), 0), 1)
        return omega * (1 - ramp) + omega / factor * ramp
      }

    case .longrope(let short, let long, let original):
      let factors = sequenceLength > original ? long : short
      return zip(plain, factors).map { $0 / $1 }

    case .proportional(let factor, let turning):
      return plain.enumerated().map { index, omega in index < turning ? omega / factor : 0 }
    }
  }

  /// Where yarn's ramp over the pairs begins and ends.
  ///
  /// Clauses: ROP-10.
  package func yarnRamp(
    pairs: Int, _ fast: Double, _ slow: Double, original: Int, truncates: Bool
  ) -> (low: Double, high: Double) {
    // The pair, not whole, that turns n times over the positions of training.
    func pair(turning n: Double) -> Double {
      Double(2 * pairs) * log(Double(original) / (n * 2 * .pi)) / (2 * log(theta))
    }
    var (low, high) = (pair(turning: fast), pair(turning: slow))
    if truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
    (low, high) = (max(low, 0), min(high, Double(2 * pairs - 1)))
    if low == high { high += 0.001 }
    return (low, high)
  }
}
