import TouchstoneGraph
import TouchstoneModel

extension GainGradient: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = [
    fault("of-input", "what the norm read is taken for what it normalised", "x for x̂") { _, site in
      let (x, dy) = (site.activations[0], site.activations[1])
      let width = site.evaluated().count
      var sums = [Double](repeating: 0, count: width)
      guard x.rowWidth == width else { return nil }
      for row in 0..<x.rowCount {
        for column in 0..<width { sums[column] += dy[row, column] * x[row, column] }
      }
      return Tensor(sums, shape: [width])
    },
    fault("last-row", "only the last row counts", "= for += in the loop over rows") { _, site in
      site.weighingRows { $0 == $1 - 1 ? 1 : 0 }
    },
    fault("row-lost", "the last row is lost", "a loop ends one early") { _, site in
      site.weighingRows { $0 == $1 - 1 ? 0 : 1 }
    },
    fault("block-lost", "rows after the last whole block of eight are lost", "a loop without its remainder") {
      _, site in site.weighingRows { $0 < $1 / 8 * 8 ? 1 : 0 }
    },
    fault("of-shift", "the gradient is that of the shift", "the two are exchanged") { own, site in
      let dy = site.activations[1]
      guard !own.isJoined else { return nil }
      let sums = (0..<dy.rowWidth).map { column in (0..<dy.rowCount).reduce(0.0) { $0 + dy[$1, column] } }
      return Tensor(sums, shape: [sums.count])
    },
    fault("mean", "the gradient is divided by the tokens", "a mean for a sum") { _, site in
      site.times(1 / Double(site.inputs.count))
    },
    fault("twice", "the gradient is added twice", "a buffer is not cleared") { _, site in site.times(2) },
    fault("missing", "there is no gradient", "a parameter is frozen, or its kernel writes elsewhere") {
      _, site in
      site.times(0)
    },
  ]

  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ output: @escaping @Sendable (GainGradient, FaultSite) -> Tensor<Double>?
  ) -> Fault {
    Fault("gain-gradient.\(id)", name, .gradient, of: GainGradient.self, practice: practice, output: output)
  }
}

extension FaultSite {
  /// The value where each row of the gradient counts `weight(row, rows)` times.
  fileprivate func weighingRows(_ weight: (Int, Int) -> Double) -> Tensor<Double> {
    evaluated(changing: 1) { dy in
      for row in 0..<dy.rowCount {
        let factor = weight(row, dy.rowCount)
        for column in 0..<dy.rowWidth { dy[row, column] *= factor }
      }
    }
  }
}
