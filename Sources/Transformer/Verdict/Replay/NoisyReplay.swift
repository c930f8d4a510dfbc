import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// The same steps with the noise of ordinary arithmetic at every point.
extension Replay {
  /// The outputs of every step by the definition.
  func definition() -> [Tensor<Double>] {
    computed { index, activations in
      let step = plan.steps[index]
      return prepared(step).value(of: activations, in: inputs(of: step.operation))
    }
  }

  /// What right runs stray by at the judged output.
  func noiseDistribution(_ isJudged: (Int) -> Bool) -> NoiseDistribution {
    let exact = definition()
    let known = Dictionary(
      uniqueKeysWithValues: zip(plan.steps.map(\.operation.output), exact.map { Operand(values: $0) }))
    let noises = plan.steps.indices.map { index in
      let step = plan.steps[index]
      return rounding.noise(
        of: step.operation, exact[index],
        step.sources.map { operand($0, known, multipliedBy: step.operation) },
        parameters(of: step.operation), fusing: fusedProjections(of: step, known),
        inputs: inputs(of: step.operation),
        storedAs: recorded[step.operation.output]?.type ?? rounding.precision.type)
    }
    let last = exact[exact.count - 1]
    let passCount = NoiseDistribution.passCount(looksEverywhere ? work : .infinity)
    let reader = StrayReader(
      exact: last,
      projectedBy: looksEverywhere && plan.operation.isProjection
        ? parameters(of: plan.operation)[0].matrix : nil,
      passCount: passCount, isJudged: isJudged)
    let operands = plan.steps.map { parameters(of: $0.operation) }
    // What reads no activation is the same each time, and its tables are large.
    let prepared = plan.steps.indices.map { index in
      plan.steps[index].sources.isEmpty
        ? nil : PreparedOperation(plan.steps[index].operation, operands[index])
    }
    let tokens = plan.steps.map { inputs(of: $0.operation) }
    let passes = (0..<passCount).concurrentMap { pass in
      var random = SplitMix64(seed: UInt64(pass) &+ 1)
      let outputs = computed { index, activations in
        var own = prepared[index]
        if own != nil, operands[index].contains(where: { $0.roundoff > 0 }) {
          own = PreparedOperation(plan.steps[index].operation, operands[index].map { $0.moved(&random) })
        }
        var value = own?.value(of: activations, in: tokens[index]) ?? exact[index]
        noises[index].move(&value, &random)
        return value
      }
      return reader.stray(outputs[outputs.count - 1])
    }
    return NoiseDistribution(exact: last, reader: reader, passes: passes, looksEverywhere: looksEverywhere)
  }

  /// Whether what follows all blocks is judged and nothing of any is recorded, and the noise is that of float32, which it
  /// was held against right programs of.
  private var looksEverywhere: Bool {
    plan.operation.output.block == nil && plan.recorded.allSatisfy { $0.block == nil }
      && plan.hidden.contains { $0.block != nil } && !rounding.precision.type.isNarrow
  }

  private func prepared(_ step: ReplayPlan.Step) -> PreparedOperation {
    PreparedOperation(step.operation, parameters(of: step.operation))
  }

  /// Multiply-adds of the products of one pass.
  private var work: Double {
    plan.steps.reduce(0) { total, step in
      guard step.operation.kind.payload is Linear, let matrix = step.operation.parameters.first else {
        return total
      }
      return total + Double(inputs.count * matrix.outputCount * (matrix.inputCount ?? 1))
    }
  }

  /// Makes the output of every step in turn from those before it.
  private func computed(_ make: (Int, [Tensor<Double>]) -> Tensor<Double>) -> [Tensor<Double>] {
    var replayed: [Activation: Operand] = [:]
    return plan.steps.enumerated().map { index, step in
      let value = make(index, step.sources.map { operand($0, replayed, multipliedBy: step.operation).values })
      replayed[step.operation.output] = Operand(values: value)
      return value
    }
  }
}
