import TouchstoneGraph
import TouchstoneModel

extension NormGradient: Evaluated {
  /// I·(h − mean h − x̂·mean(h∘x̂)) along each run that is normalised together; without mean h where no mean is taken away.
  ///
  /// Clauses: BWD-7, BWD-8.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let (x, dy) = (operands.activations[0], operands.activations[1])
    let gain = operands.parameters.first
    var dx = x
    for run in x.normRuns(isJoined: isJoined) {
      let width = Double(run.count)
      let row = NormalisedRun(run.map { x.values[$0] }, epsilon: epsilon, isCentred: isCentred)
      let h = run.enumerated().map { column, place in
        dy.values[place] * (gain.map { offset + $0[column] } ?? 1)
      }
      let mean = isCentred ? h.reduce(0, +) / width : 0
      let slope = zip(h, row.values).reduce(0) { $0 + $1.0 * $1.1 } / width
      for (column, place) in run.enumerated() {
        dx.values[place] = row.inverse * (h[column] - mean - row.values[column] * slope)
      }
    }
    return dx
  }
}

/// A run of numbers as a norm leaves it, before gain and shift.
struct NormalisedRun {
  /// I = 1/√(variance + ε).
  let inverse: Double
  /// x̂ = (x − μ)·I.
  let values: [Double]

  init(_ x: [Double], epsilon: Double, isCentred: Bool) {
    let width = Double(x.count)
    let mean = isCentred ? x.reduce(0, +) / width : 0
    let deviations = x.map { $0 - mean }
    let inverse = 1 / (deviations.reduce(0) { $0 + $1 * $1 } / width + epsilon).squareRoot()
    self.inverse = inverse
    values = deviations.map { $0 * inverse }
  }
}
