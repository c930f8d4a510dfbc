import TouchstoneGraph
import TouchstoneModel

extension LayerNorm: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["LN-1", "LN-2", "LN-3", "LN-4", "BND-6"] }

  var isByRow: Bool { true }

  /// Clauses: BND-6.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    return Estimate(
      values: value,
      bounds: rounding.ofLayerNorm(
        value, site.activations[0], gain: site.parameters.first, shift: site.parameters.dropFirst().first,
        epsilon: epsilon))
  }

  /// The mean and the deviation of a row.
  func sharedNoise(_: Tensor<Double>, _ site: JudgedSite, _ rounding: Rounding) -> [[Float]] {
    var (ofMean, ofDeviation): ([Float], [Float]) = ([], [])
    let gain = site.parameters.first?.vector
    let input = site.activations[0].values
    for row in 0..<input.rowCount {
      let x = Array(input.row(row))
      let statistics = RowStatistics(x, distances: nil, epsilon: epsilon, rounding: rounding)
      for (column, element) in x.enumerated() {
        let scaled = (gain?[column] ?? 1) * statistics.inverse / rounding.contract.deviations
        ofMean.append(Float(scaled * statistics.meanError.stat))
        ofDeviation.append(Float(scaled * (element - statistics.mean) * statistics.inverseError.stat))
      }
    }
    return [ofMean, ofDeviation]
  }

  func alternatives(to operation: Operation, in model: Alternatives) -> [Alternative] {
    model.ofNorm(operation)
  }

  func alternativesInReading(_ operation: Operation, in model: Alternatives) -> [Alternative] {
    model.ofStream(before: operation)
  }

  func estimate(
    _ site: JudgedSite, by alternative: Alternative, recorded: Tensor<Double>?, _ rounding: Rounding
  ) -> Estimate? {
    let input = site.activations[0]
    if !alternative.steps.isEmpty {
      return rounding.steppedLayerNorm(alternative.steps, input, site.parameters, epsilon: epsilon)
    }
    guard alternative.passes != .all, let recorded else { return nil }
    return rounding.mixedLayerNorm(
      alternative.passes, rounded: Operand(values: recorded), unrounded: input, site.parameters,
      epsilon: epsilon)
  }

  func evidence(_ replay: Replay) -> Evidence? {
    guard !replay.rounding.contract.allowsOnePassVariance else { return nil }
    var permissive = replay
    permissive.rounding.contract.allowsOnePassVariance = true
    guard permissive.result().finding?.zone == .consistent else { return nil }
    return .onePassVariance
  }
}

extension Rounding {
  /// Bounds of (x − μ)·I·g + b with I = 1/√(v + ε), row by row.
  ///
  /// The variance may be computed in two passes or, permissively, as the mean square less the squared mean;
  /// either way an error of the mean enters it only quadratically, because the deviations sum to zero.
  ///
  /// - Parameters:
  ///   - input: what the elements that are normalised are read from.
  ///   - meanOf: what the mean is found from; the same unless given.
  ///   - varianceOf: what the variance is found from; the same unless given.
  func ofLayerNorm(
    _ value: Tensor<Double>, _ input: Operand, meanOf: Operand? = nil, varianceOf: Operand? = nil,
    gain: ParameterOperand?, shift: ParameterOperand?, epsilon: Double
  ) -> [Bound] {
    let (weight, weightRoundoff) = (gain?.vector, gain?.roundoff ?? 0)
    let (bias, biasRoundoff) = (shift?.vector, shift?.roundoff ?? 0)
    var bounds: [Bound] = []
    bounds.reserveCapacity(value.count)
    for row in 0..<value.rowCount {
      let x = Array(input.values.row(row))
      let distances = input.distances(row: row)
      let statistics = RowStatistics(
        input: meanOf ?? input, variance: varianceOf, row: row, epsilon: epsilon, rounding: self)
      for (column, element) in x.enumerated() {
        let deviation = element - statistics.mean
        let scaled = abs(weight?[column] ?? 1) * statistics.inverse
        let ofBias = abs(bias?[column] ?? 0)
        let y = value[row, column]
        // The last two terms of `rounding` also permit x·I·g + (−μ·I·g + b), whose parts may cancel; u·|b| is the
        // rounding of the second part.
        let rounding =
          contract.inverseRoot * unit * abs(deviation) + 2 * unit * (abs(element) + abs(statistics.mean))
        let ofParameters =
          weightRoundoff * scaled * abs(deviation) + biasRoundoff * ofBias
          + ofSubnormalFactor(roundoff: weightRoundoff) * statistics.inverse * abs(deviation)
          + ofSubnormalFactor(roundoff: biasRoundoff)
        let ownDistance = distances?[column] ?? .zero
        let ofRow = (statistics.meanError + ownDistance).combined(with: statistics.inverseError) {
          $0 * (1 + $1) + abs(deviation) * $1
        }
        bounds.append(
          scaled * (ofRow + rounding)
            + (2 * unit * scaled * abs(deviation) + unit * (abs(y) + ofBias) + ofParameters
              + (1 + 3 * scaled)
                * underflow)
        )
      }
    }
    return bounds
  }
}

/// Mean and variance of one row, and how well an implementation can know them.
struct RowStatistics {
  let mean: Double
  /// I = 1/√(v + ε).
  private(set) var inverse: Double
  /// The error of the mean.
  let meanError: Bound
  /// The relative error of I.
  private(set) var inverseError: Bound

  /// The statistics of a row whose mean and variance may be found from different records of it.
  ///
  /// Deviations from another mean than its own make a variance greater by the square of the distance.
  init(input: Operand, variance: Operand?, row: Int, epsilon: Double, rounding: Rounding) {
    self.init(input, row: row, epsilon: epsilon, rounding: rounding)
    guard let variance else { return }
    let other = RowStatistics(variance, row: row, epsilon: epsilon, rounding: rounding)
    let distance = (mean - other.mean) * other.inverse
    inverse = other.inverse
    inverseError = other.inverseError.map { $0 + distance * distance }
  }

  private init(_ operand: Operand, row: Int, epsilon: Double, rounding: Rounding) {
    self.init(
      Array(operand.values.row(row)), distances: operand.distances(row: row), epsilon: epsilon,
      rounding: rounding)
  }

  init(_ x: [Double], distances: [Bound]?, epsilon: Double, rounding: Rounding) {
    let n = Double(x.count)
    let unit = rounding.unit
    let mean = x.reduce(0, +) / n
    let squaredDeviations = x.map { ($0 - mean) * ($0 - mean) }
    let variance = squaredDeviations.reduce(0, +) / n
    let squares = x.map { $0 * $0 }
    let meanSquare = squares.reduce(0, +) / n

    // The sum is divided by n or multiplied by a rounded 1/n; a running mean (Welford 1962) rounds each step.
    let terms = rounding.terms(x)
    var meanError = (1 / n) * rounding.ofSum(terms) + unit * (2 * abs(mean) + 6 * terms.absolute / n)
    var varianceOfInput = Bound.zero
    if let distances {
      for (index, distance) in distances.enumerated() {
        meanError += (1 / n) * distance
        varianceOfInput += distance.map { (2 * abs(x[index] - mean) * $0 + $0 * $0) / n }
      }
    }
    let ofMean = meanError.map { $0 * $0 }
    let twoPass =
      (1 / n) * rounding.ofSum(rounding.terms(ofProducts: squaredDeviations)) + 4 * unit * variance + ofMean
    let onePass =
      (1 / n) * rounding.ofSum(rounding.terms(ofProducts: squares)) + 2 * abs(mean) * meanError + ofMean
      + 3 * unit * (meanSquare + mean * mean)
    let ofVariance = rounding.contract.allowsOnePassVariance ? Bound.max(twoPass, onePass) : twoPass
    let varianceError = ofVariance + varianceOfInput

    self.mean = mean
    self.inverse = 1 / (variance + epsilon).squareRoot()
    self.meanError = meanError
    // Of a row that hardly varies the variance cannot be much smaller, but larger.
    self.inverseError = varianceError.map {
      max(
        ((variance + epsilon) / (max(variance - $0, 0) + epsilon)).squareRoot() - 1,
        1 - ((variance + epsilon) / (variance + $0 + epsilon)).squareRoot())
    }
  }
}
