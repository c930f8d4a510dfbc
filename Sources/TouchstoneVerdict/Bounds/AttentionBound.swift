import Foundation
import TouchstoneGraph
import TouchstoneModel

/// Bounds of attention, head by head; `inputs` says which keys each query sees.
///
/// Entries that the definition masks have the bound 0 in scores, which are not compared there, and 8·T₀ in
/// probabilities.
extension Rounding {
  /// Bounds of scale·(q·k): [H, T, T].
  ///
  /// In a narrow type the product may be stored once more, before it is scaled.
  func ofScores(
    _ value: Tensor<Double>, query: Operand, key: Operand, scale: Double, inputs: Inputs
  ) -> [Bound] {
    let (heads, tokens, width) = (query.values.shape[0], query.values.shape[1], query.values.shape[2])
    let queryRepetition = rowRepetition(query.values)
    let keyRepetition = rowRepetition(key.values)
    let (queryLengths, keyLengths) = (rowLengths(query.values), rowLengths(key.values))
    var bounds = [Bound](repeating: .zero, count: value.count)
    for head in 0..<heads {
      for row in 0..<tokens {
        let q = head * tokens + row
        for column in 0..<tokens where inputs.isVisible(key: column, from: row) {
          let k = head * tokens + column
          let score = value[head, row, column]
          var terms = Terms(count: 0, absolute: 0, squares: 0, sum: scale == 0 ? 0 : score / scale)
          var passed = Bound.zero
          for index in 0..<width {
            let (left, right) = (query.values[q, index], key.values[k, index])
            terms.add(product: left * right, isExact: false)
            if query.error != nil || key.error != nil {
              passed += Self.ofProduct(
                left, query.error(at: q * width + index), right, key.error(at: k * width + index))
            }
          }
          terms.repetition = min(queryRepetition[q], keyRepetition[k])
          terms.lost = lost(
            (0..<width).lazy.map { query.values[q, $0] * key.values[k, $0] }, absolute: terms.absolute)
          let ofRounding = ofRoundedFactors(
            query.roundoff, key.roundoff, terms, recurrence: (queryRepetition[q], keyRepetition[k]))
          let subnormal =
            ofSubnormalFactor(roundoff: query.roundoff) * keyLengths[k]
            + ofSubnormalFactor(roundoff: key.roundoff) * queryLengths[q]
          let sum = ofSum(terms) + ofRounding + passed + subnormal
          // Scaled after the sum by a rounded 1/√d, or before it: queries by the whole, or queries and keys by
          // the root of it each, which rounds every factor once more.
          let worst = 2 * unit * terms.absolute
          let usual =
            contract.deviations / 3.0.squareRoot() * unit
            * (2 * terms.repetition * terms.squares).squareRoot()
          let ofFactors = Bound(det: worst, prob: worst, stat: min(worst, usual))
          let lost = (1 + abs(scale)) * ofUnderflow(terms, factors: queryLengths[q] + keyLengths[k])
          bounds[q * tokens + column] =
            abs(scale) * stored(sum + ofFactors, terms.sum, as: precision.type)
            + (3 * unit * abs(score) + lost)
        }
      }
    }
    return bounds
  }

  /// Bounds of the softmax along rows of scores: [H, T, T].
  func ofMaskedSoftmax(_ value: Tensor<Double>, _ scores: Operand, inputs: Inputs) -> [Bound] {
    let tokens = inputs.count
    var bounds = [Bound](repeating: Bound(8 * underflow), count: value.count)
    for row in 0..<value.rowCount {
      let visible = (0..<tokens).filter { inputs.isVisible(key: $0, from: row % tokens) }
      let offsets = visible.map { row * tokens + $0 }
      let exact = scores.error == nil && scores.roundoff == 0
      let ofRow = ofSoftmaxRow(
        scores: offsets.map { scores.values.values[$0] }, probabilities: offsets.map { value.values[$0] },
        distances: exact ? nil : offsets.map(scores.distance(at:)))
      for (offset, bound) in zip(offsets, ofRow) { bounds[offset] = bound }
    }
    return bounds
  }

  /// Bounds of Σ p·v, heads concatenated: [T, D].
  ///
  /// Where the probabilities are not captured the implementation may have fused attention, rescaling what it
  /// summed whenever it met a greater score. Its weights p + δ still add up to 1, up to the rounding of their own
  /// sum, so that Σ δ·v = Σ δ·(v − y) + y·Σ δ: what all weights err by alike moves nothing.
  func ofContext(
    _ value: Tensor<Double>, probabilities: Operand, values: Operand, inputs: Inputs
  ) -> [Bound] {
    let (heads, tokens, width) = (values.values.shape[0], values.values.shape[1], values.values.shape[2])
    let isExactInput =
      probabilities.error == nil && probabilities.roundoff == 0 && values.error == nil && values.roundoff == 0
    // Weights that are rounded to a narrow type after they were summed do not.
    let addsUpToOne = probabilities.error != nil && precision.type.unitRoundoff <= unit
    let probabilityRepetition = rowRepetition(probabilities.values)
    let valueRepetition = columnRepetition(values.values)
    let lengths = columnLengths(values.values)
    var bounds = [Bound](repeating: .zero, count: value.count)
    for head in 0..<heads {
      for row in 0..<tokens {
        let p = head * tokens + row
        let visible = (0..<tokens).filter { inputs.isVisible(key: $0, from: row) }
        let rescaling =
          probabilities.error == nil
          ? 0 : unit * (2 * logRange(visible.map { probabilities.values[p, $0] }) + 16)
        let ofWeights =
          addsUpToOne
          ? ofSum(terms(visible.map { probabilities.values[p, $0] }))
            + (4 * unit + 8 * underflow * Double(visible.count)) : .zero
        for unitIndex in 0..<width {
          let output = row * heads * width + head * width + unitIndex
          var terms = Terms(count: 0, absolute: 0, squares: 0, sum: value.values[output])
          let centre = addsUpToOne ? value.values[output] : 0
          var passed = abs(centre) * ofWeights
          for column in visible {
            let v = (head * tokens + column) * width + unitIndex
            let (left, right) = (probabilities.values[p, column], values.values.values[v])
            terms.add(product: left * right, isExact: isExactInput && isExactProduct(left, right))
            if probabilities.error != nil || values.error != nil {
              passed += Self.ofProduct(
                left, probabilities.error(at: p * tokens + column), right - centre, values.error(at: v))
            }
          }
          let recurrence = (left: probabilityRepetition[p], right: valueRepetition[head * width + unitIndex])
          terms.repetition = min(recurrence.left, recurrence.right)
          terms.lost = lost(
            visible.lazy.map {
              probabilities.values[p, $0] * values.values.values[(head * tokens + $0) * width + unitIndex]
            }, absolute: terms.absolute)
          let length = lengths[head * width + unitIndex]
          let subnormal =
            ofSubnormalFactor(roundoff: probabilities.roundoff) * length
            + ofSubnormalFactor(roundoff: values.roundoff)
          bounds[output] =
            ofSum(terms)
            + ofRoundedFactors(probabilities.roundoff, values.roundoff, terms, recurrence: recurrence)
            + passed
            + (rescaling * terms.absolute + ofUnderflow(terms, factors: 8 + length) + subnormal)
        }
      }
    }
    return bounds
  }

  /// The error of a product of two values with errors.
  private static func ofProduct(_ left: Double, _ ofLeft: Bound, _ right: Double, _ ofRight: Bound) -> Bound {
    ofLeft.combined(with: ofRight) { abs(right) * $0 + abs(left) * $1 + $0 * $1 }
  }

  /// max − min of the scores that gave these probabilities, as far as they did not underflow.
  private func logRange(_ probabilities: [Double]) -> Double {
    let positive = probabilities.filter { $0 > 0 }
    guard let least = positive.min(), let greatest = positive.max() else { return 0 }
    return log(greatest / least)
  }

  /// Σ|x| of each row.
  private func rowLengths(_ tensor: Tensor<Double>) -> [Double] {
    (0..<tensor.rowCount).map { tensor.row($0).reduce(0) { $0 + abs($1) } }
  }

  /// The finite values down each column of every head of a [H, T, d] tensor, by column: [H·d].
  ///
  /// Where a value is not finite, a sum that sees it is not either and is not compared; the others do not read it.
  private func finiteColumns(_ tensor: Tensor<Double>) -> [[Double]] {
    let (heads, tokens, width) = (tensor.shape[0], tensor.shape[1], tensor.shape[2])
    return (0..<heads * width).map { index in
      (0..<tokens).map { tensor[index / width, $0, index % width] }.filter(\.isFinite)
    }
  }

  /// Σ|x| down each column of every head of a [H, T, d] tensor: [H·d].
  private func columnLengths(_ tensor: Tensor<Double>) -> [Double] {
    finiteColumns(tensor).map { $0.reduce(0) { $0 + abs($1) } }
  }

  private func rowRepetition(_ tensor: Tensor<Double>) -> [Double] {
    (0..<tensor.rowCount).map { row in
      let values = Array(tensor.row(row))
      return repetition(of: values, absoluteSum: values.reduce(0) { $0 + abs($1) })
    }
  }

  /// The repetition down each column of every head of a [H, T, d] tensor: [H·d].
  private func columnRepetition(_ tensor: Tensor<Double>) -> [Double] {
    finiteColumns(tensor).map { values in
      repetition(of: values, absoluteSum: values.reduce(0) { $0 + abs($1) })
    }
  }
}
