import Foundation
import TouchstoneGraph
import TouchstoneModel

extension AttentionContext: Bounded {
  func clauses(of _: TouchstoneGraph.Operation, in _: Graph) -> [String] {
    ["ATT-15", "ATT-17", "GQA-2", "BND-10"]
  }

  var isProduct: Bool { true }
  var attention: Visibility? { visibility }

  /// Clauses: BND-9.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    return Estimate(
      values: value,
      bounds: rounding.ofContext(
        value, probabilities: site.activations[0], values: site.activations[1], inputs: site.inputs,
        visibility: visibility))
  }

  func judgedElements(_ inputs: Inputs, shape: [Int]) -> (Int) -> Bool {
    let (width, seesAny) = (shape.last ?? 1, inputs.seesAnyKey(under: visibility))
    return { offset in seesAny[offset / width] }
  }

  func alternatives(to operation: TouchstoneGraph.Operation, in model: Alternatives) -> [Alternative] {
    model.ofContext(operation)
  }

  func alternativesInReading(_ operation: TouchstoneGraph.Operation, in model: Alternatives) -> [Alternative]
  {
    model.ofContext(operation)
  }
}

extension Rounding {
  /// Bounds of Σ p·v, heads concatenated: [T, D].
  ///
  /// Where the probabilities are not captured the implementation may have fused attention, rescaling what it
  /// summed whenever it met a greater score. Its weights p + δ still add up to 1, up to the rounding of their own
  /// sum, so that Σ δ·v = Σ δ·(v − y) + y·Σ δ: what all weights err by alike moves nothing.
  func ofContext(
    _ value: Tensor<Double>, probabilities: Operand, values: Operand, inputs: Inputs,
    visibility: Visibility = .causal
  ) -> [Bound] {
    let (heads, tokens) = (probabilities.values.shape[0], probabilities.values.shape[1])
    let keys = values.values.shape[1]
    let width = values.values.shape[2]
    let isExactInput =
      probabilities.error == nil && probabilities.roundoff == 0 && values.error == nil && values.roundoff == 0
    // Weights that are rounded to a narrow type after they were summed do not.
    let addsUpToOne = probabilities.error != nil && precision.type.unitRoundoff <= unit
    let probabilityRepetition = rowRepetition(probabilities.values)
    let valueRepetition = columnRepetition(values.values)
    let lengths = columnLengths(values.values)
    let factors = values.values.values
    var bounds = [Bound](repeating: .zero, count: value.count)
    for head in 0..<heads {
      let valueHead = head * values.values.shape[0] / heads
      let strips = stride(from: 0, to: width, by: TermStrip.width).map { first in
        TermStrip(depth: keys, lanes: first..<min(first + TermStrip.width, width)) { column, lane in
          factors[(valueHead * keys + column) * width + lane]
        }
      }
      for row in 0..<tokens {
        let p = head * tokens + row
        let visible = (0..<keys).filter { inputs.isVisible(key: $0, from: row, under: visibility) }
        let rescaling =
          probabilities.error == nil
          ? 0 : unit * (2 * logRange(visible.map { probabilities.values[p, $0] }) + 16)
        let ofWeights =
          addsUpToOne
          ? ofSum(terms(visible.map { probabilities.values[p, $0] }))
            + (4 * unit + 8 * underflow * Double(visible.count)) : .zero
        let weights = visible.map { probabilities.values[p, $0] }
        for (group, strip) in strips.enumerated() {
          let terms = strip.terms(weights, at: visible, knowsExact: isExactInput, self)
          for lane in 0..<min(TermStrip.width, width - TermStrip.width * group) {
            let unitIndex = TermStrip.width * group + lane
            let output = row * heads * width + head * width + unitIndex
            let recurrence = (
              left: probabilityRepetition[p], right: valueRepetition[valueHead * width + unitIndex]
            )
            let terms = terms.lane(
              lane, sum: value.values[output], repetition: min(recurrence.left, recurrence.right),
              isOrdered: true)
            let centre = addsUpToOne ? value.values[output] : 0
            var passed = abs(centre) * ofWeights
            if probabilities.error != nil || values.error != nil {
              for (place, column) in visible.enumerated() {
                let v = (valueHead * keys + column) * width + unitIndex
                passed += Self.ofProduct(
                  weights[place], probabilities.error(at: p * keys + column), factors[v] - centre,
                  values.error(at: v))
              }
            }
            let length = lengths[valueHead * width + unitIndex]
            let subnormal =
              probabilities.underflow * length
              + values.underflow
            bounds[output] =
              ofSum(terms)
              + ofRoundedFactors(probabilities.roundoff, values.roundoff, terms, recurrence: recurrence)
              + passed
              + (rescaling * terms.absolute + ofUnderflow(terms, factors: 8 + length) + subnormal)
          }
        }
      }
    }
    return bounds
  }

  /// max − min of the scores that gave these probabilities, as far as they did not underflow.
  private func logRange(_ probabilities: [Double]) -> Double {
    let positive = probabilities.filter { $0 > 0 }
    guard let least = positive.min(), let greatest = positive.max() else { return 0 }
    // Their quotient may be beyond float64, or what it is of below its normal range.
    return log(greatest) - log(least)
  }
}
