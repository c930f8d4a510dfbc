import TouchstoneGraph
import TouchstoneModel

extension Identity: Bounded {
  func clauses(of operation: Operation, in _: Graph) -> [String] {
    [operation.output.block?.index == 0 ? "RES-1" : "RES-2", "BND-4"]
  }

  var making: Making { .handedOn }
  var isByRow: Bool { true }
  var isElementwise: Bool { true }

  /// What is handed on errs by no more than it did.
  func estimate(_ site: JudgedSite, _: Rounding) -> Estimate {
    let input = site.activations[0]
    return Estimate(values: input.values, bounds: input.values.values.indices.map(input.error(at:)))
  }

  func evidence(_ replay: Replay) -> Evidence? {
    .notHandedOn(replay.plan.operation.inputs[0])
  }
}
