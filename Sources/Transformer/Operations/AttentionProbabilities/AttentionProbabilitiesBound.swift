import Foundation
import TouchstoneGraph
import TouchstoneModel

extension AttentionProbabilities: Bounded {
  func clauses(of operation: TouchstoneGraph.Operation, in _: Graph) -> [String] {
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

  func alternatives(to operation: TouchstoneGraph.Operation, in model: Alternatives) -> [Alternative] {
    // With sinks Hugging Face's code subtracts the greatest itself before softmax does.
    (operation.parameters.isEmpty
      ? [] : [Alternative(policy: .shiftInType, parameters: .rounded, storesShift: true)])
      + model.ofScores(readBy: operation, unrounding: [])
  }

  func estimate(
    _ site: JudgedSite, by alternative: Alternative, recorded _: Tensor<Double>?, _ rounding: Rounding
  ) -> Estimate? {
    alternative.storesShift ? rounding.shiftedSoftmax(site, visibility: visibility) : nil
  }
}

extension Rounding {
  /// Softmax in float32 of scores and a sink from which the greatest was subtracted, the differences stored in the type.
  fileprivate func shiftedSoftmax(_ site: JudgedSite, visibility: Visibility) -> Estimate {
    let (scores, type, tokens) = (site.activations[0], precision.type, site.inputs.count)
    let sinks = site.parameters.first?.vector
    var values = Tensor<Double>(repeating: 0, shape: scores.values.shape)
    var bounds = [Bound](repeating: Bound(8 * unstored.underflow), count: values.count)
    for row in 0..<values.rowCount {
      let visible = (0..<values.rowWidth).filter {
        site.inputs.isVisible(key: $0, from: row % tokens, under: visibility)
      }
      let offsets = visible.map { row * values.rowWidth + $0 }
      let read =
        offsets.map { scores.values.values[$0] } + (sinks.map { [type.rounded($0[row / tokens])] } ?? [])
      guard let greatest = read.max(), greatest.isFinite else { continue }
      let shifted = read.map { type.rounded($0 - greatest) }
      let exponentials = shifted.map { exp($0) }
      let sum = exponentials.reduce(0, +)
      let weights = exponentials.map { $0 / sum }
      // Of scores that are not recorded nobody knows which way the differences were rounded.
      let distances =
        scores.isExact
        ? nil
        : shifted.enumerated().map { place, value in
          (place < offsets.count ? scores.distance(at: offsets[place]) : .zero)
            + offsets.reduce(Bound.zero) { $0.combined(with: scores.distance(at: $1), max) }
            + type.spacing(around: value)
        }
      let ofRow = unstored.ofSoftmaxRow(scores: shifted, probabilities: weights, distances: distances)
      for (place, offset) in offsets.enumerated() {
        values.values[offset] = weights[place]
        bounds[offset] = ofRow[place]
      }
    }
    return Estimate(values: values, bounds: bounds)
  }

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
