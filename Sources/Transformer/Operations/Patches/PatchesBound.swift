import TouchstoneGraph
import TouchstoneModel

extension Patches: Bounded {
  func clauses(of _: TouchstoneGraph.Operation, in _: Graph) -> [String] { ["PIC-2", "BND-44"] }

  var isProduct: Bool { true }

  /// One sum of products for each patch and output, as of a matrix and the pixels of the patches.
  ///
  /// Clauses: BND-44.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let (x, filters) = (site.activations[0], site.parameters[0])
    let places = places(in: x.values.shape, filters: filters.stored.shape)
    let shape = [places.count, places.first?.count ?? 0]
    let all = places.flatMap(\.self)
    let met = Operand(
      values: Tensor(all.map { x.values.values[$0] }, shape: shape), roundoff: x.roundoff,
      underflow: x.underflow, error: x.error.map { error in all.map { error[$0] } }, format: x.format)
    return rounding.ofProduct(
      met, filters.matrix, weightRoundoff: filters.roundoff, bias: site.parameters.dropFirst().first?.vector,
      measured: nil)
  }
}
