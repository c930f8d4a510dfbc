import TouchstoneGraph
import TouchstoneModel

extension Linear: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    value(operands, onto: nil, by: arithmetic)
  }

  /// x·Wᵀ + b + what is added to.
  ///
  /// - Parameter stream: [T, out]; nil where nothing is added to.
  func value(
    _ operands: HonestOperands, onto stream: Tensor<Float>?, by arithmetic: HonestArithmetic
  ) -> Tensor<Float> {
    let (x, weight) = (operands.activations[0], operands.parameters[0])
    let bias = operands.parameters.dropFirst().first
    let columns = (0..<weight.outputCount).map { output in
      (0..<weight.inputCount).map { weight[output, $0] }
    }
    let headWidth = columns.count / (heads ?? 1)
    let leading = heads.map { [$0] } ?? []
    var result = Tensor<Float>(repeating: 0, shape: leading + [x.rowCount, headWidth])
    for row in 0..<x.rowCount {
      let left = Array(x.row(row))
      for (output, right) in columns.enumerated() {
        let start = (bias?[output] ?? 0) + (stream?[row, output] ?? 0)
        let (head, column) = output.quotientAndRemainder(dividingBy: headWidth)
        result[head * x.rowCount + row, column] = clipped(
          arithmetic.summation.dot(left, right, start: start))
      }
    }
    return result
  }
}
