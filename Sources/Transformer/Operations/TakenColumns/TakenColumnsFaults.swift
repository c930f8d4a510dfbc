import TouchstoneGraph
import TouchstoneModel

extension TakenColumns: Faulty {
  static let traits: FaultTraits = .copy
  static let faults: [Fault] = [
    fault("from-other-end", "the columns are counted from the other end", "the halves are exchanged") {
      own, site in
      let width = site.activations[0].rowWidth
      let first = width - own.columns.upperBound
      return first == own.columns.lowerBound
        ? nil
        : site.evaluated(as: TakenColumns(first..<first + own.columns.count, ofAllHeads: own.addsHeads))
    },
    fault("one-head-of-all", "of the heads that share columns the last counts alone", "= for += over heads") {
      own, site in
      own.addsHeads
        ? site.evaluated(changing: 0) { x in
          let block = x.count / x.shape[0]
          for offset in 0..<x.count - block { x.values[offset] = 0 }
        } : nil
    },
    fault("mean-of-heads", "heads that share columns are averaged", "a mean for a sum") { own, site in
      own.addsHeads ? site.times(1 / Double(site.activations[0].shape[0])) : nil
    },
    fault("missing", "there is no gradient", "the backward pass ends here") { $1.times(0) },
    fault("twice", "the gradient is added twice", "a buffer is not cleared") { $1.times(2) },
  ]

  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ output: @escaping @Sendable (TakenColumns, FaultSite) -> Tensor<Double>?
  ) -> Fault {
    Fault("taken-columns.\(id)", name, .gradient, of: TakenColumns.self, practice: practice, output: output)
  }
}
