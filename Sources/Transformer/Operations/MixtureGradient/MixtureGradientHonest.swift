import TouchstoneGraph
import TouchstoneModel

extension MixtureGradient: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let ids = operands.activations[0]
    switch side {
    case .weights:
      let (dy, outputs) = (operands.activations[1], Array(operands.activations.dropFirst(2)))
      var dw = Tensor<Float>(repeating: 0, shape: ids.shape)
      for (token, choices) in Mixture.places(ids, rowCounts: outputs.map(\.rowCount)).enumerated() {
        for case (let slot, let place?) in choices.enumerated() {
          dw[token, slot] = arithmetic.summation.dot(
            Array(dy.row(token)), Array(outputs[place.expert].row(place.row)))
        }
      }
      return dw
    case .expert(let expert):
      let (weights, dy) = (operands.activations[1], operands.activations[2])
      var rows: [Float] = []
      for token in 0..<ids.rowCount {
        guard let slot = ids.row(token).firstIndex(of: Float(expert)) else { continue }
        rows += dy.row(token).map { weights.values[slot] * $0 }
      }
      return Tensor(rows, shape: [rows.count / dy.rowWidth, dy.rowWidth])
    }
  }
}
