import TouchstoneGraph
import TouchstoneModel

extension PickedRow: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["ENC-2"] }

  var making: Making { .handedOn }

  /// What is handed on errs by no more than it did.
  func estimate(_ site: JudgedSite, _: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    return Estimate(values: value, bounds: value.values.indices.map(site.activations[0].error(at:)))
  }

  func evidence(_ replay: Replay) -> Evidence? {
    .notHandedOn(replay.plan.operation.inputs[0])
  }
}
