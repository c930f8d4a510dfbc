import TouchstoneGraph
import TouchstoneModel

extension RMSNorm: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (x, gain) = (operands.activations[0], operands.parameters[0])
    let headCount = isJoined ? x.shape[0] : 1
    let tokenCount = x.rowCount / headCount
    var y = x
    for token in 0..<tokenCount {
      let rows = (0..<headCount).map { $0 * tokenCount + token }
      let row = rows.flatMap { x.row($0) }
      let meanSquare = arithmetic.summation.dot(row, row) / Float(row.count)
      let root = (meanSquare + Float(epsilon)).squareRoot()
      let inverse = 1 / root
      for (place, value) in row.enumerated() {
        let factor = Float(offset) + gain[place]
        let (head, column) = place.quotientAndRemainder(dividingBy: x.rowWidth)
        y[rows[head], column] =
          switch (arithmetic.layerNorm, arithmetic.rmsNorm) {
          // Gain and size are one factor.
          case (.folded, _): value * (inverse * factor)
          case (_, .product): operands.stored(value * inverse) * factor
          case (_, .quotient): value / root * factor
          case (_, .gainFirst): operands.stored(value * factor) * inverse
          case (_, .offsetApart):
            (value * inverse * Float(offset)).addingProduct(value * inverse, gain[place])
          }
      }
    }
    return y
  }
}
