import TouchstoneGraph
import TouchstoneModel

extension Alibi: Evaluated {
  /// slope[h]·t[j], for every query alike.
  ///
  /// Clauses: ALI-1 to ALI-3.
  package func value(_: Operands, in inputs: Inputs) -> Tensor<Double> {
    let places = places(in: inputs)
    var y = Tensor<Double>(repeating: 0, shape: [heads, inputs.count, inputs.count])
    for head in 0..<heads {
      let slope = value(of: head)
      for query in 0..<inputs.count {
        for (key, place) in places.enumerated() {
          y[head, query, key] = slope * Double(place)
        }
      }
    }
    return y
  }
}
