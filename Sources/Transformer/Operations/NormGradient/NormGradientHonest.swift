import TouchstoneGraph
import TouchstoneModel

extension NormGradient: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (x, dy) = (operands.activations[0], operands.activations[1])
    let gain = operands.parameters.first
    let summation = arithmetic.summation
    var dx = x
    for run in x.normRuns(isJoined: isJoined) {
      let width = Float(run.count)
      let row = HonestNormRun(run.map { x.values[$0] }, epsilon, isCentred: isCentred, by: arithmetic)
      let h = run.enumerated().map { column, place in
        dy.values[place] * (gain.map { Float(offset) + $0[column] } ?? 1)
      }
      let mean = isCentred ? summation.sum(h) / width : 0
      if case .folded = arithmetic.layerNorm {
        // Σ h·x and Σ h, then h·I + b·x + c.
        let (products, sum) = (summation.dot(h, row.x), isCentred ? summation.sum(h) : 0)
        let cube = row.inverse * row.inverse * row.inverse / width
        let b = (sum * row.mean - products) * cube
        let c = -b * row.mean - sum * row.inverse / width
        for (column, place) in run.enumerated() {
          dx.values[place] = h[column] * row.inverse + b * row.x[column] + (isCentred ? c : 0)
        }
        continue
      }
      let slope = summation.dot(h, row.normalised) / width
      for (column, place) in run.enumerated() {
        let own = isCentred ? h[column] - mean : h[column]
        dx.values[place] = row.inverse * (own - row.normalised[column] * slope)
      }
    }
    return dx
  }
}

/// A run of numbers as a norm leaves it in float32.
struct HonestNormRun {
  let x: [Float]
  let mean: Float
  let inverse: Float
  let normalised: [Float]

  init(_ x: [Float], _ epsilon: Double, isCentred: Bool, by arithmetic: HonestArithmetic) {
    let width = Float(x.count)
    let mean = isCentred ? arithmetic.summation.sum(x) / width : 0
    let deviations = x.map { $0 - mean }
    let variance: Float
    if case .onePass = arithmetic.layerNorm {
      variance = max(0, arithmetic.summation.dot(x, x) / width - mean * mean)
    } else {
      variance = arithmetic.summation.dot(deviations, deviations) / width
    }
    let inverse = 1 / (variance + Float(epsilon)).squareRoot()
    self.x = x
    self.mean = mean
    self.inverse = inverse
    normalised = deviations.map { $0 * inverse }
  }
}
