import TouchstoneGraph
import TouchstoneModel

extension ConvolutionGradient: Evaluated {
  /// dx[i, f] = Σₒ Σₖ W[o, i, k]·dy[o, p], p·stride − padding + k = f, in the order of o and k: [in, frames].
  ///
  /// Clauses: BWD-23.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    // [out, positions] and [out, in, width].
    let (dy, filters) = (operands.activations[0], operands.parameters[0])
    let (outputs, channels, width) = (filters.outputCount, filters.tensor.shape[1], filters.tensor.rowWidth)
    let positions = dy.rowWidth
    let met = (0..<width).map { tap in (0..<frames).map { position(of: $0, tap, of: positions) } }
    var dx = Tensor<Double>(repeating: 0, shape: [channels, frames])
    var sums = [Double](repeating: 0, count: frames)
    for channel in 0..<channels {
      for frame in 0..<frames { sums[frame] = 0 }
      for output in 0..<outputs {
        for tap in 0..<width {
          let weight = filters[output, channel * width + tap]
          for frame in 0..<frames {
            guard let position = met[tap][frame] else { continue }
            sums[frame] += weight * dy.values[output * positions + position]
          }
        }
      }
      for frame in 0..<frames { dx[channel, frame] = sums[frame] }
    }
    return dx
  }
}
