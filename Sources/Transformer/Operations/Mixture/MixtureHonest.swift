import TouchstoneGraph
import TouchstoneModel

extension Mixture: Honest {
  /// The choices in the order of their weights, or the experts in theirs.
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (ids, weights) = (operands.activations[0], operands.activations[1])
    let outputs = Array(operands.activations.dropFirst(2))
    let places = Self.places(ids, rowCounts: outputs.map(\.rowCount))
    let width = outputs[0].rowWidth
    var y = Tensor<Float>(repeating: 0, shape: [ids.rowCount, width])
    for (token, choices) in places.enumerated() {
      var terms = choices.enumerated().compactMap { slot, place in
        place.map { (weight: weights[token, slot], expert: $0.expert, row: $0.row) }
      }
      if arithmetic.addsBackwards { terms.sort { $0.expert < $1.expert } }
      for column in 0..<width {
        y[token, column] = arithmetic.summation.dot(
          terms.map(\.weight), terms.map { outputs[$0.expert][$0.row, column] })
      }
    }
    return y
  }
}
