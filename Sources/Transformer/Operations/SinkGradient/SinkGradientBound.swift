import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension SinkGradient: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["BWD-17", "BND-58"] }

  /// A sum over queries of products, each of a weight that errs as a softmax does and of a sum over keys.
  ///
  /// Clauses: BND-58.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let (scores, probabilities, gradient) = (site.activations[0], site.activations[1], site.activations[2])
    let sinks = site.parameters[0].vector
    let (queries, keys) = (scores.values.shape[1], scores.values.shape[2])
    let bounds = sinks.enumerated().map { head, sink -> Bound in
      var (products, passed) = ([Double](), Bound.zero)
      for query in 0..<queries {
        let row = (head * queries + query) * keys
        let places = (0..<keys).filter {
          site.inputs.isVisible(key: $0, from: query, under: visibility)
        }.map { row + $0 }
        let terms = places.map { probabilities.values.values[$0] * gradient.values.values[$0] }
        let ofMean = places.reduce(rounding.ofSum(rounding.terms(ofProducts: terms))) {
          $0
            + Rounding.ofProduct(
              probabilities.values.values[$1], probabilities.distance(at: $1), gradient.values.values[$1],
              gradient.distance(at: $1))
        }
        let weight = rounding.ofSink(
          sink, beside: places, of: scores, roundoff: site.parameters[0].roundoff, site.inputs)
        let mean = terms.reduce(0, +)
        products.append(-weight.value * mean)
        passed += Rounding.ofProduct(weight.value, weight.bound, mean, ofMean)
        passed += Double(2 * places.count + 4) * rounding.underflow
      }
      return rounding.ofSum(rounding.terms(ofProducts: products)) + passed
    }
    return Estimate(values: value, bounds: bounds)
  }
}

extension Rounding {
  /// The weight that a sink has in a row of scores, and how far it may be off.
  fileprivate func ofSink(
    _ sink: Double, beside places: [Int], of scores: Operand, roundoff: Double, _ inputs: Inputs
  ) -> (value: Double, bound: Bound) {
    let row = places.map { scores.values.values[$0] } + [sink]
    let weights = Softmax().value(Operands([Tensor(row, shape: [1, row.count])]), in: inputs).values
    let isExact = scores.isExact && roundoff == 0
    let bounds = ofSoftmaxRow(
      scores: row, probabilities: weights,
      distances: isExact ? nil : places.map(scores.distance(at:)) + [Bound(roundoff * abs(sink))])
    return (weights[places.count], bounds[places.count])
  }
}
