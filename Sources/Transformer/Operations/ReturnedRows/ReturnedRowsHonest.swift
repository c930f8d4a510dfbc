import TouchstoneGraph
import TouchstoneModel

extension ReturnedRows: Honest {
  /// The choices in the order of their weights, or the experts in theirs.
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (ids, rows) = (operands.activations[0], Array(operands.activations.dropFirst()))
    let width = rows[0].rowWidth
    var y = Tensor<Float>(repeating: 0, shape: [ids.rowCount, width])
    for (token, choices) in Mixture.places(ids, rowCounts: rows.map(\.rowCount)).enumerated() {
      var places = choices.compactMap(\.self)
      if arithmetic.addsBackwards { places.sort { $0.expert < $1.expert } }
      for column in 0..<width {
        y[token, column] = arithmetic.summation.sum(places.map { rows[$0.expert][$0.row, column] })
      }
    }
    return y
  }
}
