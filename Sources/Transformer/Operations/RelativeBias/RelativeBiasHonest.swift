import Foundation
import TouchstoneGraph
import TouchstoneModel

extension RelativeBias: Honest {
  /// Buckets by float32 logarithms, natural ones or to the base 2.
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let table = operands.parameters[0].tensor
    let logarithm: (Float) -> Float =
      if case .powers = arithmetic.rotary { { log2($0) } } else { { log($0) } }
    let whole = logarithm(Float(greatestDistance) / Float(exact))
    func bucket(ofDistance distance: Int) -> Int {
      guard distance >= exact else { return distance }
      let place = logarithm(Float(distance) / Float(exact)) / whole * Float(side - exact)
      return min(side - 1, exact + max(Int(place), 0))
    }
    let count = operands.inputs.count
    var y = Tensor<Float>(repeating: 0, shape: [table.rowWidth, count, count])
    for head in 0..<table.rowWidth {
      for query in 0..<count {
        for key in 0..<count {
          let offset = key - query
          let own = bucket(ofDistance: isBothWays ? abs(offset) : max(-offset, 0))
          y[head, query, key] = table[own + (isBothWays && offset > 0 ? side : 0), head]
        }
      }
    }
    return y
  }
}
