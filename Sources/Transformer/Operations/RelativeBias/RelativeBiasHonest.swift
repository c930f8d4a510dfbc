import Foundation
import TouchstoneGraph
import TouchstoneModel

extension RelativeBias: Honest {
  /// Buckets by float32 logarithms, natural ones or to the base 2.
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let table = operands.parameters[0].tensor
    let count = operands.inputs.count
    var y = Tensor<Float>(repeating: 0, shape: [table.rowWidth, count, count])
    for query in 0..<count {
      for key in 0..<count {
        let bucket = bucket(of: key - query, by: arithmetic)
        for head in 0..<table.rowWidth { y[head, query, key] = table[bucket, head] }
      }
    }
    return y
  }

  /// The bucket of a key that stands `offset` behind the query.
  func bucket(of offset: Int, by arithmetic: HonestArithmetic) -> Int {
    let logarithm: (Float) -> Float =
      if case .powers = arithmetic.rotary { { log2($0) } } else { { log($0) } }
    let distance = isBothWays ? abs(offset) : max(-offset, 0)
    var own = distance
    if distance >= exact {
      let whole = logarithm(Float(greatestDistance) / Float(exact))
      let place = logarithm(Float(distance) / Float(exact)) / whole * Float(side - exact)
      own = min(side - 1, exact + max(Int(place), 0))
    }
    return own + (isBothWays && offset > 0 ? side : 0)
  }
}
