import TouchstoneGraph
import TouchstoneModel

extension ClassRow: Bounded {
  func clauses(of _: TouchstoneGraph.Operation, in _: Graph) -> [String] { ["PIC-3", "BND-4"] }

  var making: Making { .lookedUp }

  /// What is handed on errs by no more than it did, and a row of a table not at all.
  ///
  /// Clauses: BND-4.
  func estimate(_ site: JudgedSite, _: Rounding) -> Estimate {
    let x = site.activations[0]
    let ofRow = [Bound](repeating: .zero, count: x.values.rowWidth)
    return Estimate(
      values: value(site.operands, in: site.inputs),
      bounds: ofRow + x.values.values.indices.map(x.error(at:)))
  }
}
