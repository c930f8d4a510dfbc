import Foundation
import TouchstoneGraph
import TouchstoneModel

extension LogMel: Honest {
  /// Each frequency as a sum by itself, or halves of halves as fast programs have it.
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    guard let sound = operands.inputs.sound else { return Tensor(repeating: 0, shape: [mels, frames]) }
    let (length, count) = (frontEnd.windowLength, frontEnd.frequencyCount)
    let window = (0..<length).map { 0.5 - 0.5 * cos(2 * Float.pi * Float($0) / Float(length)) }
    let turns = (0..<length).map { 2 * Double.pi * Double($0) / Double(length) }
    let (cosines, sines) = (turns.map { Float(cos($0)) }, turns.map { Float(sin($0)) })
    let isFast: Bool =
      switch arithmetic.summation {
      case .pairwise, .lanes, .blocked: true
      default: false
      }
    var powers = Tensor<Float>(repeating: 0, shape: [frames, count])
    for frame in 0..<frames {
      let terms = (0..<length).map { window[$0] * sample(sound.values, frame, $0) }
      let fast = isFast ? Self.transformed(terms) : []
      for frequency in 0..<count {
        let (real, imaginary): (Float, Float)
        if isFast {
          (real, imaginary) = fast[frequency]
        } else {
          let places = (0..<length).map { frequency * $0 % length }
          real = arithmetic.summation.dot(terms, places.map { cosines[$0] })
          imaginary = arithmetic.summation.dot(terms, places.map { -sines[$0] })
        }
        powers[frame, frequency] = real * real + imaginary * imaginary
      }
    }
    var logarithms: [Float] = []
    for mel in 0..<mels {
      let filter = (0..<count).map { Float(sound.filters[$0 * mels + mel]) }
      for frame in 0..<frames {
        let band = arithmetic.summation.dot(Array(powers.row(frame)), filter)
        logarithms.append(log10(max(band, Float(Self.leastPower))))
      }
    }
    let least = (logarithms.max() ?? 0) - Float(Self.range)
    return Tensor(logarithms.map { (max($0, least) + 4) / 4 }, shape: [mels, frames])
  }

  /// The discrete Fourier transform by that of the even and of the odd places, or as sums where these are as many as not.
  private static func transformed(_ x: [Float]) -> [(Float, Float)] {
    let count = x.count
    func turn(_ index: Int) -> (Float, Float) {
      let angle = 2 * Float.pi * Float(index) / Float(count)
      return (cos(angle), -sin(angle))
    }
    guard count % 2 == 0, count > 2 else {
      return (0..<count).map { frequency in
        x.indices.reduce((Float(0), Float(0))) { sum, place in
          let (real, imaginary) = turn(frequency * place % count)
          return (sum.0 + x[place] * real, sum.1 + x[place] * imaginary)
        }
      }
    }
    let even = transformed(stride(from: 0, to: count, by: 2).map { x[$0] })
    let odd = transformed(stride(from: 1, to: count, by: 2).map { x[$0] })
    return (0..<count).map { frequency in
      let (e, o, w) = (even[frequency % even.count], odd[frequency % odd.count], turn(frequency))
      return (e.0 + w.0 * o.0 - w.1 * o.1, e.1 + w.0 * o.1 + w.1 * o.0)
    }
  }
}
