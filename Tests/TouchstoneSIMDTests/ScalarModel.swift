import TouchstoneModel

/// The order of every operation of the fast implementation, one number at a time.
///
/// Nothing here is shared with the kernels: this is the written rule, and the kernels must give its bits.
struct ScalarModel {
  let weights: Weights
  /// Whether a·b + c is rounded once.
  let fused: Bool

  var configuration: Configuration { weights.configuration }

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

  func layerNorm(_ x: [Float], _ weight: [Float], _ bias: [Float]) -> [Float] {
    let count = Float(x.count)
    var sums = [Float](repeating: 0, count: 16)
    for (index, value) in x.enumerated() { sums[index % 16] += value }
    let mean = tree(sums) / count
    var squares = [Float](repeating: 0, count: 16)
    for (index, value) in x.enumerated() {
      squares[index % 16] = multiplyAdd(value - mean, value - mean, squares[index % 16])
    }
    let variance = tree(squares) / count
    let inverse = 1 / (variance + Float(configuration.layerNormEpsilon)).squareRoot()
    return x.indices.map { multiplyAdd((x[$0] - mean) * inverse, weight[$0], bias[$0]) }
  }

  func exponential(_ x: Float) -> Float {
    let clamped = x < -104 ? -104 : x > 89 ? 89 : x
    let shifted = multiplyAdd(clamped, 0x1.715476p+0, 0x1.8p23)
    let n = shifted - 0x1.8p23
    let high = multiplyAdd(n, -0x1.62e4p-1, clamped)
    let low = n * -0x1.7f7d1cp-20
    let r = high + low
    var q: Float = 0x1.6a2352p-10
    q = multiplyAdd(q, r, 0x1.123a6cp-7)
    q = multiplyAdd(q, r, 0x1.5558f4p-5)
    q = multiplyAdd(q, r, 0x1.55549p-3)
    q = multiplyAdd(q, r, 0x1.fffffcp-2)
    let power = 1 + (high + multiplyAdd(r * r, q, low))
    guard !n.isNaN else { return .nan }
    let half = Int(n) >> 1
    return power * Float(sign: .plus, exponent: half, significand: 1)
      * Float(sign: .plus, exponent: Int(n) - half, significand: 1)
  }

  func softmax(_ scaled: [Float]) -> [Float] {
    guard let most = scaled.max(), most > -.infinity else { return scaled.map { _ in 0 } }
    let powers = scaled.map { exponential($0 - most) }
    var sums = [Float](repeating: 0, count: 16)
    for (index, power) in powers.enumerated() { sums[index % 16] += power }
    let inverse = 1 / tree(sums)
    return powers.map { $0 * inverse }
  }

  func activate(_ x: Float) -> Float {
    switch configuration.activationFunction {
    case .relu: return x < 0 ? 0 : x
    case .geluTanh:
      let exponent = x * multiplyAdd(x * x, -0.07135481627260026, -1.5957691216057308)
      return x / (1 + exponential(exponent))
    case .geluErf:
      let t = 1 / multiplyAdd(abs(x), 0x1.db2cfep-3, 1)
      let coefficients: [Float] = [
        -0x1.399c68p-3, 0x1.321f8ap-2, -0x1.0a3e2ep-2, 0x1.de82b2p-3, -0x1.05e18cp-6, 0x1.98eef4p-4,
        0x1.569cf6p-4, 0x1.7cc4e4p-4, 0x1.7b103p-4,
      ]
      let p = coefficients.reduce(0x1.c31584p-6) { multiplyAdd($0, t, $1) }
      let tail = t * p * exponential(x * x * -0.5)
      return x * (x < 0 ? tail : 1 - tail)
    }
  }

  func linear(_ x: [Float], _ weight: Tensor<Float>, _ bias: Tensor<Float>) -> [Float] {
    (0..<weight.rowWidth).map { column in
      chain(bias.values[column], x.count, { x[$0] }, { weight[$0, column] })
    }
  }
}
