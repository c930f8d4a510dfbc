import TouchstoneGraph
import TouchstoneModel

extension LinearGradient: Evaluated {
  /// dx[t, i] = Σₖ Σⱼ dyₖ[t, j]·Wₖ(j, i), in the order of the products and of their outputs.
  ///
  /// The inputs are the innermost loop, so that each row of the matrix is read once.
  ///
  /// Clauses: BWD-3.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let inputCount = operands.parameters[0].inputCount
    let tokenCount = operands.activations[0].shape[operands.activations[0].shape.count - 2]
    var dx = Tensor<Double>(repeating: 0, shape: [tokenCount, inputCount])
    for (dy, weight) in zip(operands.activations, operands.parameters) {
      for output in 0..<weight.outputCount {
        let row = (0..<inputCount).map { weight[output, $0] }
        for token in 0..<tokenCount {
          add(row, times: dy.value(token: token, column: output), to: &dx, row: token)
        }
      }
    }
    return dx
  }
}

extension Tensor<Double> {
  /// A number of a token's, counted through all heads where it is split into them: [T, D] or [n, T, d].
  func value(token: Int, column: Int) -> Double {
    guard shape.count == 3 else { return self[token, column] }
    let (head, inHead) = column.quotientAndRemainder(dividingBy: rowWidth)
    return self[head, token, inHead]
  }
}

/// y[row] += x·factor.
func add(_ x: [Double], times factor: Double, to y: inout Tensor<Double>, row: Int) {
  let width = y.rowWidth
  let x = x.span
  var target = y.values.mutableSpan
  for column in 0..<width {
    target[row * width + column] += x[column] * factor
  }
}
