import TouchstoneGraph
import TouchstoneModel

extension MixtureGradient: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] {
    ["BWD-18", side == .weights ? "BND-52" : "BND-20"]
  }

  var isProduct: Bool { side == .weights }
  var making: Making { side == .weights ? .computed : .combined }

  /// A sum of products over the columns, or one product.
  ///
  /// Clauses: BND-20, BND-52.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    switch side {
    case .weights:
      return Estimate(
        values: value,
        bounds: ofWeights(
          site.activations[0].values, site.activations[1], Array(site.activations.dropFirst(2)), rounding))
    case .expert(let expert):
      return Estimate(values: value, bounds: of(expert, site, value, rounding))
    }
  }

  private func ofWeights(
    _ ids: Tensor<Double>, _ dy: Operand, _ outputs: [Operand], _ rounding: Rounding
  ) -> [Bound] {
    let width = dy.values.rowWidth
    var bounds = [Bound](repeating: .zero, count: ids.count)
    for (token, choices) in Mixture.places(ids, rowCounts: outputs.map(\.values.rowCount)).enumerated() {
      for case (let slot, let place?) in choices.enumerated() {
        let output = outputs[place.expert]
        let (left, right) = (token * width, place.row * width)
        let products = (0..<width).map { dy.values.values[left + $0] * output.values.values[right + $0] }
        var terms = rounding.terms(ofProducts: products)
        terms.lost = rounding.lost(width, absolute: terms.absolute) { products[$0] }
        let factors =
          dy.values.row(token).reduce(0) { $0 + abs($1) }
          + output.values.row(place.row).reduce(0) { $0 + abs($1) }
        var bound = rounding.ofSum(terms) + rounding.ofUnderflow(terms, factors: factors)
        // A narrow type stores the products before they are added.
        bound +=
          rounding.precision.type.unitRoundoff > rounding.unit
          ? rounding.precision.type.unitRoundoff * terms.absolute : 0
        if !dy.isExact || !output.isExact {
          for column in 0..<width {
            bound += Rounding.ofProduct(
              dy.values.values[left + column], dy.distance(at: left + column),
              output.values.values[right + column], output.distance(at: right + column))
          }
        }
        bounds[token * ids.rowWidth + slot] = bound
      }
    }
    return bounds
  }

  private func of(_ expert: Int, _ site: JudgedSite, _ value: Tensor<Double>, _ rounding: Rounding) -> [Bound]
  {
    let (ids, weights, dy) = (site.activations[0].values, site.activations[1], site.activations[2])
    let width = dy.values.rowWidth
    var bounds: [Bound] = []
    bounds.reserveCapacity(value.count)
    for token in 0..<ids.rowCount {
      let places = (0..<ids.rowWidth).filter { ids[token, $0] == Double(expert) }.map {
        token * ids.rowWidth + $0
      }
      guard !places.isEmpty else { continue }
      let weight = places.reduce(0) { $0 + weights.values.values[$1] }
      let ofWeight = places.reduce(Bound.zero) { $0 + weights.distance(at: $1) }
      for column in 0..<width {
        let (place, row) = (token * width + column, bounds.count)
        bounds.append(
          Rounding.ofProduct(weight, ofWeight, dy.values.values[place], dy.distance(at: place))
            + (rounding.unit * abs(value.values[row]) + rounding.underflow))
      }
    }
    return bounds
  }
}
