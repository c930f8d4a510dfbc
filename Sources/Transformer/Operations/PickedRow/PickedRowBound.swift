import TouchstoneGraph
import TouchstoneModel

extension PickedRow: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { [rule == .first ? "ENC-2" : "ENC-3"] }

  var making: Making { .handedOn }

  /// What is handed on errs by no more than it did.
  func estimate(_ site: JudgedSite, _: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let first = rule.token(of: site.inputs.sequenceIDs) * value.rowWidth
    return Estimate(
      values: value, bounds: value.values.indices.map { site.activations[0].error(at: first + $0) })
  }

  func evidence(_ replay: Replay) -> Evidence? {
    .notHandedOn(replay.plan.operation.inputs[0])
  }
}
