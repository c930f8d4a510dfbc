import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension RouteGradient: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = [
    fault(
      "mean-missing", "what all weights have together is not taken away", "the softmax's sum is forgotten"
    ) {
      own, site in
      own.isShared ? site.withMean(own, times: 0) : nil
    },
    fault("mean-not-weighted", "the plain sum of the gradients is taken away", "Σ dw for Σ w·dw") {
      own, site in
      own.isShared ? site.withMean(own) { dw, _ in dw.reduce(0, +) } : nil
    },
    fault("factor-missing", "the model's factor is not applied", "routed_scaling_factor is forgotten") {
      own, site in
      own.weights.factor == 1 ? nil : site.times(1 / own.weights.factor)
    },
    fault("factor-twice", "the model's factor is applied twice", "two kernels multiply by it") { own, site in
      own.weights.factor == 1 ? nil : site.times(own.weights.factor)
    },
    fault("normalised", "weights are taken to add up to 1", "norm_topk_prob is not read") { own, site in
      own.weights.isNormalised ? nil : site.evaluated(as: own.with(isNormalised: true))
    },
    fault("not-normalised", "weights are taken not to add up to 1", "norm_topk_prob is not read") {
      own, site in
      own.weights.isNormalised ? site.evaluated(as: own.with(isNormalised: false)) : nil
    },
    fault("best-alone", "the best choice alone has a gradient", "a loop over choices ends after one") {
      _, site in
      site.evaluated(changing: 2) { dw in
        for offset in dw.values.indices where offset % dw.rowWidth > 0 { dw.values[offset] = 0 }
      }
    },
    fault("of-other-choice", "each choice has the gradient of the next", "ids are sorted otherwise") {
      _, site in
      let ids = site.activations[1]
      guard ids.rowWidth > 1 else { return nil }
      return site.evaluated(changing: 2) { dw in
        let original = dw
        for row in 0..<dw.rowCount { dw.setRow(row) { original[row, ($0 + 1) % ids.rowWidth] } }
      }
    },
    fault("missing", "the router has no gradient", "weights are detached") { $1.times(0) },
    fault("twice", "the gradient is added twice", "a buffer is not cleared") { $1.times(2) },
  ]

  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ output: @escaping @Sendable (RouteGradient, FaultSite) -> Tensor<Double>?
  ) -> Fault {
    Fault("route-gradient.\(id)", name, .gradient, of: RouteGradient.self, practice: practice, output: output)
  }

  /// Whether the weights of a token hang together.
  fileprivate var isShared: Bool { weights.isNormalised || weights.function == .softmax }

  private func with(isNormalised: Bool) -> RouteGradient {
    RouteGradient(of: RouteWeights(isNormalised: isNormalised, factor: weights.factor, by: weights.function))
  }
}

extension FaultSite {
  /// The value where something else is taken away from each expert's gradient, by a token's gradients and weights.
  fileprivate func withMean(
    _ own: RouteGradient, times factor: Double = 1, _ other: (([Double], [Double]) -> Double)? = nil
  ) -> Tensor<Double>? {
    let (logits, ids, gradient) = (activations[0], activations[1], activations[2])
    let value = evaluated()
    let shares = RouteWeights(isNormalised: own.weights.isNormalised, by: own.weights.function).kind.value(
      Operands([logits, ids]), in: inputs)
    var changed = value
    for token in 0..<ids.rowCount {
      let (dw, weights) = (Array(gradient.row(token)), Array(shares.row(token)))
      let mean = zip(dw, weights).reduce(0) { $0 + $1.0 * $1.1 }
      let taken = factor * (other?(dw, weights) ?? mean)
      let chosen = ids.experts(of: token, among: logits.rowWidth)
      for expert in 0..<logits.rowWidth {
        let due = chosen.firstIndex(of: expert).map { dw[$0] } ?? 0
        guard due != mean else { continue }
        changed[token, expert] = value[token, expert] / (due - mean) * (due - taken)
      }
    }
    return changed
  }
}
