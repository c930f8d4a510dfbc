import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Sinusoid: Bounded {
  func clauses(of _: TouchstoneGraph.Operation, in _: Graph) -> [String] { ["TWO-5", "BND-41"] }

  /// Sine and cosine of an angle that is known the worse the further a token stands.
  ///
  /// Clauses: BND-41.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let positions = site.inputs.ids(ids)
    // Tables are made in float32 at least, whatever they are stored in.
    let unit = min(rounding.unit, ScalarType.float32.unitRoundoff)
    let bounds = value.values.enumerated().map { offset, value in
      let pair = term(of: offset % width).pair
      let angle = Double(positions[offset / width]) * frequency(of: pair)
      // A power: its exponent, and itself; then the product with the position.
      let ofAngle = min((2 * abs(exponent(of: pair)) + 10) * unit * abs(angle), 2)
      return Bound(
        ofAngle * ((1 - value * value).squareRoot() + ofAngle / 2) + rounding.contract.cosine * unit
          + rounding.unit * abs(value) + rounding.underflow)
    }
    return Estimate(values: value, bounds: bounds)
  }
}
