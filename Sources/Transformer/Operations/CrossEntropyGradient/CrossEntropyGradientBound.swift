import TouchstoneGraph
import TouchstoneModel

extension CrossEntropyGradient: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["BWD-1", "BND-51"] }

  /// The difference p − q cancels, so that the error is that of the probability.
  ///
  /// Clauses: BND-51.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let width = value.rowWidth
    let unit = rounding.unit
    let factor = loss.scale / loss.divisor(of: site.inputs)
    let targets = site.inputs.ids(.targets)
    let bounds = [Bound](count: value.count) { bounds in
      _ = targets.indices.concurrentMap { token in
        guard targets[token] != Loss.ignoredTarget else {
          for id in 0..<width { bounds.set(token * width + id, .zero) }
          return
        }
        let row = LogSoftmaxRow(site.activations[0], row: token, rounding)
        for id in 0..<width {
          let (place, probability) = (token * width + id, row.probabilities[id])
          // What is spread over the vocabulary, and what is left of the target.
          let ofTarget =
            loss.labelSmoothing == 0 ? 0 : 2 * unit * (abs(value.values[place]) / factor + probability)
          bounds.set(
            place,
            factor * (row.errorOfProbability(id) + (2 * unit * probability + ofTarget))
              + (3 * unit * abs(value.values[place]) + 8 * rounding.underflow * (1 + factor)))
        }
      }
    }
    return Estimate(values: value, bounds: bounds)
  }
}
