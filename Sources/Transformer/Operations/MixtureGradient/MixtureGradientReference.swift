import TouchstoneGraph
import TouchstoneModel

extension MixtureGradient: Evaluated {
  /// Products of gradients and rows, or of weights and gradients.
  ///
  /// Clauses: BWD-18.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let ids = operands.activations[0]
    switch side {
    case .weights: return ofWeights(ids, operands.activations[1], Array(operands.activations.dropFirst(2)))
    case .expert(let expert): return of(expert, ids, operands.activations[1], operands.activations[2])
    }
  }

  /// dy [T, D] and what each expert made to [T, K]; 0 for a choice of an expert that there is not.
  private func ofWeights(
    _ ids: Tensor<Double>, _ dy: Tensor<Double>, _ outputs: [Tensor<Double>]
  ) -> Tensor<Double> {
    var dw = Tensor<Double>(repeating: 0, shape: ids.shape)
    for (token, choices) in Mixture.places(ids, rowCounts: outputs.map(\.rowCount)).enumerated() {
      for case (let slot, let place?) in choices.enumerated() {
        dw[token, slot] = zip(dy.row(token), outputs[place.expert].row(place.row)).reduce(0) {
          $0 + $1.0 * $1.1
        }
      }
    }
    return dw
  }

  /// The rows of dy [T, D] of the tokens that chose an expert, each times its weight: [n, D].
  private func of(
    _ expert: Int, _ ids: Tensor<Double>, _ weights: Tensor<Double>, _ dy: Tensor<Double>
  ) -> Tensor<Double> {
    var rows: [Double] = []
    for token in 0..<ids.rowCount {
      let slots = (0..<ids.rowWidth).filter { ids[token, $0] == Double(expert) }
      guard !slots.isEmpty else { continue }
      let weight = slots.reduce(0) { $0 + weights[token, $1] }
      rows += dy.row(token).map { weight * $0 }
    }
    return Tensor(rows, shape: [rows.count / dy.rowWidth, dy.rowWidth])
  }
}
