import TouchstoneGraph
import TouchstoneModel

/// A right implementation, in one of the many ways that float32 arithmetic can be right; what it stores may be narrower.
public struct HonestTransformer: Transformer {
  /// The choices it makes.
  public let arithmetic: HonestArithmetic
  /// The model's parameters.
  public let weights: Weights
  /// What parameters and activations are rounded to where they are stored; every operation computes in float32.
  public let precision: Precision
  private let format: NumberFormat
  /// What never stands in memory: attention's scores and probabilities, and what is summed into the stream.
  private let hidden: Set<Activation>

  /// The model it computes.
  public var graph: Graph { weights.graph }

  /// Creates an implementation of one model.
  public init(_ weights: Weights, _ arithmetic: HonestArithmetic, precision: Precision = .float32) {
    self.weights = weights
    self.arithmetic = arithmetic
    self.precision = precision
    format = NumberFormat(precision.type)
    var hidden: Set<Activation> = []
    for operation in weights.graph.operations {
      if arithmetic.fusesResidual {
        hidden.formUnion(weights.graph.projections(addedBy: operation).map(\.operation.output))
      }
      if arithmetic.fusesAttention, operation.kind.payload is AttentionContext,
        let probabilities = weights.graph.source(of: operation), probabilities.parameters.isEmpty
      {
        hidden.formUnion([probabilities.output] + weights.graph.pairs(readBy: probabilities).map(\.output))
      }
      if arithmetic.fusesRotation, operation.kind.payload is Rotate { hidden.formUnion(operation.inputs) }
      if case .fused = arithmetic.scoreBias, operation.kind.payload is AttentionScores {
        hidden.formUnion(operation.inputs.dropFirst(2))
      }
      if arithmetic.fusesGate, operation.kind.payload is Product,
        let gate = weights.graph.source(of: operation),
        gate.kind.payload is ActivationFunction
      {
        hidden.insert(gate.output)
      }
    }
    self.hidden = hidden
  }

  /// Computes a whole sequence and hands over what this kind of implementation has in memory.
  public func forward(_ inputs: Inputs, observe: (Activation, Tensor<Float>) throws -> Void) rethrows {
    var values: [Activation: Tensor<Float>] = [:]
    for operation in graph.operations {
      let own = graph.inputs(of: operation.output, in: inputs) { values[$0]?.converted(to: Double.self) }
      guard let own, own.count > 0 else {
        values[operation.output] = Tensor([], shape: graph.shape(of: operation.output, tokenCount: 0) ?? [0])
        continue
      }
      var value = compute(operation, own, values)
      let isHidden = hidden.contains(operation.output)
      if !isHidden, !operation.kind.payload.isDecision { value = stored(value) }
      values[operation.output] = value
      if !isHidden { try observe(operation.output, value) }
    }
  }

  /// A value as it is when it is read again.
  private func stored(_ value: Tensor<Float>) -> Tensor<Float> {
    guard format.significandBits < 24 else { return value }
    return Tensor(value.values.map(stored), shape: value.shape)
  }

  private func stored(_ value: Float) -> Float {
    format.significandBits < 24 ? Float(format.round(Double(value))) : value
  }

  private func operands(
    _ operation: Operation, _ inputs: Inputs, _ values: [Activation: Tensor<Float>]
  ) -> HonestOperands {
    HonestOperands(
      activations: operation.inputs.compactMap { values[$0] },
      parameters: operation.parameters.map { ParameterValues(stored(weights.float32($0.parameter)), $0) },
      inputs: inputs, stored: arithmetic.storesSteps ? { stored($0) } : { $0 })
  }

  private func compute(
    _ operation: Operation, _ inputs: Inputs, _ values: [Activation: Tensor<Float>]
  ) -> Tensor<Float> {
    let projections = arithmetic.fusesResidual ? graph.projections(addedBy: operation) : []
    if !projections.isEmpty {
      // The residual stream, with what else is added to it, as an accumulator of the projections that feed it.
      let accumulated = Set(projections.map(\.operation.output))
      let others = operation.inputs.filter { !accumulated.contains($0) }.compactMap { values[$0] }
      let stream = Sum().value(
        HonestOperands(activations: others, parameters: [], inputs: inputs, stored: { $0 }), by: arithmetic)
      let inOrder = arithmetic.addsBackwards ? projections.reversed() : projections
      return inOrder.reduce(stream) { sum, projection in
        projection.linear.value(operands(projection.operation, inputs, values), onto: sum, by: arithmetic)
      }
    }
    if arithmetic.fusesAttention, let context = operation.kind.payload as? AttentionContext,
      let probabilities = graph.source(of: operation), hidden.contains(probabilities.output),
      let scores = values[probabilities.inputs[0]],
      let value = values[operation.inputs[1]]
    {
      return context.value(scores: scores, value, inputs: inputs, by: arithmetic)
    }
    return operation.kind.honest.value(operands(operation, inputs, values), by: arithmetic)
  }
}

extension Graph {
  /// The projections that a sum adds to what it reads first; none for other operations.
  fileprivate func projections(addedBy operation: Operation) -> [(operation: Operation, linear: Linear)] {
    guard operation.kind.payload is Sum else { return [] }
    return operation.inputs.dropFirst().compactMap { input in
      guard let maker = self.operation(making: input), let linear = maker.kind.payload as? Linear,
        linear.heads == nil, linear.limit == nil
      else { return nil }
      return (maker, linear)
    }
  }
}
