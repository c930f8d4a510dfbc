import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Alibi: Honest {
  /// Slopes as frequencies are found: rounded from exact ones; a power of a rounded base; one over a power of 2; multiplied
  /// up; or the products rounded from exact ones.
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (count, places) = (operands.inputs.count, places(in: operands.inputs))
    var y = Tensor<Float>(repeating: 0, shape: [heads, count, count])
    for head in 0..<heads {
      let (term, length) = slope(of: head)
      let exact = value(of: head)
      let base = Float(exp2(-8 / Double(length)))
      let slope: Float =
        switch arithmetic.rotary {
        case .rounded, .tables: Float(exact)
        case .powers: pow(base, Float(term))
        case .reciprocals: 1 / exp2(Float(term) * (8 / Float(length)))
        case .multiplied: (1..<term).reduce(base) { product, _ in product * base }
        }
      let isTabled = if case .tables = arithmetic.rotary { true } else { false }
      for query in 0..<count {
        for (key, place) in places.enumerated() {
          y[head, query, key] = isTabled ? Float(exact * Double(place)) : slope * Float(place)
        }
      }
    }
    return y
  }
}
