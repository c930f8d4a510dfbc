import TouchstoneGraph
import TouchstoneModel

extension ChosenRows: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["MOE-5"] }

  var making: Making { .handedOn }

  /// What is handed on errs by no more than it did.
  func estimate(_ site: JudgedSite, _: Rounding) -> Estimate {
    let (x, ids) = (site.activations[0], site.activations[1].values)
    let width = x.values.rowWidth
    let tokens = (0..<x.values.rowCount).filter { ids.row($0).contains(Double(expert)) }
    return Estimate(
      values: value(site.operands, in: site.inputs),
      bounds: tokens.flatMap { ($0 * width..<($0 + 1) * width).map(x.error(at:)) })
  }

  func evidence(_ replay: Replay) -> Evidence? {
    .notHandedOn(replay.plan.operation.inputs[0])
  }
}
