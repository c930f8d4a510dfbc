import TouchstoneGraph
import TouchstoneModel

extension SoftmaxGradient: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["BWD-14", "BND-56"] }

  /// One sum of a term more than there are keys, times the probability: p·(dp − Σ p·dp), p·dp − p·Σ p·dp and the loop over the
  /// matrix of derivatives alike.
  ///
  /// Clauses: BND-56.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let (probabilities, gradient) = (site.activations[0], site.activations[1])
    let (tokens, width, unit) = (site.inputs.count, value.rowWidth, rounding.unit)
    var bounds = [Bound](repeating: .zero, count: value.count)
    for row in 0..<value.rowCount {
      let visible = (0..<width).filter {
        site.inputs.isVisible(key: $0, from: row % tokens, under: visibility)
      }
      let products = visible.map { probabilities.values[row, $0] * gradient.values[row, $0] }
      let mean = products.reduce(0, +)
      let sum = rounding.terms(ofProducts: products)
      var ofMean = Bound.zero
      if !probabilities.isExact || !gradient.isExact {
        for key in visible {
          let place = row * width + key
          ofMean += Rounding.ofProduct(
            probabilities.values[row, key], probabilities.distance(at: place), gradient.values[row, key],
            gradient.distance(at: place))
        }
      }
      for key in visible {
        let place = row * width + key
        let (p, dp) = (probabilities.values[row, key], gradient.values[row, key])
        var terms = sum
        terms.add(dp)
        terms.sum = dp - mean
        terms.lost = rounding.lost(products.count, absolute: terms.absolute) { products[$0] }
        let ofDifference = rounding.ofSum(terms, roundings: 2) + ofMean + gradient.distance(at: place)
        let passed = Rounding.ofProduct(p, probabilities.distance(at: place), dp - mean, ofDifference)
        bounds[place] =
          passed
          + (2 * unit * abs(value.values[place]) + (4 + 2 * terms.count + abs(dp)) * rounding.underflow)
      }
    }
    return Estimate(values: value, bounds: bounds)
  }

  /// What the elements of a row stray by together, because what is taken away from all of them does.
  func sharedNoise(_ value: Tensor<Double>, _ site: JudgedSite, _ rounding: Rounding) -> [[Float]] {
    let (probabilities, gradient) = (site.activations[0].values, site.activations[1].values)
    return [
      (0..<value.rowCount).flatMap { row -> [Float] in
        let products = zip(probabilities.row(row), gradient.row(row)).map { $0 == 0 ? 0 : $0 * $1 }
        let ofMean = rounding.ofSum(rounding.terms(ofProducts: products)).stat / rounding.contract.deviations
        return probabilities.row(row).map { Float($0 * ofMean) }
      }
    ]
  }
}
