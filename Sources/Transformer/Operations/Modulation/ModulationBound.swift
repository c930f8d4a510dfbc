import TouchstoneGraph
import TouchstoneModel

extension Modulation: Bounded {
  func clauses(of _: TouchstoneGraph.Operation, in _: Graph) -> [String] {
    [shift == nil ? "MOD-3" : "MOD-2", "BND-45"]
  }

  var making: Making { .combined }

  /// The factor, the product and the sum are rounded once each; x·c + x + b, added in another order, is no further off.
  ///
  /// Clauses: BND-45.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let (x, condition) = (site.activations[0], site.activations[1])
    let width = value.rowWidth
    let unit = max(rounding.unit, site.storedType.unitRoundoff)
    let bounds = value.values.indices.map { offset -> Bound in
      let column = offset % width
      let number = condition.values.values[scale * width + column]
      let (left, factor) = (x.values.values[offset], number + plus)
      let ofNumber = condition.distance(at: scale * width + column)
      // The parts of the factor may be multiplied one by one.
      let ofFactor = plus == 0 ? ofNumber : ofNumber + unit * (abs(number) + abs(plus))
      let product = Rounding.ofProduct(left, x.distance(at: offset), factor, ofFactor)
      let made = abs(left * factor)
      guard let shift else { return product + (rounding.unit * made + rounding.underflow) }
      let place = shift * width + column
      let added = condition.values.values[place]
      return product + condition.distance(at: place)
        + (unit * (made + abs(added)) + rounding.unit * abs(value.values[offset]) + 2 * rounding.underflow)
    }
    return Estimate(values: value, bounds: bounds)
  }

  var waysToRoundOnce: [Alternative] {
    plus == 0 && shift == nil ? [] : [Alternative(policy: .roundedOnce, roundsOnce: true)]
  }

  /// The factor stored before it multiplies, or the product before the shift is added.
  func stepped(_ site: JudgedSite, to type: ScalarType) -> [Tensor<Double>] {
    let (x, condition) = (site.activations[0].values, site.activations[1].values.values)
    let width = x.rowWidth
    let ways: [(Double, Double, Double) -> Double] =
      (plus == 0 ? [] : [{ $0 * type.rounded($1) + $2 }])
      + (shift == nil ? [] : [{ type.rounded($0 * $1) + $2 }])
    return ways.map { way in
      let values = x.values.indices.map { offset in
        let column = offset % width
        return way(
          x.values[offset], condition[scale * width + column] + plus,
          shift.map { condition[$0 * width + column] } ?? 0)
      }
      return Tensor(values, shape: x.shape)
    }
  }
}
