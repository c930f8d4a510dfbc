import TouchstoneGraph
import TouchstoneModel

extension Patches: Evaluated {
  /// y[i, o] = b[o] + Σ W[o, c, r, s]·x[c, p·⌊i/n⌋ + r, q·(i mod n) + s], n patches side by side: [patches, D].
  ///
  /// Every output starts from the bias and adds its terms in the order of c, r and s.
  ///
  /// Clauses: PIC-2.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let x = operands.activations[0]  // [channels, height, width]
    let (filters, bias) = (operands.parameters[0], operands.parameters.dropFirst().first)
    let shape = filters.tensor.shape  // [D, channels, p, q]
    let across = x.shape[2] / shape[3]
    var y = Tensor<Double>(repeating: 0, shape: [x.shape[1] / shape[2] * across, shape[0]])
    for patch in 0..<y.rowCount {
      let (top, left) = (patch / across * shape[2], patch % across * shape[3])
      for output in 0..<shape[0] {
        var sum = bias?[output] ?? 0
        for channel in 0..<shape[1] {
          for row in 0..<shape[2] {
            for column in 0..<shape[3] {
              let place = (channel * shape[2] + row) * shape[3] + column
              sum += filters[output, place] * x[channel, top + row, left + column]
            }
          }
        }
        y[patch, output] = sum
      }
    }
    return y
  }
}
