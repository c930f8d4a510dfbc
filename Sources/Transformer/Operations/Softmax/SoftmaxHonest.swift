import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Softmax: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let x = operands.activations[0]
    let rows = (0..<x.rowCount).flatMap { row in
      arithmetic.softmax(x.row(row).map { temperature == 1 ? $0 : $0 / Float(temperature) })
    }
    return Tensor(rows, shape: x.shape)
  }
}

extension HonestArithmetic {
  /// The softmax of one row.
  func softmax(_ x: [Float]) -> [Float] {
    guard let greatest = x.max() else { return [] }
    switch softmax {
    case .base2:
      let log2e = Float(1.4426950408889634)
      let shift = greatest * log2e
      let powers = x.map { exp2($0 * log2e - shift) }
      let total = summation.sum(powers)
      return powers.map { $0 / total }
    case .reciprocal:
      let powers = x.map { exp($0 - greatest) }
      let reciprocal = 1 / summation.sum(powers)
      return powers.map { $0 * reciprocal }
    case .exponential, .online:
      let powers = x.map { exp($0 - greatest) }
      let total = summation.sum(powers)
      return powers.map { $0 / total }
    }
  }
}
