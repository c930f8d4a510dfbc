import TouchstoneGraph
import TouchstoneModel

/// What is rounded between the operations of a replay, and when its output is stored.
extension Replay {
  /// A sum widened by what adding the parts of hidden addends one by one onto the others errs by.
  func added(_ sum: Estimate, _ step: ReplayPlan.Step, _ site: JudgedSite) -> Estimate {
    guard step.operation.isSum else { return sum }
    var bounds = sum.bounds
    for (place, source) in step.sources.enumerated() {
      guard case .replayed(let addend) = source,
        let parts = plan.steps.first(where: { $0.operation.output == addend })?.operation.addedParts,
        parts > 0
      else { continue }
      for offset in bounds.indices {
        let others = site.activations.indices.reduce(0) {
          $1 == place ? $0 : $0 + abs(site.activations[$1].values.values[offset])
        }
        bounds[offset] += Double(parts) * rounding.unit * others
      }
    }
    return Estimate(values: sum.values, bounds: bounds)
  }

  /// In what the steps of an operation may be stored: what was never rounded in between was made in float32, every step of it.
  func storedType(of output: Activation) -> ScalarType {
    if alternative?.unrounded.contains(output) == true { return .float32 }
    return recorded[output]?.type ?? rounding.precision.type
  }

  /// The hidden projections that a step adds, by their places among its addends, where their results need not be rounded.
  func fusedProjections(of step: ReplayPlan.Step, _ replayed: [Activation: Operand]) -> [Int: FusedProjection]
  {
    guard step.operation.isSum, rounding.precision.type.unitRoundoff <= rounding.unit else { return [:] }
    var found: [Int: FusedProjection] = [:]
    for (place, source) in step.sources.enumerated() {
      guard case .replayed(let addend) = source,
        let projection = plan.steps.first(where: {
          $0.operation.output == addend && $0.operation.isProjection
        })
      else { continue }
      found[place] = FusedProjection(
        input: operand(projection.sources[0], replayed, multipliedBy: projection.operation),
        parameters: parameters(of: projection.operation))
    }
    return found
  }

  /// The bounds widened by what storing the output adds.
  func stored(_ estimate: Estimate, as type: ScalarType) -> Estimate {
    let making = plan.operation.making
    if making != .handedOn, rounding.judgesFactor == 1, rounding.storesExactly(as: type) || making == .decided
    {
      return estimate
    }
    let source: ScalarType? =
      if making == .handedOn, case .recorded(let source) = plan.last.sources[0] {
        recorded[source]?.type ?? type
      } else {
        nil
      }
    let bounds = zip(estimate.bounds, estimate.values.values).map { bound, value in
      source.map { bound + rounding.ofHandingOn(value, from: $0, to: type) }
        ?? rounding.judgesFactor * rounding.stored(bound, value, as: type)
    }
    return Estimate(values: estimate.values, bounds: bounds)
  }
}
