import TouchstoneGraph
import TouchstoneModel

extension RouteGradient: Evaluated {
  /// The gradient of each token's logits.
  ///
  /// Clauses: BWD-19.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let (logits, ids, gradient) = (operands.activations[0], operands.activations[1], operands.activations[2])
    let rows = (0..<logits.rowCount).flatMap { token -> [Double] in
      let chosen = ids.experts(of: token, among: logits.rowWidth)
      return ofRow(Array(logits.row(token)), chosen, Array(gradient.row(token)))
    }
    return Tensor(rows, shape: logits.shape)
  }

  /// The gradient by the logits of one token.
  ///
  /// - Parameters:
  ///   - logits: [E].
  ///   - chosen: [K]; nil for an expert that there is not.
  ///   - gradient: by the weights, [K].
  private func ofRow(_ logits: [Double], _ chosen: [Int?], _ gradient: [Double]) -> [Double] {
    let known = zip(chosen, gradient).compactMap { expert, dw in expert.map { (expert: $0, dw: dw) } }
    let shares = shares(logits, known.map(\.expert))
    let isShared = weights.function == .softmax || weights.isNormalised
    let mean = isShared ? known.reduce(0) { $0 + shares[$1.expert] * $1.dw } : 0
    var dz = [Double](repeating: 0, count: logits.count)
    if weights.function == .softmax, !weights.isNormalised {
      for expert in dz.indices { dz[expert] = -weights.factor * shares[expert] * mean }
      for (expert, dw) in known { dz[expert] += weights.factor * shares[expert] * dw }
      return dz
    }
    for (expert, dw) in known {
      let slope =
        weights.function == .softmax
        ? shares[expert]
        : shares[expert] * ActivationFunction.Function.sigmoid(-logits[expert])
      dz[expert] += weights.factor * slope * (dw - mean)
    }
    return dz
  }

  /// What the weights are but for their factor, of every expert: of those that are chosen alone where only they count.
  private func shares(_ logits: [Double], _ chosen: [Int]) -> [Double] {
    if weights.function == .softmax {
      guard weights.isNormalised else { return softmax(logits) }
      var values = [Double](repeating: 0, count: logits.count)
      for (expert, share) in zip(chosen, softmax(chosen.map { logits[$0] })) { values[expert] = share }
      return values
    }
    let open = logits.map { ActivationFunction.Function.sigmoid($0) }
    let total = weights.isNormalised ? chosen.reduce(0) { $0 + open[$1] } + RouteWeights.leastSum : 1
    return open.map { $0 / total }
  }
}
