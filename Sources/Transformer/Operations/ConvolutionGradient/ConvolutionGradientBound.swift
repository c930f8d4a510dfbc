import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension ConvolutionGradient: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["BWD-23", "BND-60"] }

  var isProduct: Bool { true }

  /// One sum of products for each frame, over the outputs and the taps that meet it.
  ///
  /// Clauses: BND-60.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let (dy, parameter) = (site.activations[0], site.parameters[0])
    let filters = ParameterValues(parameter.stored.float32(), parameter.view)
    let (outputs, channels, width) = (filters.outputCount, filters.tensor.shape[1], filters.tensor.rowWidth)
    func met<Number>(_ numbers: [Number], zero: Number) -> [Number] {
      self.met(numbers, outputs: outputs, width: width, zero: zero)
    }
    let depth = outputs * width
    let gradients = Operand(
      values: Tensor(met(dy.values.values, zero: 0), shape: [frames, depth]), roundoff: dy.roundoff,
      underflow: dy.underflow, error: dy.error.map { met($0, zero: .zero) })
    var matrix: [Float] = []  // [out·width, in]
    matrix.reserveCapacity(depth * channels)
    for output in 0..<outputs {
      for tap in 0..<width {
        for channel in 0..<channels { matrix.append(filters[output, channel * width + tap]) }
      }
    }
    let product = rounding.ofProduct(
      gradients, MatrixView(StoredTensor(Tensor(matrix, shape: [depth, channels]))),
      weightRoundoff: parameter.roundoff, bias: nil)
    return Estimate(
      values: Tensor(product.values.values.transposed(columns: channels), shape: [channels, frames]),
      bounds: product.bounds.transposed(columns: channels))
  }
}
