import Foundation
import TouchstoneGraph
import TouchstoneModel

extension LogMel: Bounded {
  func clauses(of _: TouchstoneGraph.Operation, in _: Graph) -> [String] { ["SND-4", "SND-5", "BND-43"] }

  /// Where the logarithm can lie follows from where the power can; what decides, the floor, the greatest and the clamp, is
  /// monotone, so that both ends go through it.
  ///
  /// Clauses: BND-43.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    guard let sound = site.inputs.sound else { return Estimate(values: value, bounds: []) }
    // Front ends run in float32 at least, whatever the model runs in.
    let unit = min(rounding.unit, ScalarType.float32.unitRoundoff)
    let samples = sound.values.map(Double.init)
    let window = Self.window(frontEnd.windowLength)
    let spectra = (0..<frames).concurrentMap { frame in
      spectrum(window, (0..<window.count).map { sample(samples, frame, $0) }, unit, rounding)
    }
    var (bands, errors): ([Double], [Bound]) = ([], [])
    for mel in 0..<mels {
      let filter = (0..<frontEnd.frequencyCount).map { sound.filters[$0 * mels + mel] }
      for spectrum in spectra {
        let products = zip(filter, spectrum).map { $0 * $1.power }
        let terms = rounding.moments(products)
        var error = rounding.ofSum(terms) + (2 * unit * terms.absolute + rounding.underflow)
        for (share, term) in zip(filter, spectrum) where share != 0 { error += abs(share) * term.error }
        bands.append(terms.sum)
        errors.append(error)
      }
    }
    func bounds(_ error: (Bound) -> Double) -> [Double] { ends(bands, errors.map(error), value, unit) }
    let (det, prob, stat) = (bounds(\.det), bounds(\.prob), bounds(\.stat))
    return Estimate(
      values: value, bounds: det.indices.map { Bound(det: det[$0], prob: prob[$0], stat: stat[$0]) })
  }

  /// How far the ends of where each power can lie take the result.
  private func ends(
    _ bands: [Double], _ errors: [Double], _ value: Tensor<Double>, _ unit: Double
  ) -> [Double] {
    func scaled(_ sign: Double) -> [Double] {
      self.scaled(
        zip(bands, errors).map { band, error in
          let logarithm = log10(max(band + sign * error, Self.leastPower))
          // The logarithm itself, and the floor as the type holds it.
          return logarithm + sign * unit * (4 * abs(logarithm) + 1)
        }
      ).values
    }
    let (low, high) = (scaled(-1), scaled(1))
    let greatest = 4 * (value.values.map(abs).max() ?? 0)
    return value.values.indices.map { index in
      let own = value.values[index]
      return max(high[index] - own, own - low[index]) + unit
        * (2 * abs(own) + (greatest + Self.range + 4) / 4)
    }
  }

  /// The powers of one frame with what each errs by.
  private func spectrum(
    _ window: [Double], _ samples: [Double], _ unit: Double, _ rounding: Rounding
  ) -> [(power: Double, error: Bound)] {
    let (length, count) = (window.count, frontEnd.frequencyCount)
    let terms = zip(window, samples).map { $0 * $1 }
    guard terms.contains(where: { $0 != 0 }) else {
      return [(Double, Bound)](repeating: (0, .zero), count: count)
    }
    // Of the window, absolutely; of the turn, absolutely; and of two products.
    let ofFactors = zip(window, samples).map { unit * abs($1) * (10 * $0 + 4) }
    let most = ofFactors.reduce(0, +)
    let usual = min(most, rounding.contract.deviations * ofFactors.reduce(0) { $0 + $1 * $1 }.squareRoot())
    let ofAll = Bound(det: most, prob: usual, stat: usual)
    let turns = (0..<length).map { 2 * .pi * Double($0) / Double(length) }
    let (cosines, sines) = (turns.map { cos($0) }, turns.map { sin($0) })
    return (0..<count).map { frequency in
      let parts = [cosines, sines].map { turn in
        rounding.moments(terms.indices.map { terms[$0] * turn[frequency * $0 % length] })
      }
      let power = parts.reduce(0) { $0 + $1.sum * $1.sum }
      let error = parts.reduce(Bound(6 * unit * power + 2 * rounding.underflow)) { error, part in
        let ofPart = rounding.ofSum(part) + ofAll
        return error + ofPart.map { 2 * abs(part.sum) * $0 + $0 * $0 }
      }
      return (power, error)
    }
  }
}

extension Rounding {
  /// The moments of products, found quickly.
  fileprivate func moments(_ products: [Double]) -> Terms {
    var terms = Terms(count: 0, absolute: 0, squares: 0, sum: 0)
    for product in products where product != 0 {
      terms.count += 1
      terms.absolute += abs(product)
      terms.squares += product * product
      terms.sum += product
    }
    terms.repetition = max(1, repetitionAtMost(of: products, absoluteSum: terms.absolute))
    terms.lost = lost(products.count, absolute: terms.absolute) { products[$0] }
    return terms
  }
}
