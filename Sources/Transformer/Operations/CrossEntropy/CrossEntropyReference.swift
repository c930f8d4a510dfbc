import Foundation
import TouchstoneGraph
import TouchstoneModel

extension CrossEntropy: Evaluated {
  /// log Σⱼ exp z[t, j] − Σⱼ q[j]·z[t, j], with q = 1 at the target, less what is spread over the vocabulary; 0 where no target
  /// is asked for.
  ///
  /// Clauses: LOS-1 to LOS-3.
  package func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double> {
    let logits = operands.activations[0]
    let losses = inputs.ids(.targets).enumerated().map { token, target -> Double in
      guard target != Loss.ignoredTarget else { return 0 }
      let z = Array(logits.row(token))
      let logOfSum = logOfSumOfExponentials(z)
      guard labelSmoothing > 0 else { return logOfSum - z[target] }
      let mean = z.reduce(0, +) / Double(z.count)
      return (1 - labelSmoothing) * (logOfSum - z[target]) + labelSmoothing * (logOfSum - mean)
    }
    return Tensor(losses, shape: [inputs.count])
  }
}

/// log Σ exp zⱼ, the greatest taken out of the sum so that no exponential overflows.
func logOfSumOfExponentials(_ z: [Double]) -> Double {
  guard let greatest = z.max() else { return -.infinity }
  return greatest + log(z.reduce(0) { $0 + exp($1 - greatest) })
}
