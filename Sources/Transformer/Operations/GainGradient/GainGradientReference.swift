import TouchstoneGraph
import TouchstoneModel

extension GainGradient: Evaluated {
  /// Σ dy·x̂ over the runs that are normalised together.
  ///
  /// Clauses: BWD-9.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let (x, dy) = (operands.activations[0], operands.activations[1])
    let runs = x.normRuns(isJoined: isJoined)
    var sums = [Double](repeating: 0, count: runs.first?.count ?? 0)
    for run in runs {
      let row = NormalisedRun(run.map { x.values[$0] }, epsilon: epsilon, isCentred: isCentred)
      for (column, place) in run.enumerated() { sums[column] += dy.values[place] * row.values[column] }
    }
    return Tensor(sums, shape: [sums.count])
  }
}
