import TouchstoneGraph
import TouchstoneModel

extension SinkGradient: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = [
    fault("sign", "the sign is wrong", "the gradient of a score that is asked for") { $1.times(-1) },
    fault("missing", "sinks have no gradient", "the kernel returns none") { $1.times(0) },
    fault("twice", "the gradient is added twice", "a buffer is not cleared") { $1.times(2) },
    fault("mean", "the gradient is divided by the queries", "a mean for a sum") { _, site in
      site.times(1 / Double(site.activations[0].shape[1]))
    },
    queries("last-query", "only the last query counts", "= for += in the loop over queries") {
      $0 == $1 - 1 ? 1 : 0
    },
    queries("query-lost", "the last query is lost", "a loop ends one early") { $0 == $1 - 1 ? 0 : 1 },
    fault("of-other-head", "each head has the gradient of the next", "an offset") { _, site in
      site.edited { value in
        let original = value
        for head in value.values.indices { value.values[head] = original.values[(head + 1) % value.count] }
      }
    },
    fault("not-weighted", "the row's sum is not weighted by the probabilities", "Σ dp for Σ p·dp") {
      own, site in
      site.evaluated(changing: 1) { p in
        let keys = p.rowWidth
        for row in 0..<p.rowCount {
          for key in 0..<keys {
            let isSeen = site.inputs.isVisible(key: key, from: row % p.shape[1], under: own.visibility)
            p[row, key] = isSeen ? 1 : 0
          }
        }
      }
    },
    fault("score-missing", "the sink's own score is taken for 0", "its weight is that of an empty key") {
      _, site in
      site.evaluated(changingParameter: 0) { $0.values = $0.values.map { _ in 0 } }
    },
  ]

  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ output: @escaping @Sendable (SinkGradient, FaultSite) -> Tensor<Double>?
  ) -> Fault {
    Fault("sink-gradient.\(id)", name, .gradient, of: SinkGradient.self, practice: practice, output: output)
  }

  /// Sums in which each query counts `weight(query, queries)` times.
  private static func queries(
    _ id: String, _ name: String, _ practice: String, _ weight: @escaping @Sendable (Int, Int) -> Double
  ) -> Fault {
    fault(id, name, practice) { _, site in
      site.evaluated(changing: 2) { dp in
        for row in 0..<dp.rowCount {
          let factor = weight(row % dp.shape[1], dp.shape[1])
          for key in 0..<dp.rowWidth where factor != 1 { dp[row, key] *= factor }
        }
      }
    }
  }
}
