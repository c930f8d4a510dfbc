import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Rotate: Bounded {
  func clauses(of _: TouchstoneGraph.Operation, in _: Graph) -> [String] { ["ROP-1", "ROP-3", "BND-25"] }

  /// Two products and their sum, of cosines and sines of an angle that is known the worse the further a token stands.
  ///
  /// Columns that do not turn are handed on.
  ///
  /// Clauses: BND-24, BND-25.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let input = site.activations[0]
    let (x, positions) = (input.values, site.inputs.positionIDs)
    let pairCount = width / 2
    let length = (positions.max() ?? 0) + 1
    let frequencies = frequencies.values(pairs: pairCount, sequenceLength: length)
    let roundings = self.frequencies.roundings(pairs: pairCount, sequenceLength: length)
    // Steps may be stored, as are tables of cosines and sines.
    let unit = max(rounding.unit, rounding.precision.type.unitRoundoff)
    // Cosine and sine times the magnitude, and their products.
    let stored: Double = magnitude == 1 ? 2 : 4
    var bounds = value.values.indices.map(input.error(at:))
    for (token, position) in positions.enumerated() {
      for pair in 0..<pairCount {
        let angle = direction * Double(position) * frequencies[pair]
        let (cosine, sine) = (abs(magnitude * cos(angle)), abs(magnitude * sin(angle)))
        // The product of position and frequency is rounded once more.
        let ofAngle = min((roundings[pair] + 1) * rounding.unit * abs(angle), 2)
        let ofFunction = abs(magnitude) * rounding.contract.cosine * rounding.unit
        let (from, to) = columns(of: pair)
        for head in 0..<x.shape[0] {
          let start = (head * positions.count + token) * x.rowWidth
          let (a, b) = (abs(x.values[start + from.0]), abs(x.values[start + from.1]))
          let (ofA, ofB) = (input.distance(at: start + from.0), input.distance(at: start + from.1))
          func bound(_ y: Double, _ along: (Double, Bound), _ across: (Double, Bound)) -> Bound {
            let (straight, crossed) = (along.0 * cosine, across.0 * sine)
            let turned = along.0 * sine + across.0 * cosine + abs(magnitude) * (a + b) * ofAngle / 2
            let own =
              ofAngle * turned + (a + b) * ofFunction + stored * unit * (straight + crossed) + unit * abs(y)
              + 4 * (1 + a + b) * rounding.underflow
            return (cosine + abs(magnitude) * ofAngle) * along.1
              + (sine + abs(magnitude) * ofAngle) * across.1 + own
          }
          bounds[start + to.0] = bound(value.values[start + to.0], (a, ofA), (b, ofB))
          bounds[start + to.1] = bound(value.values[start + to.1], (b, ofB), (a, ofA))
        }
      }
    }
    return Estimate(values: value, bounds: bounds)
  }

  var waysToRoundOnce: [Alternative] { [Alternative(policy: .roundedOnce, roundsOnce: true)] }

  /// Tables of cosines and sines stored, or the products with them, or both.
  func stepped(_ site: JudgedSite, to type: ScalarType) -> [Tensor<Double>] {
    let (x, positions) = (site.activations[0].values, site.inputs.positionIDs)
    let frequencies = frequencies.values(
      pairs: width / 2, sequenceLength: (positions.max() ?? 0) + 1)
    return [(true, true), (true, false), (false, true)].map { storesTables, storesProducts in
      func table(_ value: Double) -> Double { storesTables ? type.rounded(value) : value }
      func product(_ value: Double) -> Double { storesProducts ? type.rounded(value) : value }
      var y = x
      for (token, position) in positions.enumerated() {
        for pair in 0..<width / 2 {
          let angle = direction * Double(position) * frequencies[pair]
          let (cosine, sine) = (table(magnitude * cos(angle)), table(magnitude * sin(angle)))
          let (from, to) = columns(of: pair)
          for head in 0..<x.shape[0] {
            let (a, b) = (x[head, token, from.0], x[head, token, from.1])
            y[head, token, to.0] = product(a * cosine) - product(b * sine)
            y[head, token, to.1] = product(b * cosine) + product(a * sine)
          }
        }
      }
      return y
    }
  }
}
