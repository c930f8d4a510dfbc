import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension RouteWeights: Bounded {
  func clauses(of _: TouchstoneGraph.Operation, in _: Graph) -> [String] {
    [function == .sigmoid ? "MOE-9" : isNormalised ? "MOE-3" : "MOE-4", "BND-37"]
  }

  /// The share of each expert that an engine chose, whichever it should have been.
  ///
  /// Normalised weights are shares of all experts divided by their sum, or the softmax of the chosen logits alone: the
  /// former errs by what each share does, in its logarithm, and by the mean of that over the chosen ones; K − 1 additions,
  /// a quotient and a product with the factor come to it, and each step may be stored. The latter errs by less. Logistic
  /// functions err as they do, and are divided as shares are.
  ///
  /// Clauses: BND-37.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let (logits, ids) = (site.activations[0], site.activations[1].values)
    let isLogistic = function == .sigmoid
    let shares = (isLogistic ? ActivationFunction(.sigmoid).kind : Softmax().kind)
      .value(Operands([logits.values]), in: site.inputs)
    let ofShares =
      isLogistic
      ? rounding.ofActivation(.sigmoid, shares, logits, storedAs: site.storedType)
      : rounding.ofSoftmax(shares, logits, temperature: 1)
    let unit = max(rounding.unit, site.storedType.unitRoundoff)
    let bounds = (0..<value.rowCount).flatMap { token -> [Bound] in
      let first = token * shares.rowWidth
      let chosen = ids.experts(of: token, among: shares.rowWidth)
      let weights = value.row(token)
      guard isNormalised else {
        return zip(chosen, weights).map { expert, weight in
          expert.map { factor * ofShares[first + $0] + 2 * unit * abs(weight) } ?? .zero
        }
      }
      let known = chosen.compactMap { $0 }
      let total = known.reduce(0) { $0 + shares.values[first + $1] }
      /// The error of the logarithm of a share.
      func ofLogarithm(_ expert: Int) -> Bound {
        let share = shares.values[first + expert]
        return share > 0 ? ofShares[first + expert].map { log1p($0 / share) } : .zero
      }
      let mean = known.reduce(Bound.zero) {
        $0 + (total > 0 ? shares.values[first + $1] / total : 0) * ofLogarithm($1)
      }
      let ofSteps = Double(known.count + 3) * unit
      return zip(chosen, weights).map { expert, weight in
        guard let expert else { return .zero }
        let relative = ofLogarithm(expert) + mean + ofSteps
        return relative.map { abs(weight) * expm1($0) }
          + factor * 8 * rounding.underflow * (1 + (total > 0 ? 1 / total : 0))
      }
    }
    return Estimate(values: value, bounds: bounds)
  }
}
