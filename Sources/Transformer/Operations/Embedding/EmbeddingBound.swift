import TouchstoneGraph
import TouchstoneModel

extension Embedding: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] {
    [ids.own == .tokenIDs ? "EMB-1" : ids == .tokenTypeIDs ? "ENC-1" : "POS-1", "BND-4"]
  }

  var making: Making { .lookedUp }

  /// Rows of a table are what they are; of the table, only these are widened.
  ///
  /// Clauses: BND-4.
  func estimate(_ site: JudgedSite, _: Rounding) -> Estimate {
    let rows = site.parameters[0].stored.rows(site.inputs.ids(ids).map { $0 + offset }).float64()
    return Estimate(values: rows, bounds: [Bound](repeating: .zero, count: rows.count))
  }
}
