import TouchstoneGraph
import TouchstoneModel

extension GainGradient: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["BWD-9", "BND-54"] }

  var isProduct: Bool { true }

  /// A sum over rows whose terms are each as far off as the row's statistics are, which is another number in each row.
  ///
  /// Clauses: BND-54.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let (x, dy) = (site.activations[0], site.activations[1])
    let unit = rounding.unit
    let runs = x.values.normRuns(isJoined: isJoined).map {
      NormRun(x, $0, epsilon: epsilon, isCentred: isCentred, rounding)
    }
    let width = runs.first?.places.count ?? 0
    var sums = [Double](repeating: 0, count: width)
    let bounds = (0..<width).map { column -> Bound in
      var products: [Double] = []
      var (worst, squares) = (Bound.zero, 0.0)
      for run in runs {
        let place = run.places[column]
        let gradient = dy.values.values[place]
        let product = gradient * run.normalised[column]
        sums[column] += product
        products.append(product)
        let ofRow = abs(gradient) * run.errors[column] + abs(run.normalised[column]) * dy.distance(at: place)
        worst += ofRow
        squares += ofRow.stat * ofRow.stat
      }
      let terms = rounding.terms(ofProducts: products)
      // Rows that are equal are off alike.
      let usual = (terms.repetition * squares).squareRoot() + 6 * unit * terms.absolute
      worst.stat = min(worst.stat, usual)
      return rounding.ofSum(terms, roundings: 2) + worst
        + (unit * abs(sums[column]) + 4 * Double(runs.count + 1) * rounding.underflow)
    }
    return Estimate(values: Tensor(sums, shape: [width]), bounds: bounds)
  }
}
