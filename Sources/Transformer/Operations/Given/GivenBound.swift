import TouchstoneGraph
import TouchstoneModel

extension Given: Bounded {
  func clauses(of _: TouchstoneGraph.Operation, in _: Graph) -> [String] { ["PIC-1", "BND-4"] }

  var making: Making { .lookedUp }

  /// What is given is what it is.
  ///
  /// Clauses: BND-4.
  func estimate(_ site: JudgedSite, _: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    return Estimate(values: value, bounds: [Bound](repeating: .zero, count: value.count))
  }
}
