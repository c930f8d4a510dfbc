import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension RouteGradient: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["BWD-19", "BND-59"] }

  /// Shares err as the weights do, in their logarithms; the mean that is taken away is a sum of K products, and by way of
  /// the shares of all experts a second one, whose terms add up to 0, reaches those that were not chosen too.
  ///
  /// Clauses: BND-59.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let (logits, ids, gradient) = (site.activations[0], site.activations[1].values, site.activations[2])
    let isLogistic = weights.function == .sigmoid
    let all = (isLogistic ? ActivationFunction(.sigmoid).kind : Softmax().kind)
      .value(Operands([logits.values]), in: site.inputs)
    let ofAll =
      isLogistic
      ? rounding.ofActivation(.sigmoid, all, logits, storedAs: site.storedType)
      : rounding.ofSoftmax(all, logits, temperature: 1)
    let unit = max(rounding.unit, site.storedType.unitRoundoff)
    let width = all.rowWidth
    var bounds: [Bound] = []
    for token in 0..<value.rowCount {
      let chosen = zip(ids.experts(of: token, among: width), gradient.values.row(token).indices).compactMap {
        expert, place in
        expert.map {
          RouteRow.Choice(
            expert: $0, gradient: gradient.values.values[place], distance: gradient.distance(at: place))
        }
      }
      let row = RouteRow(
        weights: weights, shares: Array(all.row(token)),
        errors: Array(ofAll[token * width..<(token + 1) * width]), chosen: chosen, unit: unit)
      for (expert, value) in value.row(token).enumerated() {
        bounds.append(
          row.bound(of: expert) + 6 * unit * abs(value)
            + weights.factor * 8 * rounding.underflow * (1 + (row.total > 0 ? 1 / row.total : 0)))
      }
    }
    return Estimate(values: value, bounds: bounds)
  }
}

/// What one token's routing reads, and how far it may be off.
private struct RouteRow {
  struct Choice {
    let expert: Int
    let gradient: Double
    let distance: Bound
  }

  let weights: RouteWeights
  /// Of all experts: their shares in the softmax, or their logistic functions.
  let shares: [Double]
  let errors: [Bound]
  let chosen: [Choice]
  let unit: Double
  /// What shares are divided by.
  let total: Double
  /// Σ s·dw, and how far it may be off.
  private let mean: Double
  private let ofMean: Bound
  /// The greatest relative error that the total has.
  private let ofTotal: Bound

  init(weights: RouteWeights, shares: [Double], errors: [Bound], chosen: [Choice], unit: Double) {
    (self.weights, self.shares, self.errors, self.chosen, self.unit) = (weights, shares, errors, chosen, unit)
    let count = Double(chosen.count)
    total = weights.isNormalised ? chosen.reduce(0) { $0 + shares[$1.expert] } : 1
    let isShared = weights.isNormalised || weights.function == .softmax
    let total = total
    ofTotal =
      weights.isNormalised && total > 0
      ? chosen.reduce(Bound(count * unit)) { $0 + (1 / total) * errors[$1.expert] } : .zero
    guard isShared, total > 0 else {
      (mean, ofMean) = (0, .zero)
      return
    }
    let ofTotal = ofTotal
    mean = chosen.reduce(0) { $0 + shares[$1.expert] / total * $1.gradient }
    ofMean = chosen.reduce(Bound.zero) { sum, choice in
      let share = shares[choice.expert] / total
      let ofShare = (1 / total) * errors[choice.expert] + share * ofTotal
      return sum + abs(choice.gradient) * ofShare + share * choice.distance
        + (count + 4) * unit * share * abs(choice.gradient)
    }
  }

  /// How far the gradient by an expert's logit may be off.
  func bound(of expert: Int) -> Bound {
    guard total > 0 else { return .zero }
    let own = chosen.filter { $0.expert == expert }
    let isOfAll = weights.function == .softmax && !weights.isNormalised
    // By way of all shares every logit has its part of a mean that is 0 but for its errors.
    let gross = chosen.reduce(0) { $0 + shares[$1.expert] / total * (abs($1.gradient) + abs(mean)) }
    var bound = Bound.zero
    if isOfAll {
      bound = errors[expert].combined(with: ofMean) { $0 * (abs(mean) + $1) + shares[expert] * $1 }
    } else if weights.function == .softmax {
      bound = shares[expert] * (2 * ofMean + Double(chosen.count + 8) * unit * gross)
    }
    for choice in own {
      let difference = abs(choice.gradient - (isOfAll ? 0 : mean))
      let ofDifference =
        choice.distance + (isOfAll ? .zero : ofMean) + 2 * unit * (abs(choice.gradient) + abs(mean))
      let slope = slope(of: expert)
      bound += ofDifference.combined(with: slope.bound) { $0 * slope.value + $1 * (difference + $0) }
    }
    return weights.factor * bound
  }

  /// What the difference of a chosen expert is multiplied by.
  private func slope(of expert: Int) -> (value: Double, bound: Bound) {
    let (share, error) = (shares[expert], errors[expert])
    if weights.function == .softmax {
      let value = share / total
      return (value, (1 / total) * error + value * (ofTotal + 3 * unit))
    }
    // o·(1 − o), whose second factor cancels.
    let product = share * (1 - share)
    let ofProduct = abs(1 - 2 * share) * error + (3 * unit * product + unit * share)
    return (product / total, (1 / total) * ofProduct + product / total * (ofTotal + 3 * unit))
  }
}
