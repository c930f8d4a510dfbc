import TouchstoneGraph
import TouchstoneModel

extension Product: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["GLU-3", "BND-20"] }

  var making: Making { .combined }
  var isByRow: Bool { true }
  var isElementwise: Bool { true }

  /// One rounding of the product, and one of the factor b + plus where something is added to it, or of a·b where a·plus is
  /// added to that.
  ///
  /// Clipping moves no two numbers further apart; the limit itself is held in the type.
  ///
  /// Clauses: BND-20.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let (a, b) = (site.activations[0], site.activations[1])
    let unit = max(rounding.unit, site.storedType.unitRoundoff)
    let bounds = value.values.indices.map { offset -> Bound in
      let (left, read) = (a.values.values[offset], b.values.values[offset])
      let right = limit.map { min(max(read, -$0), $0) } ?? read
      let factor = right + plus
      let ofClipped = clipped(b.distance(at: offset), of: read, unit)
      let ofFactor = plus == 0 ? ofClipped : ofClipped + unit * max(abs(factor), abs(right))
      return Rounding.ofProduct(left, a.distance(at: offset), factor, ofFactor)
        + (rounding.unit * abs(value.values[offset]) + rounding.underflow)
    }
    return Estimate(values: value, bounds: bounds)
  }

  /// The error of a number once it is clipped.
  private func clipped(_ error: Bound, of read: Double, _ unit: Double) -> Bound {
    guard let limit else { return error }
    return error.map { error in
      if abs(read) - error > limit { return unit * limit }
      return abs(read) + error > limit ? error + unit * limit : error
    }
  }

  var waysToRoundOnce: [Alternative] {
    plus == 0 ? [] : [Alternative(policy: .roundedOnce, roundsOnce: true)]
  }

  /// b + plus stored before it is multiplied, or a·b before a·plus is added to it.
  func stepped(_ site: JudgedSite, to type: ScalarType) -> [Tensor<Double>] {
    guard plus != 0 else { return [] }
    let (a, b) = (site.activations[0].values, site.activations[1].values)
    let clipped = b.values.map { b in limit.map { min(max(b, -$0), $0) } ?? b }
    let ways: [(Double, Double) -> Double] = [
      { $0 * type.rounded($1 + plus) }, { type.rounded($0 * $1) + $0 * plus },
    ]
    return ways.map { way in Tensor(zip(a.values, clipped).map(way), shape: a.shape) }
  }

  /// The nonlinearity of a gate is seldom stored before it is multiplied.
  func alternatives(to operation: Operation, in _: Alternatives) -> [Alternative] {
    [Alternative(policy: .unroundedInputs, unrounded: Set(operation.inputs.prefix(1)))]
  }

  func alternativesInReading(_ operation: Operation, in model: Alternatives) -> [Alternative] {
    alternatives(to: operation, in: model)
  }
}
