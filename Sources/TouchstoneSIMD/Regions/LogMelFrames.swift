import Foundation
import TouchstoneGraph
import TouchstoneModel

extension LogMel {
  /// The features of samples, found in float64 and rounded once.
  ///
  /// Clauses: KER-25.
  func float32(_ sound: Sound) -> Tensor<Float> {
    let (length, count) = (frontEnd.windowLength, frontEnd.frequencyCount)
    let turns = (0..<length).map { 2 * .pi * Double($0) / Double(length) }
    let (cosines, sines) = (turns.map { cos($0) }, turns.map { sin($0) })
    var logarithms = [Double](repeating: log10(Self.leastPower), count: mels * frames)
    for frame in 0..<frames {
      let terms = (0..<length).map {
        (0.5 - 0.5 * cosines[$0]) * Double(sample(sound.values, frame, $0))
      }
      guard terms.contains(where: { $0 != 0 }) else { continue }
      var bands = [Double](repeating: 0, count: mels)
      for frequency in 0..<count {
        var (real, imaginary, turn) = (0.0, 0.0, 0)
        for term in terms {
          real += term * cosines[turn]
          imaginary -= term * sines[turn]
          turn += frequency
          if turn >= length { turn -= length }
        }
        let power = real * real + imaginary * imaginary
        for mel in 0..<mels { bands[mel] += sound.filters[frequency * mels + mel] * power }
      }
      for mel in 0..<mels { logarithms[mel * frames + frame] = log10(max(bands[mel], Self.leastPower)) }
    }
    let least = (logarithms.max() ?? 0) - Self.range
    return Tensor(logarithms.map { Float((max($0, least) + 4) / 4) }, shape: [mels, frames])
  }
}
