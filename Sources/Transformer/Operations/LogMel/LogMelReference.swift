import Foundation
import TouchstoneGraph
import TouchstoneModel

extension LogMel: Evaluated {
  /// (max(L, greatest L − 8) + 4)/4, L = log₁₀ max(Σₖ F[k, m]·P[f, k], 10⁻¹⁰): [mels, frames].
  ///
  /// Clauses: SND-4, SND-5.
  package func value(_: Operands, in inputs: Inputs) -> Tensor<Double> {
    guard let sound = inputs.sound else { return Tensor(repeating: 0, shape: [mels, frames]) }
    let samples = sound.values.map(Double.init)
    let powers = powers(window: Self.window(frontEnd.windowLength)) { sample(samples, $0, $1) }
    return scaled(bands(of: powers, filters: sound.filters).map { log10(max($0, Self.leastPower)) })
  }

  /// Hann's: ½ − ½cos(2πn/N).
  package static func window(_ length: Int) -> [Double] {
    (0..<length).map { 0.5 - 0.5 * cos(2 * .pi * Double($0) / Double(length)) }
  }

  /// P[f, k] = |Σₙ w[n]·x[f, n]·e^(−2πikn/N)|²: [frames, N/2 + 1].
  ///
  /// Clause: SND-4.
  package func powers(window: [Double], sample: (_ frame: Int, _ place: Int) -> Double) -> [Double] {
    let (length, count) = (frontEnd.windowLength, frontEnd.frequencyCount)
    let turns = (0..<length).map { 2 * .pi * Double($0) / Double(length) }
    let (cosines, sines) = (turns.map { cos($0) }, turns.map { sin($0) })
    var powers = [Double](repeating: 0, count: frames * count)
    for frame in 0..<frames {
      let terms = (0..<length).map { window[$0] * sample(frame, $0) }
      // Silence has no power.
      guard terms.contains(where: { $0 != 0 }) else { continue }
      for frequency in 0..<count {
        var (real, imaginary) = (0.0, 0.0)
        for place in 0..<length {
          let turn = frequency * place % length
          real += terms[place] * cosines[turn]
          imaginary -= terms[place] * sines[turn]
        }
        powers[frame * count + frequency] = real * real + imaginary * imaginary
      }
    }
    return powers
  }

  /// Σₖ F[k, m]·P[f, k]: [mels, frames].
  ///
  /// Clause: SND-5.
  package func bands(of powers: [Double], filters: [Double]) -> [Double] {
    let count = frontEnd.frequencyCount
    var bands = [Double](repeating: 0, count: mels * frames)
    for frame in 0..<frames {
      for frequency in 0..<count {
        let power = powers[frame * count + frequency]
        if power == 0 { continue }
        for mel in 0..<mels { bands[mel * frames + frame] += filters[frequency * mels + mel] * power }
      }
    }
    return bands
  }

  /// (max(L, greatest L − 8) + 4)/4.
  ///
  /// Clause: SND-5.
  package func scaled(_ logarithms: [Double]) -> Tensor<Double> {
    let least = (logarithms.max() ?? 0) - Self.range
    return Tensor(logarithms.map { (max($0, least) + 4) / 4 }, shape: [mels, frames])
  }
}
