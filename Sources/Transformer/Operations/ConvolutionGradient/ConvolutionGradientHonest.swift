import TouchstoneGraph
import TouchstoneModel

extension ConvolutionGradient: Honest {
  /// One sum over outputs and taps; or one over outputs for each tap, which are added where the taps meet.
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (dy, filters) = (operands.activations[0], operands.parameters[0])
    let (outputs, channels, width) = (filters.outputCount, filters.tensor.shape[1], filters.tensor.rowWidth)
    var dx = Tensor<Float>(repeating: 0, shape: [channels, frames])
    let columns = (0..<dy.rowWidth).map { dy.column($0) }
    let met = met(dy.values, outputs: outputs, width: width, zero: 0)
    let depth = outputs * width
    for channel in 0..<channels {
      let taps = (0..<width).map { tap in (0..<outputs).map { filters[$0, channel * width + tap] } }
      let filter = (0..<depth).map { taps[$0 % width][$0 / width] }
      for frame in 0..<frames {
        if arithmetic.scalesQueries {
          dx[channel, frame] = arithmetic.summation.dot(
            Array(met[frame * depth..<(frame + 1) * depth]), filter)
        } else {
          for tap in 0..<width {
            guard let place = position(of: frame, tap, of: columns.count) else { continue }
            dx[channel, frame] += arithmetic.summation.dot(columns[place], taps[tap])
          }
        }
      }
    }
    return dx
  }
}
