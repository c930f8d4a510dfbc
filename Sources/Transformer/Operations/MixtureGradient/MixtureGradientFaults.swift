import TouchstoneGraph
import TouchstoneModel

extension MixtureGradient: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = [
    fault("not-weighted", "experts have the gradient without their weights", "weights are never applied") {
      own, site in
      own.side == .weights ? nil : site.evaluated(changing: 1) { $0.values = $0.values.map { _ in 1 } }
    },
    fault("weighted-twice", "experts have the gradient times their weights squared", "two kernels weigh it") {
      own, site in
      own.side == .weights ? nil : site.evaluated(changing: 1) { $0.values = $0.values.map { $0 * $0 } }
    },
    fault("best-alone", "the best choice alone has a gradient", "a loop over choices ends after one") {
      own, site in
      site.choosing(own) { slot, _ in slot == 0 }
    },
    fault("last-choice-missing", "the last choice has no gradient", "a loop over choices ends one early") {
      own, site in
      site.choosing(own) { $0 != $1 - 1 }
    },
    fault("of-first-tokens", "experts have the gradients of the first tokens", "rows are not gathered") {
      own, site in
      own.side == .weights ? nil : site.reading { place, _ in place }
    },
    fault("of-token-before", "experts have the gradients of the tokens before", "an index is off by one") {
      own, site in
      own.side == .weights ? nil : site.reading { max($1 - 1, 0) }
    },
    fault("mean", "the gradient is averaged over the columns", "a mean for a sum") { own, site in
      own.side == .weights ? site.times(1 / Double(site.activations[1].rowWidth)) : nil
    },
    fault("weights-reversed", "the last choice has the gradient of the best", "ids are sorted otherwise") {
      own, site in
      guard own.side == .weights else { return nil }
      let dw = site.evaluated()
      return Tensor((0..<dw.rowCount).flatMap { dw.row($0).reversed() }, shape: dw.shape)
    },
    fault("missing", "there is no gradient", "the backward pass ends here") { $1.times(0) },
    fault("twice", "the gradient is added twice", "a buffer is not cleared") { $1.times(2) },
  ]

  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ output: @escaping @Sendable (MixtureGradient, FaultSite) -> Tensor<Double>?
  ) -> Fault {
    Fault(
      "mixture-gradient.\(id)", name, .gradient, of: MixtureGradient.self, practice: practice, output: output)
  }
}

extension FaultSite {
  /// The value where some of the slots count alone.
  fileprivate func choosing(_ own: MixtureGradient, _ counts: (Int, Int) -> Bool) -> Tensor<Double> {
    func clear(_ values: inout Tensor<Double>) {
      for row in 0..<values.rowCount {
        for slot in 0..<values.rowWidth where !counts(slot, values.rowWidth) { values[row, slot] = 0 }
      }
    }
    return own.side == .weights ? edited(clear) : evaluated(changing: 1, clear)
  }

  /// The rows of an expert where their gradients are of other tokens, by the place of a row and its token.
  fileprivate func reading(_ other: (Int, Int) -> Int) -> Tensor<Double>? {
    guard case .rows(.expert(let expert, _))? = graph.axes(of: operation.output)?.first else { return nil }
    let ids = activations[0]
    let tokens = (0..<ids.rowCount).filter { ids.row($0).contains(Double(expert)) }
    return evaluated(changing: 2) { dy in
      let original = dy
      for (place, token) in tokens.enumerated() { dy.setRow(token) { original[other(place, token), $0] } }
    }
  }
}
