import TouchstoneGraph
import TouchstoneModel

extension RMSNorm: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["RMS-1", "RMS-2", "BND-23"] }

  var isByRow: Bool { !isJoined }

  /// Clauses: BND-23.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let input = site.activations[0]
    return estimate(of: input, squaresOf: input, gain: site.parameters[0], rounding)
  }

  /// The deviation of each run.
  func sharedNoise(_ value: Tensor<Double>, _ site: JudgedSite, _ rounding: Rounding) -> [[Float]] {
    let input = site.activations[0].values
    var pattern = [Float](repeating: 0, count: value.count)
    for run in runs(of: input) {
      let statistics = RunStatistics(
        run.map { input.values[$0] }, distances: nil, epsilon: epsilon, rounding)
      let relative = statistics.inverseError.stat / rounding.contract.deviations
      for place in run { pattern[place] = Float(value.values[place] * relative) }
    }
    return [pattern]
  }

  func alternatives(to operation: Operation, in model: Alternatives) -> [Alternative] {
    model.ofNorm(operation, passes: [.variance, .elements]).flatMap { alternative in
      // What is added to the gain may be added in the type, or in float32.
      guard offset != 0, !alternative.steps.isEmpty else { return [alternative] }
      var inType = alternative
      inType.holdsFactor = true
      return [alternative, inType]
    }
  }

  func alternativesInReading(_ operation: Operation, in model: Alternatives) -> [Alternative] {
    model.ofStream(before: operation)
  }

  func estimate(
    _ site: JudgedSite, by alternative: Alternative, recorded: Tensor<Double>?, _ rounding: Rounding
  ) -> Estimate? {
    let (input, gain) = (site.activations[0], site.parameters[0])
    if !alternative.steps.isEmpty {
      let plain = RMSNorm(epsilon: epsilon, isJoined: isJoined)
      let one = ParameterOperand([Float](repeating: 1, count: gain.view.outputCount))
      let normalised = plain.estimate(of: input, squaresOf: input, gain: one, rounding.unstored)
      let type = rounding.precision.type
      let weight = gain.vector.map { weight in
        let factor = offset + type.rounded(weight)
        return alternative.holdsFactor ? type.rounded(factor) : factor
      }
      var factors = [Double](repeating: 0, count: input.values.count)
      for run in runs(of: input.values) {
        for (column, place) in run.enumerated() { factors[place] = weight[column] }
      }
      return rounding.stepped(alternative.steps, normalised, gain: factors, shift: nil)
    }
    guard alternative.passes != .all, let recorded else { return nil }
    let rounded = Operand(values: recorded)
    func source(_ pass: Alternative.Passes) -> Operand {
      alternative.passes.contains(pass) ? input : rounded
    }
    return estimate(of: source(.elements), squaresOf: source(.variance), gain: gain, rounding)
  }

  /// x·I·(offset + g) with I = 1/√(mean x² + ε), over each run of numbers that are normalised together.
  ///
  /// - Parameters:
  ///   - input: what is normalised.
  ///   - squared: what the mean square is found from.
  private func estimate(
    of input: Operand, squaresOf squared: Operand, gain: ParameterOperand, _ rounding: Rounding
  ) -> Estimate {
    let weight = gain.vector
    var values = input.values
    var bounds = [Bound](repeating: .zero, count: values.count)
    for run in runs(of: values) {
      let statistics = RunStatistics(
        run.map { squared.values.values[$0] },
        distances: squared.isExact ? nil : run.map(squared.distance(at:)), epsilon: epsilon, rounding)
      for (column, place) in run.enumerated() {
        let (x, factor) = (values.values[place], offset + weight[column])
        let scaled = abs(factor) * statistics.inverse
        let ofRow = input.distance(at: place).combined(with: statistics.inverseError) {
          $0 * (1 + $1) + abs(x) * $1
        }
        // 1/√ and two products; and of the gain, its rounding and that of what is added to it.
        let ofProducts = (rounding.contract.inverseRoot + 2) * rounding.unit * abs(x)
        let ofGain =
          gain.roundoff * abs(weight[column]) + rounding.ofSubnormalFactor(roundoff: gain.roundoff)
          + (offset == 0 ? 0 : rounding.unit * abs(factor))
        values.values[place] = x * statistics.inverse * factor
        bounds[place] =
          scaled * (ofRow + ofProducts)
          + (ofGain * statistics.inverse * abs(x) + (1 + 2 * scaled) * rounding.underflow)
      }
    }
    return Estimate(values: values, bounds: bounds)
  }

  /// The places of the numbers that are normalised together, each run in the order of its gains.
  private func runs(of x: Tensor<Double>) -> [[Int]] {
    let (width, headCount) = (x.rowWidth, isJoined ? x.shape[0] : 1)
    let tokenCount = x.rowCount / headCount
    return (0..<tokenCount).map { token in
      (0..<headCount).flatMap { head in
        (0..<width).map { (head * tokenCount + token) * width + $0 }
      }
    }
  }
}

/// The mean square of a run of numbers, and how well an implementation can know it.
struct RunStatistics {
  /// I = 1/√(mean x² + ε).
  let inverse: Double
  /// The relative error of I.
  let inverseError: Bound

  init(_ x: [Double], distances: [Bound]?, epsilon: Double, _ rounding: Rounding) {
    let n = Double(x.count)
    let squares = x.map { $0 * $0 }
    let meanSquare = squares.reduce(0, +) / n
    // The sum is divided by n or multiplied by a rounded 1/n, and ε is added.
    var error =
      (1 / n) * rounding.ofSum(rounding.terms(ofProducts: squares)) + 4 * rounding.unit * meanSquare
    for (x, distance) in zip(x, distances ?? []) {
      error += distance.map { (2 * abs(x) * $0 + $0 * $0) / n }
    }
    inverse = 1 / (meanSquare + epsilon).squareRoot()
    inverseError = error.map {
      ((meanSquare + epsilon) / (max(meanSquare - $0, 0) + epsilon)).squareRoot() - 1
    }
  }
}
