import TouchstoneGraph
import TouchstoneModel

extension Rounding {
  /// The same sums, nothing stored in a narrow type.
  var unstored: Rounding {
    Rounding(Precision(.float32, truncates: precision.truncates), contract: contract)
  }

  /// Scores that are scaled in another way than by the exact factor after they are summed.
  ///
  /// - Returns: scores as they are before they are stored.
  func scores(_ site: JudgedSite, _ scaling: Alternative.Scaling, visibility: Visibility) -> Estimate {
    let unscaled = Operation(
      .scores(AttentionScores(scale: 1, visibility: visibility)), site.operation.output,
      from: site.operation.inputs)
    let (query, key) = (site.activations[0], site.activations[1])
    func sum(_ query: Operand, _ key: Operand) -> Estimate {
      unstored.estimate(unscaled, [query, key], [], inputs: site.inputs)
    }
    switch scaling {
    case .queries(let factor): return sum(scaled(query, by: factor), key)
    case .both(let factor): return sum(scaled(query, by: factor), scaled(key, by: factor))
    case .sum(let factor, let storesSum):
      let whole = sum(query, key)
      return multiplied(storesSum ? whole.rounded(to: precision.type) : whole, by: factor)
    case .sumInTwo(let first, let second):
      let once = multiplied(sum(query, key).rounded(to: precision.type), by: first)
      return multiplied(once.rounded(to: precision.type), by: second)
    }
  }

  /// Every value multiplied in float32 by a factor that may be rounded.
  private func multiplied(_ sums: Estimate, by factor: Double) -> Estimate {
    let values = Tensor(sums.values.values.map { factor * $0 }, shape: sums.values.shape)
    let bounds = zip(sums.bounds, values.values).map { bound, value in
      abs(factor) * bound + (value.isFinite ? 3 * unit * abs(value) : 0)
    }
    return Estimate(values: values, bounds: bounds)
  }

  /// Every value multiplied and stored.
  private func scaled(_ operand: Operand, by factor: Double) -> Operand {
    let products = Estimate(
      values: Tensor(operand.values.values.map { factor * $0 }, shape: operand.values.shape),
      bounds: operand.values.values.indices.map { abs(factor) * operand.distance(at: $0) }
    ).rounded(to: precision.type)
    return Operand(values: products.values, error: operand.error == nil ? nil : products.bounds)
  }

  /// LayerNorm whose mean, variance and elements are read from rounded or unrounded records of its input.
  func mixedLayerNorm(
    _ passes: Alternative.Passes, rounded: Operand, unrounded: Operand, _ parameters: [ParameterOperand],
    epsilon: Double
  ) -> Estimate {
    func source(_ pass: Alternative.Passes) -> Operand { passes.contains(pass) ? unrounded : rounded }
    let (mean, variance, elements) = (source(.mean), source(.variance), source(.elements))
    let (weight, bias) = (parameters.first?.vector, parameters.dropFirst().first?.vector)
    let values = (0..<elements.values.rowCount).flatMap { row -> [Double] in
      let statistics = RowStatistics(
        input: mean, variance: variance, row: row, epsilon: epsilon, rounding: self)
      return elements.values.row(row).enumerated().map { column, x in
        (x - statistics.mean) * statistics.inverse * (weight?[column] ?? 1) + (bias?[column] ?? 0)
      }
    }
    let value = Tensor(values, shape: elements.values.shape)
    return Estimate(
      values: value,
      bounds: ofLayerNorm(
        value, elements, meanOf: mean, varianceOf: variance, gain: parameters.first,
        shift: parameters.dropFirst().first, epsilon: epsilon))
  }

  /// LayerNorm that stores some of its last steps, its parameters and its result in the type.
  func steppedLayerNorm(
    _ steps: Alternative.Steps, _ input: Operand, _ parameters: [ParameterOperand], epsilon: Double
  ) -> Estimate {
    let normalised = unstored.mixedLayerNorm(.all, rounded: input, unrounded: input, [], epsilon: epsilon)
    func vector(_ parameter: ParameterOperand?) -> [Double]? {
      parameter?.vector.map { precision.type.rounded($0) }
    }
    return stepped(
      steps, normalised, gain: vector(parameters.first), shift: vector(parameters.dropFirst().first))
  }

  /// What gain and shift make of normalised numbers, some steps and the result stored in the type.
  ///
  /// Rounding is monotonic, so that what it makes of an interval lies between what it makes of its ends: nearly always
  /// one number.
  ///
  /// - Parameters:
  ///   - gain: for each number, or for each of a row, as it is multiplied with; nil for 1.
  ///   - shift: as many; nil for 0.
  func stepped(
    _ steps: Alternative.Steps, _ normalised: Estimate, gain: [Double]?, shift: [Double]?
  ) -> Estimate {
    let type = precision.type
    let width = gain?.count ?? normalised.values.rowWidth
    let weight = gain ?? [Double](repeating: 1, count: width)
    let bias = shift ?? [Double](repeating: 0, count: width)
    var values: [Double] = []
    var bounds: [Bound] = []
    for (offset, x) in normalised.values.values.enumerated() {
      let column = offset % width
      func result(_ error: Double, slack: Double) -> ClosedRange<Double> {
        var range = ClosedRange(around: x, error)
        if steps.contains(.normalised) { range = range.rounded(to: type) }
        range = range.multiplied(by: weight[column])
        if !steps.contains(.normalised) { range = range.widened(by: slack) }
        if steps.contains(.scaled) { range = range.rounded(to: type) }
        range = range.lowerBound + bias[column]...range.upperBound + bias[column]
        return range.widened(by: slack).rounded(to: type)
      }
      let value = result(0, slack: 0).lowerBound
      values.append(value)
      bounds.append(
        normalised.bounds[offset].map { error in
          guard error.isFinite, x.isFinite else { return .infinity }
          let range = result(error, slack: unit)
          return max(range.upperBound - value, value - range.lowerBound)
        })
    }
    return Estimate(values: Tensor(values, shape: normalised.values.shape), bounds: bounds)
  }
}

extension Estimate {
  /// What storing makes of it: the numbers of a type that lie between what it makes of both ends.
  func rounded(to type: ScalarType) -> Estimate {
    let rounded = values.values.map { type.rounded($0) }
    let bounds = zip(bounds, zip(values.values, rounded)).map { bound, value in
      let (exact, stored) = value
      return bound.map { error in
        guard exact.isFinite else { return error }
        let (least, greatest) = (type.rounded(exact - error), type.rounded(exact + error))
        let distance = Swift.max(greatest - stored, stored - least)
        return distance.isNaN ? .infinity : distance
      }
    }
    return Estimate(values: Tensor(rounded, shape: values.shape), bounds: bounds)
  }
}

extension ClosedRange<Double> {
  fileprivate init(around value: Double, _ error: Double) {
    self = value - error...value + error
  }

  fileprivate func rounded(to type: ScalarType) -> ClosedRange {
    type.rounded(lowerBound)...type.rounded(upperBound)
  }

  fileprivate func multiplied(by factor: Double) -> ClosedRange {
    factor < 0 ? upperBound * factor...lowerBound * factor : lowerBound * factor...upperBound * factor
  }

  fileprivate func widened(by relative: Double) -> ClosedRange {
    lowerBound - relative * abs(lowerBound)...upperBound + relative * abs(upperBound)
  }
}
