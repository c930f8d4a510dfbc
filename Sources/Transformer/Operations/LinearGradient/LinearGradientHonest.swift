import TouchstoneGraph
import TouchstoneModel

extension LinearGradient: Honest {
  /// One sum over all outputs; or one for each matrix, which are then added.
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let gradients = operands.activations.map(\.rowsOfTokens)
    let (tokens, inputs) = (gradients[0].rowCount, operands.parameters[0].inputCount)
    var dx = Tensor<Float>(repeating: 0, shape: [tokens, inputs])
    for input in 0..<inputs {
      let columns = operands.parameters.map { weight in (0..<weight.outputCount).map { weight[$0, input] } }
      for token in 0..<tokens {
        let rows = gradients.map { Array($0.row(token)) }
        if arithmetic.scalesQueries {
          dx[token, input] = arithmetic.summation.dot(rows.flatMap(\.self), columns.flatMap(\.self))
        } else {
          dx[token, input] = zip(rows, columns).map { arithmetic.summation.dot($0, $1) }.reduce(0, +)
        }
      }
    }
    return dx
  }
}

extension Tensor<Float> {
  /// The numbers of each token side by side: [n, T, d] becomes [T, n·d].
  var rowsOfTokens: Tensor<Float> {
    guard shape.count == 3 else { return self }
    let (heads, tokens, width) = (shape[0], shape[1], shape[2])
    var rows = Tensor(repeating: 0, shape: [tokens, heads * width])
    for head in 0..<heads {
      for token in 0..<tokens {
        for column in 0..<width { rows[token, head * width + column] = self[head, token, column] }
      }
    }
    return rows
  }

  /// One column.
  func column(_ index: Int) -> [Float] { (0..<rowCount).map { self[$0, index] } }
}
