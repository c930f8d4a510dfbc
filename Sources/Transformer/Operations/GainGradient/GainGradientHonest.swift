import TouchstoneGraph
import TouchstoneModel

extension GainGradient: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (x, dy) = (operands.activations[0], operands.activations[1])
    let runs = x.normRuns(isJoined: isJoined)
    let rows = runs.map {
      HonestNormRun($0.map { x.values[$0] }, epsilon, isCentred: isCentred, by: arithmetic).normalised
    }
    let sums = (0..<(runs.first?.count ?? 0)).map { column in
      arithmetic.summation.dot(runs.map { dy.values[$0[column]] }, rows.map { $0[column] })
    }
    return Tensor(sums, shape: [sums.count])
  }
}
