import TouchstoneGraph
import TouchstoneModel

extension Linear: Bounded {
  func clauses(of operation: Operation, in graph: Graph) -> [String] {
    [place(of: operation, in: graph)] + (limit == nil ? [] : ["ATT-30"]) + ["BND-5"]
  }

  /// The clause of the place where it stands: what it reads and who reads it say which product it is.
  private func place(of operation: Operation, in graph: Graph) -> String {
    if operation.output == graph.unembedding?.output { return "UNE-1" }
    if heads != nil { return "ATT-1" }
    let maker = operation.inputs.first.flatMap(graph.operation(making:))
    let readers = graph.operations.filter { $0.inputs.contains(operation.output) }
    func isKind(_ operation: Operation?, _ name: Operation.Kind.Name) -> Bool {
      operation.map { type(of: $0.kind.payload).name == name } ?? false
    }
    if isKind(maker, .context) { return "ATT-18" }
    if isKind(maker, .product) || readers.contains(where: { isKind($0, .product) }) { return "GLU-1" }
    if isKind(maker, .activationFunction) { return "FFN-12" }
    if readers.contains(where: { isKind($0, .activationFunction) }) { return "FFN-1" }
    return "NUM-4"
  }

  var isProduct: Bool { true }
  var isByRow: Bool { heads == nil }

  /// One sum of products for each output; clipping brings no two numbers further apart.
  ///
  /// Clauses: BND-2, BND-3, BND-5, BND-32.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    estimate(site, rounding, measured: nil)
  }

  /// The same where the moments of its sums are known.
  func estimate(_ site: JudgedSite, _ rounding: Rounding, measured moments: ProductMoments?) -> Estimate {
    let (matrix, bias) = (site.parameters[0], site.parameters.dropFirst().first)
    let product = rounding.ofProduct(
      site.activations[0], matrix.matrix, weightRoundoff: matrix.roundoff, bias: bias?.vector,
      measured: moments)
    let estimate = clipped(product, rounding)
    return heads.map(estimate.splitIntoHeads) ?? estimate
  }

  /// The same clipped, where that is done: where nothing within the bound is inside the limits, only the limit's own rounding is left.
  func clipped(_ estimate: Estimate, _ rounding: Rounding) -> Estimate {
    guard let limit else { return estimate }
    let ofLimit = rounding.precision.type.unitRoundoff * limit
    let bounds = zip(estimate.bounds, estimate.values.values).map { bound, value in
      bound.map { error in
        if abs(value) + error <= limit { return error }
        return abs(value) - error > limit ? ofLimit : error + ofLimit
      }
    }
    return Estimate(
      values: Tensor(estimate.values.values.map(clipped), shape: estimate.values.shape), bounds: bounds)
  }

  func alternatives(to operation: Operation, in model: Alternatives) -> [Alternative] {
    model.ofProduct(operation)
  }

  func estimate(
    _ site: JudgedSite, by alternative: Alternative, recorded _: Tensor<Double>?, _ rounding: Rounding
  ) -> Estimate? {
    alternative.storesProduct ? storedProduct(site, rounding) : nil
  }

  /// x·W stored, and then b added.
  ///
  /// - Returns: the sum as it is before it is stored.
  private func storedProduct(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let (matrix, bias) = (site.parameters[0].matrix, site.parameters[1].vector)
    let product = rounding.ofProduct(
      site.activations[0], matrix, weightRoundoff: site.parameters[0].roundoff,
      bias: [Double](repeating: 0, count: bias.count)
    ).rounded(to: rounding.precision.type)
    let values = product.values.values.enumerated().map { $1 + bias[$0 % bias.count] }
    let sum = Estimate(
      values: Tensor(values, shape: product.values.shape),
      bounds: zip(product.bounds, values).map { $0 + rounding.unit * abs($1) })
    let estimate = clipped(sum, rounding)
    return heads.map(estimate.splitIntoHeads) ?? estimate
  }
}

extension Estimate {
  /// [T, H·d] → [H, T, d].
  fileprivate func splitIntoHeads(_ headCount: Int) -> Estimate {
    let (tokens, headWidth) = (values.rowCount, values.rowWidth / headCount)
    let rows = (0..<headCount).flatMap { head in
      (0..<tokens).map { token -> Range<Int> in
        let first = token * values.rowWidth + head * headWidth
        return first..<first + headWidth
      }
    }
    return Estimate(
      values: Tensor(rows.flatMap { values.values[$0] }, shape: [headCount, tokens, headWidth]),
      bounds: rows.flatMap { bounds[$0] })
  }
}
