import Foundation
import TouchstoneGraph
import TouchstoneModel

extension SoftCap: Bounded {
  var isElementwise: Bool { true }

  func clauses(of _: TouchstoneGraph.Operation, in _: Graph) -> [String] { ["ATT-28", "BND-28"] }

  /// Clauses: BND-28.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let input = site.activations[0]
    // In a narrow type every step may be stored in it.
    let unit = max(rounding.unit, site.storedType.unitRoundoff)
    let bounds = value.values.indices.map { offset in
      let x = input.values.values[offset]
      // The limits are exact but for the cap's own rounding; nothing is off by something from what is masked.
      guard x.isFinite else { return Bound(x > 0 ? 2 * unit * cap : rounding.underflow) }
      // No slope is greater than 1.
      return input.distance(at: offset) + rounding.ofSoftCap(x / cap, cap: cap, unit)
    }
    return Estimate(values: value, bounds: bounds)
  }

  var waysToRoundOnce: [Alternative] {
    [
      Alternative(policy: .roundedOnce, roundsOnce: true),
      Alternative(policy: .hardwareTanh, roundsOnce: true, findsTanhByHardware: true),
    ]
  }

  /// x/c and tanh stored, or tanh alone.
  func stepped(_ site: JudgedSite, to type: ScalarType) -> [Tensor<Double>] {
    let x = site.activations[0].values
    return [{ type.rounded($0) }, { $0 }].map { ofArgument in
      Tensor(x.values.map { cap * type.rounded(tanh(ofArgument($0 / cap))) }, shape: x.shape)
    }
  }
}

extension Rounding {
  /// The error of c·tanh(q), where q = x/c is found by a quotient, or by a product with a rounded 1/c, and c is held in
  /// the type of the arithmetic: three roundings of q, tanh as the contract says, two roundings of the product.
  fileprivate func ofSoftCap(_ q: Double, cap: Double, _ unit: Double) -> Double {
    let t = tanh(q)
    let slope = 1 - t * t
    let ofArgument = slope == 0 ? 0 : slope * 3 * unit * abs(q)
    let ofTanh = ofOwn(contract.tanh, t, unit)
    return cap * (ofArgument + ofTanh) + 2 * unit * abs(cap * t) + (1 + 2 * cap) * underflow
  }
}
