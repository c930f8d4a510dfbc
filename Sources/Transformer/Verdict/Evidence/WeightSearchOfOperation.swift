import TouchstoneGraph
import TouchstoneModel

extension WeightSearch {
  /// Prepares the search for one wrong weight behind the errors of an operation.
  ///
  /// - Parameters:
  ///   - operation: a product with weights; anything else gives nil.
  ///   - input: what it read.
  ///   - parameters: the weight before the bias.
  ///   - got: the captured output.
  ///   - want: the output by the definition, with its bounds.
  ///   - contract: what those bounds grant.
  init?(
    _ operation: Operation, input: Tensor<Double>, parameters: [StoredTensor], got: Tensor<Double>,
    want: Estimate, contract: Contract
  ) {
    guard operation.isParametricProduct else { return nil }
    let view = MatrixView(parameters[0], operation.parameters[0])
    let isSplit = got.shape.count == 3
    let residual = zip(got.values, want.values.values).map { $0 - $1 }
    let scale = want.bounds.map { $0.stat / contract.deviations }
    guard residual.allSatisfy(\.isFinite) else { return nil }
    func joined(_ values: [Double]) -> [Double] {
      isSplit ? Tensor(values, shape: got.shape).joinedHeads().values : values
    }
    self.init(
      input: input, weight: view, residual: joined(residual), scale: joined(scale),
      result: joined(want.values.values))
  }
}

extension WeightEvidence {
  /// The weight of a product that stands out most; nil where none can be told from rounding at all.
  ///
  /// - Parameters: as those of ``WeightSearch``, and the level that the verdict leaves to each weight.
  package init?(
    _ operation: Operation, input: Tensor<Double>, parameters: [StoredTensor], got: Tensor<Double>,
    want: Estimate, contract: Contract, level: EvidenceLevel
  ) {
    guard
      let search = WeightSearch(
        operation, input: input, parameters: parameters, got: got, want: want, contract: contract),
      let best = search.found(level)?.best
    else { return nil }
    self = best
  }
}

extension Tensor<Double> {
  /// [H, T, d] → [T, H·d].
  package func joinedHeads() -> Tensor<Double> {
    let (heads, tokens, width) = (shape[0], shape[1], shape[2])
    var joined: [Double] = []
    joined.reserveCapacity(count)
    for token in 0..<tokens {
      for head in 0..<heads { joined += row(head * tokens + token) }
    }
    return Tensor(joined, shape: [tokens, heads * width])
  }
}
