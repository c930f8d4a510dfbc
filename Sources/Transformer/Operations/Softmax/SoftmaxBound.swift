import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Softmax: Bounded {
  func clauses(of _: TouchstoneGraph.Operation, in _: Graph) -> [String] { ["SMX-1", "SMX-15", "BND-8"] }

  /// Clauses: BND-8.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    return Estimate(
      values: value, bounds: rounding.ofSoftmax(value, site.activations[0], temperature: temperature))
  }

  func sharedNoise(_ value: Tensor<Double>, _: JudgedSite, _ rounding: Rounding) -> [[Float]] {
    [rounding.noiseOfDenominators(value)]
  }

  func alternatives(to operation: TouchstoneGraph.Operation, in _: Alternatives) -> [Alternative] {
    [Alternative(policy: .unroundedInputs, unrounded: Set(operation.inputs), parameters: .rounded)]
  }
}

extension Rounding {
  /// What the probabilities of a row stray by together, because their denominator does.
  func noiseOfDenominators(_ value: Tensor<Double>) -> [Float] {
    (0..<value.rowCount).flatMap { row -> [Float] in
      let probabilities = Array(value.row(row))
      let ofSum = (ofSum(terms(probabilities)).stat + 4 * unit) / contract.deviations
      return probabilities.map { Float($0 * ofSum) }
    }
  }

  /// Bounds of the softmax of one row, over its visible entries.
  ///
  /// Each exponential has the relative error aⱼ: the rounding of its argument (subtraction of the maximum, the
  /// constant log₂e, a folded base 2) and that of exp itself; exp(0) = 1 is exact.
  ///
  /// - Parameters:
  ///   - scores: z, the visible entries of the row, already divided by the temperature.
  ///   - probabilities: their softmax.
  ///   - distances: how far the implementation's own z may lie from these.
  ///   - division: the relative error of dividing by the temperature; 0 without one.
  func ofSoftmaxRow(
    scores: [Double], probabilities: [Double], distances: [Bound]?, division: Double = 0
  ) -> [Bound] {
    guard let greatest = scores.max() else { return [] }
    let argumentErrors = argumentErrors(
      scores: scores, greatest: greatest, distances: distances, division: division)
    var weighted = Bound.zero
    for (error, probability) in zip(argumentErrors, probabilities) where probability > 0 {
      weighted += probability * error
    }
    let sumError = ofSum(terms(probabilities))
    return zip(argumentErrors, probabilities).map { error, probability in
      let relative = error + weighted + sumError + 4 * unit
      return (probability == 0 ? .zero : relative.map { probability * expm1($0) }) + 8 * underflow
    }
  }

  /// How far the argument of each exponential may be off, and the exponential relatively.
  ///
  /// - Parameters: as ``ofSoftmaxRow(scores:probabilities:distances:division:)`` has them.
  func argumentErrors(
    scores: [Double], greatest: Double, distances: [Bound]?, division: Double
  ) -> [Bound] {
    scores.enumerated().map { index, score in
      let magnitudes = abs(score) + abs(greatest)
      let rounding =
        unit * (4 * abs(score - greatest) + magnitudes)
        + (score == greatest ? 0 : contract.exponential * unit)
      let own = rounding + division * magnitudes
      return (distances?[index] ?? .zero) + own
    }
  }

  /// Bounds of softmax over whole rows of logits.
  func ofSoftmax(_ value: Tensor<Double>, _ input: Operand, temperature: Double) -> [Bound] {
    let isExactInput = input.error == nil && input.roundoff == 0
    @Sendable func boundsOfRow(_ row: Int) -> [Bound] {
      let scores = input.values.row(row).map { $0 / temperature }
      let distances =
        isExactInput
        ? nil : scores.indices.map { (1 / temperature) * input.distance(at: row * scores.count + $0) }
      return ofSoftmaxRow(
        scores: scores, probabilities: Array(value.row(row)), distances: distances,
        division: temperature == 1 ? 0 : 2 * unit)
    }
    return [Bound](count: value.count) { bounds in
      _ = (0..<value.rowCount).concurrentMap { row in
        for (column, bound) in boundsOfRow(row).enumerated() {
          bounds.set(row * value.rowWidth + column, bound)
        }
      }
    }
  }
}
