import TouchstoneGraph
import TouchstoneModel

extension AttentionProbabilities: Bounded {
  func clauses(of operation: Operation, in _: Graph) -> [String] {
    ["ATT-10", "ATT-7", "ATT-11"] + (operation.parameters.isEmpty ? [] : ["ATT-31"]) + ["BND-8"]
  }

  /// A sink is one more entry of each row, whose weight nobody sees.
  ///
  /// Clauses: BND-8.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    return Estimate(
      values: value,
      bounds: rounding.ofMaskedSoftmax(
        value, site.activations[0], sinks: site.parameters.first, inputs: site.inputs,
        visibility: visibility))
  }

  func sharedNoise(_ value: Tensor<Double>, _: JudgedSite, _ rounding: Rounding) -> [[Float]] {
    [rounding.noiseOfDenominators(value)]
  }

  func judgedElements(_ inputs: Inputs, shape: [Int]) -> (Int) -> Bool {
    let (tokens, seesAny) = (inputs.count, inputs.seesAnyKey(under: visibility))
    let keys = inputs.keyCount(under: visibility)
    return { offset in seesAny[offset / keys % tokens] }
  }

  func alternatives(to operation: Operation, in model: Alternatives) -> [Alternative] {
    model.ofScores(readBy: operation, unrounding: [])
  }
}

extension Rounding {
  /// Bounds of the softmax along rows of scores: [H, T, T].
  func ofMaskedSoftmax(
    _ value: Tensor<Double>, _ scores: Operand, sinks: ParameterOperand? = nil, inputs: Inputs,
    visibility: Visibility = .causal
  ) -> [Bound] {
    let (tokens, keys) = (inputs.count, value.rowWidth)
    let sinkScores = sinks?.vector
    var bounds = [Bound](repeating: Bound(8 * underflow), count: value.count)
    for row in 0..<value.rowCount {
      let visible = (0..<keys).filter { inputs.isVisible(key: $0, from: row % tokens, under: visibility) }
      let offsets = visible.map { row * keys + $0 }
      let weights = offsets.map { value.values[$0] }
      let sink = sinkScores.map { [$0[row / tokens]] } ?? []
      let roundoff = sinks?.roundoff ?? 0
      let isExact = scores.error == nil && scores.roundoff == 0 && roundoff == 0
      let ofRow = ofSoftmaxRow(
        scores: offsets.map { scores.values.values[$0] } + sink,
        probabilities: weights + sink.map { _ in max(0, 1 - weights.reduce(0, +)) },
        distances: isExact ? nil : offsets.map(scores.distance(at:)) + sink.map { Bound(roundoff * abs($0)) })
      for (offset, bound) in zip(offsets, ofRow) { bounds[offset] = bound }
    }
    return bounds
  }
}
