import TouchstoneGraph
import TouchstoneModel

extension ReturnedRows: Evaluated {
  /// Σ of the rows of each token, that of its best expert first: [T, D].
  ///
  /// Clauses: BWD-20.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let ids = operands.activations[0]  // [T, K]
    let rows = Array(operands.activations.dropFirst())  // each [n, D]
    var y = Tensor<Double>(repeating: 0, shape: [ids.rowCount, rows[0].rowWidth])
    for (token, choices) in Mixture.places(ids, rowCounts: rows.map(\.rowCount)).enumerated() {
      for case let place? in choices {
        for (column, value) in rows[place.expert].row(place.row).enumerated() { y[token, column] += value }
      }
    }
    return y
  }
}
