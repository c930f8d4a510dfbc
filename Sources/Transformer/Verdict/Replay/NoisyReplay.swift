import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// The same steps with the noise of ordinary arithmetic at every point, for the local floor.
extension Replay {
  /// The outputs of every step by the definition.
  func definition() -> [Tensor<Double>] {
    computed { _, value in value }
  }

  /// The judged output of several passes with noise at every point.
  func noisyOutputs() -> [Tensor<Double>] {
    let exact = Dictionary(uniqueKeysWithValues: zip(plan.steps.map(\.operation.output), definition()))
    let known = exact.mapValues { Operand(values: $0) }
    let noises = plan.steps.map { step in
      let operands = step.sources.map { operand($0, known, multipliedBy: step.operation) }
      let output = step.operation.output
      return rounding.noise(
        of: step.operation, exact[output] ?? Tensor(repeating: 0, shape: [0, 0]), operands,
        parameters(of: step.operation), fusing: fusedProjections(of: step, known), inputs: inputs,
        storedAs: recorded[output]?.type ?? rounding.precision.type)
    }
    return (0..<LocalFloor.passCount).concurrentMap { pass in
      var random = SplitMix64(seed: UInt64(pass) &+ 1)
      return computed { index, value in
        var value = value
        noises[index].move(&value, &random)
        return value
      }.last ?? Tensor(repeating: 0, shape: [0, 0])
    }
  }

  /// Computes every step in turn, each output replaced by what `handOn` makes of it.
  private func computed(_ handOn: (Int, Tensor<Double>) -> Tensor<Double>) -> [Tensor<Double>] {
    var replayed: [Activation: Operand] = [:]
    return plan.steps.enumerated().map { index, step in
      let operands = Operands(
        step.sources.map { operand($0, replayed, multipliedBy: step.operation).values },
        parameters: parameters(of: step.operation).map(\.values))
      let value = step.operation.kind.value(operands, in: inputs)
      let handedOn = handOn(index, value)
      replayed[step.operation.output] = Operand(values: handedOn)
      return handedOn
    }
  }
}
