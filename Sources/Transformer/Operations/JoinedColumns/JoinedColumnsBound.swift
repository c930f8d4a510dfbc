import TouchstoneGraph
import TouchstoneModel

extension JoinedColumns: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["MLA-3", "BND-4"] }

  var making: Making { .handedOn }

  /// What is handed on errs by no more than it did.
  ///
  /// Clauses: BND-4.
  func estimate(_ site: JudgedSite, _: Rounding) -> Estimate {
    let operands = site.activations.prefix(2).map { operand in
      (shape: operand.values.shape, errors: operand.values.values.indices.map(operand.error(at:)))
    }
    return Estimate(
      values: value(site.operands, in: site.inputs),
      bounds: joined(operands[0].errors, operands[1].errors, shapes: (operands[0].shape, operands[1].shape)))
  }

  func evidence(_ replay: Replay) -> Evidence? {
    .notHandedOn(replay.plan.operation.inputs[0])
  }
}
