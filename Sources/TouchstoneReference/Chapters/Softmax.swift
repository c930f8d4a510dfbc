import Foundation
import TouchstoneModel

/// Scores become probabilities: exp((xᵢ − max)/T)/Σⱼ exp((xⱼ − max)/T).
///
/// Subtracting the maximum changes nothing mathematically and keeps every exponential at most 1, at however low a
/// temperature. An entry of −∞ has the probability 0. No entries give no probabilities.
///
/// Clauses: SMX-1, SMX-9 to SMX-12, SMX-15.
///
/// - Parameters:
///   - x: the scores of one row.
///   - temperature: T, finite and greater than 0.
public func softmax(_ x: [Double], temperature: Double = 1) -> [Double] {
  guard let greatest = x.max() else { return [] }
  let exponentials = x.map { exp(($0 - greatest) / temperature) }
  let total = exponentials.reduce(0, +)
  return exponentials.map { $0 / total }
}

/// Softmax of each row of logits divided by the temperature: low temperatures sharpen, high ones flatten.
///
/// Clauses: SMX-15.
///
/// - Parameters:
///   - logits: [T, V].
///   - temperature: greater than 0.
/// - Returns: [T, V]; each row sums to 1.
public func softmax(_ logits: Tensor<Double>, temperature: Double = 1) -> Tensor<Double> {
  precondition(temperature > 0, "a temperature of \(temperature) has no softmax")
  let rows = (0..<logits.rowCount).flatMap { row in
    softmax(Array(logits.row(row)), temperature: temperature)
  }
  return Tensor(rows, shape: logits.shape)
}
