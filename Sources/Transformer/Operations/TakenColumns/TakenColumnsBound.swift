import TouchstoneGraph
import TouchstoneModel

extension TakenColumns: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["BWD-21", addsHeads ? "BND-52" : "BND-4"] }

  var making: Making { addsHeads ? .computed : .handedOn }

  /// What is handed on errs by no more than it did; a plain sum over heads in any order.
  ///
  /// Clauses: BND-4, BND-52.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let x = site.activations[0]
    let (heads, width) = (x.values.shape[0], x.values.rowWidth)
    let block = x.values.shape[1] * width
    let bounds = value.values.indices.map { offset -> Bound in
      let (row, place) = offset.quotientAndRemainder(dividingBy: columns.count)
      let first = row * width + columns.lowerBound + place
      guard addsHeads else { return x.error(at: first) }
      let places = (0..<heads).map { $0 * block + first }
      let terms = rounding.terms(places.map { x.values.values[$0] })
      return places.reduce(rounding.ofSum(terms) + terms.count * rounding.underflow) {
        $0 + x.distance(at: $1)
      }
    }
    return Estimate(values: value, bounds: bounds)
  }
}
