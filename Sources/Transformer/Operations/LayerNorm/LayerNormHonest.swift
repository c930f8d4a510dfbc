import TouchstoneGraph
import TouchstoneModel

extension LayerNorm: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let x = operands.activations[0]
    let (gain, bias) = (operands.parameters.first, operands.parameters.dropFirst().first)
    let (width, epsilon) = (Float(x.rowWidth), Float(epsilon))
    let summation = arithmetic.summation
    let rows = (0..<x.rowCount).flatMap { index -> [Float] in
      let row = Array(x.row(index))
      var mean = summation.sum(row) / width
      let variance: Float
      switch arithmetic.layerNorm {
      case .twoPass, .folded:
        let deviations = row.map { $0 - mean }
        variance = summation.dot(deviations, deviations) / width
      case .onePass:
        variance = max(0, summation.dot(row, row) / width - mean * mean)
      case .welford:
        var (running, squares) = (Float(0), Float(0))
        for (count, value) in row.enumerated() {
          let before = value - running
          running += before / Float(count + 1)
          squares += before * (value - running)
        }
        mean = running
        variance = squares / width
      }
      let inverse = 1 / (variance + epsilon).squareRoot()
      return row.indices.map { column in
        let (gain, bias) = (gain?[column] ?? 1, bias?[column] ?? 0)
        if case .folded = arithmetic.layerNorm {
          return gain * (row[column] * inverse + -mean * inverse) + bias
        }
        return (row[column] - mean) * inverse * gain + bias
      }
    }
    return Tensor(rows, shape: x.shape)
  }
}
