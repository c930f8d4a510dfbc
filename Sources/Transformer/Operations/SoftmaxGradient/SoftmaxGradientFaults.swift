import TouchstoneGraph
import TouchstoneModel

extension SoftmaxGradient: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = [
    fault("sum-missing", "the row's sum is not subtracted", "a term is forgotten") { p, dp, _ in
      zip(p, dp).map(*)
    },
    fault("sum-not-weighted", "the row's sum is not weighted by the probabilities", "Σ dp for Σ p·dp") {
      p, dp, _ in
      let sum = dp.reduce(0, +)
      return zip(p, dp).map { $0 * ($1 - sum) }
    },
    fault("sum-is-mean", "the row's mean is subtracted", "mean dp for Σ p·dp") { p, dp, _ in
      let mean = dp.reduce(0, +) / Double(dp.count)
      return zip(p, dp).map { $0 * ($1 - mean) }
    },
    fault("last-of-sum-only", "the row's sum is its last term", "= for +=") { p, dp, _ in
      let last = (p.last ?? 0) * (dp.last ?? 0)
      return zip(p, dp).map { $0 * ($1 - last) }
    },
    fault("sum-of-row-before", "the sum is that of the row before", "a buffer is a row late") {
      p, dp, before in
      before.map { sum in zip(p, dp).map { $0 * ($1 - sum) } }
    },
    fault("probability-missing", "the result is not multiplied by the probability", "a factor is forgotten") {
      p, dp, _ in
      let sum = zip(p, dp).reduce(0) { $0 + $1.0 * $1.1 }
      return dp.map { $0 - sum }
    },
    fault("left-out", "the softmax is taken for the identity", "the backward pass leaves it out") {
      _, dp, _ in dp
    },
    fault("diagonal-only", "each probability is taken for a function of its own score", "p·(1 − p)·dp") {
      p, dp, _ in zip(p, dp).map { $0 * (1 - $0) * $1 }
    },
    fault("missing", "there is no gradient", "the backward pass ends here") { p, _, _ in p.map { _ in 0 } },
    fault("twice", "the gradient is added twice", "a buffer is not cleared") { p, dp, _ in
      let sum = zip(p, dp).reduce(0) { $0 + $1.0 * $1.1 }
      return zip(p, dp).map { 2 * $0 * ($1 - sum) }
    },
    Fault(
      "softmax-gradient.sum-over-queries", "the sum is that of the column", .gradient,
      of: SoftmaxGradient.self,
      practice: "the wrong axis"
    ) { own, site in
      let (p, dp, tokens) = (site.activations[0], site.activations[1], site.inputs.count)
      return site.edited { value in
        for row in 0..<value.rowCount {
          let head = row / tokens * tokens
          for key in 0..<value.rowWidth
          where site.inputs.isVisible(key: key, from: row % tokens, under: own.visibility) {
            let sum = (0..<tokens).filter { site.inputs.isVisible(key: key, from: $0, under: own.visibility) }
              .reduce(0.0) { $0 + p[head + $1, key] * dp[head + $1, key] }
            value[row, key] = p[row, key] * (dp[row, key] - sum)
          }
        }
      }
    },
  ]

  /// Another rule for the visible keys of each row, of their probabilities, gradients, and the sum of the row before.
  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ rule: @escaping @Sendable ([Double], [Double], Double?) -> [Double]?
  ) -> Fault {
    Fault(
      "softmax-gradient.\(id)", name, .gradient, of: SoftmaxGradient.self, practice: practice
    ) { own, site in
      let (p, dp, tokens) = (site.activations[0], site.activations[1], site.inputs.count)
      var before: Double?
      return site.edited { value in
        for row in 0..<value.rowCount {
          let visible = site.inputs.visibleKeys(from: row % tokens, under: own.visibility)
          let (own, gradient) = (visible.map { p[row, $0] }, visible.map { dp[row, $0] })
          let made = rule(own, gradient, before)
          before = zip(own, gradient).reduce(0) { $0 + $1.0 * $1.1 }
          guard let made else { continue }
          for (place, key) in visible.enumerated() { value[row, key] = made[place] }
        }
      }
    }
  }
}
