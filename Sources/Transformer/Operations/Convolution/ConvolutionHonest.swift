import TouchstoneGraph
import TouchstoneModel

extension Convolution: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let x = operands.activations.first ?? operands.inputs.features.converted(to: Float.self)
    let (filters, bias) = (operands.parameters[0], operands.parameters[1])
    let (outputs, depth, width) = (filters.outputCount, filters.inputCount, filters.tensor.rowWidth)
    let met = met(x.values, channels: x.rowCount, width: width, zero: 0)
    let positions = met.count / depth
    var y = Tensor<Float>(repeating: 0, shape: [outputs, positions])
    for output in 0..<outputs {
      let filter = (0..<depth).map { filters[output, $0] }
      for position in 0..<positions {
        y[output, position] = arithmetic.summation.dot(
          Array(met[position * depth..<(position + 1) * depth]), filter, start: bias[output])
      }
    }
    return y
  }
}
