import TouchstoneGraph
import TouchstoneModel

extension Product: Evaluated {
  /// a·(clip(b, ±limit) + plus), element by element.
  ///
  /// Clauses: GLU-3.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let (a, b) = (operands.activations[0], operands.activations[1])
    precondition(a.shape == b.shape, "the factors have the shapes \(a.shape) and \(b.shape)")
    var y = a
    for index in 0..<y.count {
      var factor = b.values[index]
      if let limit, abs(factor) > limit { factor = factor < 0 ? -limit : limit }
      // Adding 0 would turn −0 into 0.
      if plus != 0 { factor += plus }
      y.values[index] *= factor
    }
    return y
  }
}
