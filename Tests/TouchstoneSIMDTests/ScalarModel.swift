import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneSpecification

/// The order of every operation of the fast implementation, one number at a time.
///
/// Nothing here is shared with the kernels: this is the written rule, with the constants of its clauses, and the kernels
/// must give its bits.
struct ScalarModel {
  /// The constants of a clause's formula, in their order.
  private static func constants(of clause: String) -> [Float] {
    guard let formula = (try? Specification.embedded())?[clause]?.formula else { return [] }
    return formula.matches(of: /−?0x1(?:\.[0-9a-f]+)?p[+-][0-9]+/).compactMap { match in
      Float(match.output.replacing("−", with: "-"))
    }
  }

  private static let exponentialConstants = constants(of: "KER-7")
  private static let geluTanhConstants = constants(of: "KER-8")
  private static let geluErfConstants = constants(of: "KER-9")

  private static let quickGELUConstants = constants(of: "KER-13")

  /// Whether a·b + c is rounded once.
  let fused: Bool

  func multiplyAdd(_ a: Float, _ b: Float, _ c: Float) -> Float {
    fused ? c.addingProduct(a, b) : a * b + c
  }

  /// start + Σ x[k]·w[k], one chain in the order of k.
  func chain(_ start: Float, _ count: Int, _ x: (Int) -> Float, _ w: (Int) -> Float) -> Float {
    var sum = start
    for k in 0..<count { sum = multiplyAdd(x(k), w(k), sum) }
    return sum
  }

  /// The sum of sixteen lanes by the tree.
  func tree(_ lanes: [Float]) -> Float {
    var lanes = lanes
    while lanes.count > 1 {
      let half = lanes.count / 2
      lanes = (0..<half).map { lanes[$0] + lanes[$0 + half] }
    }
    return lanes[0]
  }

  func layerNorm(_ x: [Float], _ weight: [Float], _ bias: [Float], epsilon: Float) -> [Float] {
    let count = Float(x.count)
    var sums = [Float](repeating: 0, count: 16)
    for (index, value) in x.enumerated() { sums[index % 16] += value }
    let mean = tree(sums) / count
    var squares = [Float](repeating: 0, count: 16)
    for (index, value) in x.enumerated() {
      squares[index % 16] = multiplyAdd(value - mean, value - mean, squares[index % 16])
    }
    let variance = tree(squares) / count
    let inverse = 1 / (variance + epsilon).squareRoot()
    return x.indices.map { multiplyAdd((x[$0] - mean) * inverse, weight[$0], bias[$0]) }
  }

  func rmsNorm(_ x: [Float], _ weight: [Float], epsilon: Float) -> [Float] {
    var squares = [Float](repeating: 0, count: 16)
    for (index, value) in x.enumerated() {
      squares[index % 16] = multiplyAdd(value, value, squares[index % 16])
    }
    let inverse = 1 / (tree(squares) / Float(x.count) + epsilon).squareRoot()
    return x.indices.map { x[$0] * inverse * weight[$0] }
  }

  /// A pair of numbers turned by an angle with these cosine and sine.
  func turned(_ a: Float, _ b: Float, _ cosine: Float, _ sine: Float) -> (Float, Float) {
    (multiplyAdd(a, cosine, 0 - b * sine), multiplyAdd(b, cosine, a * sine))
  }

  func exponential(_ x: Float) -> Float {
    guard let (n, power) = reduced(x < -104 ? -104 : x > 89 ? 89 : x) else { return .nan }
    let half = n >> 1
    return (1 + power) * Float(sign: .plus, exponent: half, significand: 1)
      * Float(sign: .plus, exponent: n - half, significand: 1)
  }

  /// n and eʳ − 1 with x = n·ln 2 + r; nil for NaN.
  private func reduced(_ x: Float) -> (n: Int, power: Float)? {
    let constants = Self.exponentialConstants
    let n = multiplyAdd(x, constants[0], constants[1]) - constants[2]
    let high = multiplyAdd(n, constants[3], x)
    let low = n * constants[4]
    let r = high + low
    let q = constants[6...].reduce(constants[5]) { multiplyAdd($0, r, $1) }
    return n.isNaN ? nil : (Int(n), high + multiplyAdd(r * r, q, low))
  }

  func tanh(_ x: Float) -> Float {
    let doubled = x.magnitude * -2
    guard let (n, power) = reduced(doubled < -40 ? -40 : doubled) else { return .nan }
    let scale = Float(sign: .plus, exponent: n, significand: 1)
    let less = multiplyAdd(scale, power, scale - 1)
    return Float(sign: x.sign, exponent: 0, significand: 1) * ((0 - less) / (less + 2))
  }

  func softCap(_ x: Float, at cap: Float) -> Float { x == -.infinity ? x : cap * tanh(x / cap) }

  func softmax(_ scaled: [Float]) -> [Float] {
    guard let most = scaled.max(), most > -.infinity else { return scaled.map { _ in 0 } }
    let powers = scaled.map { exponential($0 - most) }
    var sums = [Float](repeating: 0, count: 16)
    for (index, power) in powers.enumerated() { sums[index % 16] += power }
    let inverse = 1 / tree(sums)
    return powers.map { $0 * inverse }
  }

  func activate(_ function: ActivationFunction.Function, _ x: Float) -> Float {
    let positive = x < 0 ? 0 : x
    switch function {
    case .relu: return positive
    case .reluSquared: return positive * positive
    case .silu: return x / (1 + exponential(0 - x))
    case .sigmoid: return 1 / (1 + exponential(0 - x))
    case .quickGELU: return x / (1 + exponential(x * Self.quickGELUConstants[0]))
    case .geluTanh, .geluFast, .geluBloom:
      let exponent = x * multiplyAdd(x * x, Self.geluTanhConstants[0], Self.geluTanhConstants[1])
      return x / (1 + exponential(exponent))
    case .geluErf:
      let constants = Self.geluErfConstants
      let t = 1 / multiplyAdd(abs(x), constants[0], 1)
      let p = constants[2...].reduce(constants[1]) { multiplyAdd($0, t, $1) }
      let tail = t * p * exponential(x * x * -0.5)
      return x * (x < 0 ? tail : 1 - tail)
    case .tanh: return tanh(x)
    }
  }
}
