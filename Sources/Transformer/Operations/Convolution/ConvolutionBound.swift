import TouchstoneGraph
import TouchstoneModel

extension Convolution: Bounded {
  func clauses(of _: TouchstoneGraph.Operation, in _: Graph) -> [String] { ["SND-2", "BND-42"] }

  var isProduct: Bool { true }

  /// One sum of products for each position, as of a matrix and what the filters meet there.
  ///
  /// Clauses: BND-42.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    // Features are given in float32: a program that computes in 16 bits may round them before it reads them.
    let roundoff = rounding.ofParameter(stored: .float32)
    let x =
      site.activations.first
      ?? Operand(
        values: site.inputs.features, roundoff: roundoff,
        underflow: rounding.ofSubnormalFactor(roundoff: roundoff))
    let (filters, bias) = (site.parameters[0], site.parameters[1])
    let product = rounding.ofProduct(
      met(x, width: filters.stored.shape[2]), filters.matrix, weightRoundoff: filters.roundoff,
      bias: bias.vector, measured: nil)
    let outputs = product.values.rowWidth
    return Estimate(
      values: Tensor(
        product.values.values.transposed(columns: outputs), shape: [outputs, product.values.rowCount]),
      bounds: product.bounds.transposed(columns: outputs))
  }

  /// What a filter meets at each position, and how well that is known: [positions, in·width], from x [in, frames].
  func met(_ x: Operand, width: Int) -> Operand {
    let channels = x.values.rowCount
    let values = met(x.values.values, channels: channels, width: width, zero: 0)
    return Operand(
      values: Tensor(values, shape: [values.count / (channels * width), channels * width]),
      roundoff: x.roundoff, underflow: x.underflow,
      error: x.error.map { met($0, channels: channels, width: width, zero: .zero) }, format: x.format)
  }
}
