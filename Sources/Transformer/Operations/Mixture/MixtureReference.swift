import TouchstoneGraph
import TouchstoneModel

extension Mixture: Evaluated {
  /// Σₖ weight·row, the best expert first: [T, D].
  ///
  /// Clauses: MOE-6.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let ids = operands.activations[0]  // [T, K]
    let weights = operands.activations[1]  // [T, K]
    let outputs = operands.activations.dropFirst(2).map { $0 }  // each [n, D]
    let places = Self.places(ids, rowCounts: outputs.map(\.rowCount))
    var y = Tensor<Double>(repeating: 0, shape: [ids.rowCount, outputs[0].rowWidth])
    for (token, choices) in places.enumerated() {
      for (slot, place) in choices.enumerated() {
        guard let place else { continue }
        for (column, value) in outputs[place.expert].row(place.row).enumerated() {
          y[token, column] += weights[token, slot] * value
        }
      }
    }
    return y
  }
}
