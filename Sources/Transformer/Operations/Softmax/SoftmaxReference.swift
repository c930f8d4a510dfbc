import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Softmax: Evaluated {
  /// Softmax of each row of the last axis, divided by the temperature.
  ///
  /// Clauses: SMX-15.
  package func value(_ operands: Operands, in _: Inputs) -> Tensor<Double> {
    let x = operands.activations[0]
    let rows = (0..<x.rowCount).flatMap { softmax(Array(x.row($0)), temperature: temperature) }
    return Tensor(rows, shape: x.shape)
  }
}

/// Scores become probabilities: exp((xᵢ − max)/T)/Σⱼ exp((xⱼ − max)/T).
///
/// Subtracting the maximum changes nothing mathematically and keeps every exponential at most 1, at however low a
/// temperature. An entry of −∞ has the probability 0. No entries give no probabilities.
///
/// Clauses: SMX-1, SMX-9 to SMX-12, SMX-15.
func softmax(_ x: [Double], temperature: Double = 1) -> [Double] {
  guard let greatest = x.max() else { return [] }
  let exponentials = x.map { exp(($0 - greatest) / temperature) }
  let total = exponentials.reduce(0, +)
  return exponentials.map { $0 / total }
}
