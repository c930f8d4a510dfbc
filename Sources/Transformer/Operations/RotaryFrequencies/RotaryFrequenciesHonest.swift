import Foundation
import TouchstoneGraph
import TouchstoneReference

extension RotaryFrequencies {
  /// ω of each pair in float32, step by step, as Hugging Face and llama.cpp find them; exact ones, rounded, where the form
  /// says so.
  func float32Values(
    pairs: Int, sequenceLength: Int, by form: HonestArithmetic.RotaryForm
  ) -> [Float] {
    if form == .rounded || form == .tables {
      return values(pairs: pairs, sequenceLength: sequenceLength).map { Float($0) }
    }
    func plain(_ theta: Double) -> [Float] {
      let base = Float(theta)
      let step = pow(base, -2 / Float(2 * pairs))
      var product = Float(1)
      return (0..<pairs).map { pair in
        let exponent = Float(2 * pair) / Float(2 * pairs)
        switch form {
        case .reciprocals: return 1 / pow(base, exponent)
        case .multiplied:
          defer { product *= step }
          return product
        default: return pow(base, -exponent)
        }
      }
    }
    let omega = plain(theta)
    switch scaling {
    case .none: return omega
    case .linear(let factor): return omega.map { $0 / Float(factor) }
    case .proportional(let factor, let turning):
      return omega.enumerated().map { $0 < turning ? $1 / Float(factor) : 0 }
    case .longrope(let short, let long, let original):
      return zip(omega, sequenceLength > original ? long : short).map { $0 / Float($1) }
    case .dynamic(let factor, let positions):
      let (s, length) = (Float(factor), Float(max(sequenceLength, positions)))
      let growth = s * length / Float(positions) - (s - 1)
      return plain(Double(Float(theta) * pow(growth, Float(2 * pairs) / Float(2 * pairs - 2))))
    case .llama3(let factor, let low, let high, let original):
      let (s, low, high, original) = (Float(factor), Float(low), Float(high), Float(original))
      return omega.map { omega in
        let wavelength = 2 * Float.pi / omega
        if wavelength > original / low { return omega / s }
        if wavelength < original / high { return omega }
        let share = (original / wavelength - low) / (high - low)
        return (1 - share) * omega / s + share * omega
      }
    case .yarn(let factor, let fast, let slow, let original, let truncates):
      let ramp = yarnRamp(pairs: pairs, fast, slow, original: original, truncates: truncates)
      let (low, high) = (Float(ramp.low), Float(ramp.high))
      return omega.enumerated().map { pair, omega in
        let ramp = min(max((Float(pair) - low) / (high - low), 0), 1)
        return omega / Float(factor) * ramp + omega * (1 - ramp)
      }
    }
  }
}
