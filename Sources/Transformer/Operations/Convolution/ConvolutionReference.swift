import TouchstoneGraph
import TouchstoneModel

extension Convolution: Evaluated {
  /// y[o, p] = b[o] + Σᵢ Σₖ W[o, i, k]·x[i, p·stride − padding + k]: [out, positions].
  ///
  /// Every output starts from the bias and adds its terms in the order of i and k.
  ///
  /// Clauses: SND-2.
  package func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double> {
    let x = operands.activations.first ?? inputs.features  // [in, frames]
    let (filters, bias) = (operands.parameters[0], operands.parameters[1])
    let (outputs, width, frames) = (filters.outputCount, filters.tensor.rowWidth, x.rowWidth)
    let positions = positions(in: frames, width: width)
    var y = Tensor<Double>(repeating: 0, shape: [outputs, positions])
    var sums = [Double](repeating: 0, count: positions)
    for output in 0..<outputs {
      for position in 0..<positions { sums[position] = bias[output] }
      for channel in 0..<x.rowCount {
        for tap in 0..<width {
          let weight = filters[output, channel * width + tap]
          for position in 0..<positions {
            guard let frame = frame(at: position, tap, of: frames) else { continue }
            sums[position] += weight * x.values[channel * frames + frame]
          }
        }
      }
      for position in 0..<positions { y[output, position] = sums[position] }
    }
    return y
  }
}
