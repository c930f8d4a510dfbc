import TouchstoneGraph
import TouchstoneModel

extension Transpose: Bounded {
  func clauses(of _: TouchstoneGraph.Operation, in _: Graph) -> [String] {
    [frames == nil ? "SND-3" : "BWD-25", "BND-4"]
  }

  var making: Making { .handedOn }

  /// What is handed on errs by no more than it did.
  func estimate(_ site: JudgedSite, _: Rounding) -> Estimate {
    let x = site.activations[0]
    return Estimate(
      values: value(site.operands, in: site.inputs),
      bounds: x.values.values.indices.map(x.error(at:)).transposed(columns: x.values.rowWidth))
  }
}
