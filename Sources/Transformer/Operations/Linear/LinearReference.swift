import TouchstoneGraph
import TouchstoneModel

extension Linear: Evaluated {
  /// y[t, j] = clip(b[j] + Σᵢ x[t, i]·W(j, i), ±limit); with n heads y[h, t, c], where j = h·d + c.
  ///
  /// Every output starts from the bias and adds its terms in the order of i. The tokens are the innermost loop, so that
  /// each number of the matrix is read once.
  ///
  /// Clauses: ATT-1, ATT-2, ATT-18, ATT-30, FFN-1, FFN-12, UNE-1, NUM-5.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let x = operands.activations[0]  // [T, in]
    let weight = operands.parameters[0]  // [out, in]
    let bias = operands.parameters.dropFirst().first  // [out]
    precondition(x.rowWidth == weight.inputCount, "\(x.shape) does not multiply \(weight.inputCount) inputs")
    let tokenCount = x.rowCount
    let headCount = heads ?? 1
    let headWidth = weight.outputCount / headCount
    let columns = transposed(x)  // [in, T]
    let leading = heads.map { [$0] } ?? []
    var y = Tensor<Double>(repeating: 0, shape: leading + [tokenCount, headWidth])
    var sums = [Double](repeating: 0, count: tokenCount)
    for output in 0..<weight.outputCount {
      for token in 0..<tokenCount {
        sums[token] = bias?[output] ?? 0
      }
      for input in 0..<weight.inputCount {
        add(columns, row: input, times: weight[output, input], to: &sums)
      }
      let (head, column) = output.quotientAndRemainder(dividingBy: headWidth)
      for token in 0..<tokenCount {
        y.values[(head * tokenCount + token) * headWidth + column] = clipped(sums[token])
      }
    }
    return y
  }
}

/// xᵀ: [in, T].
private func transposed(_ x: Tensor<Double>) -> Tensor<Double> {
  var y = Tensor<Double>(repeating: 0, shape: [x.rowWidth, x.rowCount])
  for row in 0..<x.rowCount {
    for column in 0..<x.rowWidth {
      y[column, row] = x[row, column]
    }
  }
  return y
}

/// y[t] += x[row, t]·factor for every t.
private func add(_ x: Tensor<Double>, row: Int, times factor: Double, to y: inout [Double]) {
  let count = y.count
  let x = x.values.span.extracting(row * count..<(row + 1) * count)
  var y = y.mutableSpan
  for t in 0..<x.count {
    y[t] += x[t] * factor
  }
}
