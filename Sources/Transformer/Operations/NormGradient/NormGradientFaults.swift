import TouchstoneGraph
import TouchstoneModel

extension NormGradient: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = ofSums + ofFactors

  private static let ofSums: [Fault] = [
    fault("first-sum-missing", "the mean of the gradient is not subtracted", "a term is forgotten") {
      $0.isCentred ? $0.value(first: 0) : nil
    },
    fault("second-sum-missing", "the gradient does not go through the deviation", "a term is forgotten") {
      $0.value(second: 0)
    },
    fault("both-sums-missing", "mean and deviation are taken for constants", "the statistics are detached") {
      $0.value(first: 0, second: 0)
    },
    fault("sign-of-second-sum", "the second sum is added", "a sign") { $0.value(second: -1) },
    fault("sums-not-divided", "the sums are not divided by the width", "a sum for a mean") {
      $0.value(first: Double($0.x.count), second: Double($0.x.count))
    },
    fault(
      "unbiased-count", "the sums are divided by the width less 1", "a library's default for the variance"
    ) {
      let n = Double($0.x.count)
      return n > 1 ? $0.value(first: n / (n - 1), second: n / (n - 1)) : nil
    },
    fault(
      "sums-before-gain", "the sums are those of the gradient before its gain", "the gain is applied too late"
    ) {
      $0.value(sumsOf: $0.dy)
    },
    fault("last-left-out", "the sums leave out the last entry", "a loop ends one early") {
      $0.value(sumsOf: $0.h.dropLast() + [0])
    },
    fault("mean-subtracted", "the mean of the gradient is subtracted", "LayerNorm for RMSNorm") { row in
      row.isCentred ? nil : row.value(first: 1)
    },
  ]

  private static let ofFactors: [Fault] = [
    fault("gain-missing", "the gain is not applied", "a factor is forgotten") { row in
      row.hasGain ? row.value(of: row.dy, sumsOf: row.dy) : nil
    },
    fault("gain-twice", "the gain is applied twice", "kernel and caller both apply it") { row in
      guard row.hasGain else { return nil }
      let twice = zip(row.h, row.factors).map(*)
      return row.value(of: twice, sumsOf: twice)
    },
    fault("deviation-missing", "the result is not divided by the deviation", "a factor is forgotten") { row in
      row.value().map { $0 / row.inverse }
    },
    fault("deviation-squared", "the result is divided by the variance", "a factor is applied twice") { row in
      row.value().map { $0 * row.inverse }
    },
    fault("no-epsilon", "ε is left out", "the statistics are computed again without it") { row in
      row.with(epsilon: 0).value()
    },
    fault("epsilon-1e-3", "ε is 0.001", "another default") { $0.with(epsilon: 1e-3).value() },
    fault("missing", "there is no gradient", "the backward pass ends here") { $0.value().map { _ in 0 } },
    fault("handed-on", "the norm is taken for the identity", "the backward pass leaves the norm out") {
      $0.dy
    },
    fault("twice", "the gradient is added twice", "a buffer is not cleared") { $0.value().map { 2 * $0 } },
  ]

  private static func fault(
    _ id: String, _ name: String, _ practice: String, _ rule: @escaping @Sendable (FaultyRun) -> [Double]?
  ) -> Fault {
    Fault("norm-gradient.\(id)", name, .gradient, of: NormGradient.self, practice: practice) { own, site in
      own.replaced(site, rule)
    }
  }

  /// The value where each run is made by another rule; nil where that does not apply.
  private func replaced(_ site: FaultSite, _ rule: (FaultyRun) -> [Double]?) -> Tensor<Double>? {
    let (x, dy) = (site.activations[0], site.activations[1])
    let gain = site.site.operands.parameters.first
    var value = x
    for run in x.normRuns(isJoined: isJoined) {
      let factors = run.indices.map { column in gain.map { offset + $0[column] } ?? 1 }
      let row = FaultyRun(
        x: run.map { x.values[$0] }, dy: run.map { dy.values[$0] }, factors: factors, hasGain: gain != nil,
        epsilon: epsilon, isCentred: isCentred)
      guard let made = rule(row) else { return nil }
      for (column, place) in run.enumerated() { value.values[place] = made[column] }
    }
    return value
  }
}

/// A run that a norm takes together, on its way back.
struct FaultyRun {
  let x: [Double]
  let dy: [Double]
  let factors: [Double]
  let hasGain: Bool
  let epsilon: Double
  let isCentred: Bool

  var h: [Double] { zip(dy, factors).map(*) }

  private var mean: Double { isCentred ? x.reduce(0, +) / Double(x.count) : 0 }

  var inverse: Double {
    let mean = mean
    return 1 / (x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count) + epsilon).squareRoot()
  }

  func with(epsilon: Double) -> FaultyRun {
    FaultyRun(x: x, dy: dy, factors: factors, hasGain: hasGain, epsilon: epsilon, isCentred: isCentred)
  }

  /// I·(h − first·mean s − x̂·second·mean(s∘x̂)).
  ///
  /// - Parameters:
  ///   - own: h, unless another is given.
  ///   - summed: s, h unless another is given.
  ///   - first: how often the mean counts: once where one is taken away.
  ///   - second: how often the other sum counts.
  func value(
    of own: [Double]? = nil, sumsOf summed: [Double]? = nil, first: Double? = nil, second: Double = 1
  ) -> [Double] {
    let (inverse, mean, n) = (inverse, mean, Double(x.count))
    let normalised = x.map { ($0 - mean) * inverse }
    let (own, summed) = (own ?? h, summed ?? h)
    let average = (first ?? (isCentred ? 1 : 0)) * summed.reduce(0, +) / n
    let slope = second * zip(summed, normalised).reduce(0) { $0 + $1.0 * $1.1 } / n
    return own.indices.map { inverse * (own[$0] - average - normalised[$0] * slope) }
  }
}
