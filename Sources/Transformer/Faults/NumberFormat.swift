import Foundation
import TouchstoneModel

/// A binary floating-point format, to which faults round.
struct NumberFormat: Sendable {
  let name: String
  /// Bits of the significand, the implicit leading one included.
  let significandBits: Int
  /// The exponent of the least normal number.
  let leastExponent: Int
  let greatestFinite: Double

  static let float16 = NumberFormat(
    name: "float16", significandBits: 11, leastExponent: -14, greatestFinite: 65504)
  static let bfloat16 = NumberFormat(
    name: "bfloat16", significandBits: 8, leastExponent: -126, greatestFinite: 0x1.FEp127)
  static let tensorFloat32 = NumberFormat(
    name: "tf32", significandBits: 11, leastExponent: -126, greatestFinite: 0x1.FFCp127)
  static let float8 = NumberFormat(
    name: "float8 (e4m3)", significandBits: 4, leastExponent: -6, greatestFinite: 448)
  static let float32 = NumberFormat(
    name: "float32", significandBits: 24, leastExponent: -126,
    greatestFinite: Double(Float.greatestFiniteMagnitude))

  /// The format of a stored type that is no wider than float32; float32 for what is.
  init(_ type: ScalarType) {
    switch type {
    case .float16: self = .float16
    case .bfloat16: self = .bfloat16
    case .float32, .float64: self = .float32
    }
  }

  init(name: String, significandBits: Int, leastExponent: Int, greatestFinite: Double) {
    self.name = name
    self.significandBits = significandBits
    self.leastExponent = leastExponent
    self.greatestFinite = greatestFinite
  }

  /// Every value rounded to the format.
  func rounded(_ tensor: Tensor<Double>) -> Tensor<Double> {
    if significandBits == 24 { return tensor.converted(to: Float.self).converted(to: Double.self) }
    return Tensor(tensor.values.map { round($0) }, shape: tensor.shape)
  }

  /// The distance between neighbours around `x`.
  func quantum(_ x: Double) -> Double {
    let exponent = max(x == 0 ? leastExponent : Int(x.exponent), leastExponent)
    return Double(sign: .plus, exponent: exponent - significandBits + 1, significand: 1)
  }

  /// The nearest number of the format, ties to even.
  func round(_ x: Double, _ rule: FloatingPointRoundingRule = .toNearestOrEven) -> Double {
    guard x.isFinite else { return x }
    let quantum = quantum(x)
    let rounded = (x / quantum).rounded(rule) * quantum
    return abs(rounded) > greatestFinite ? .infinity * (x < 0 ? -1 : 1) : rounded
  }

  /// The least error of a value before rounding to the format that makes `got` out of `exact`.
  func leastError(from exact: Double, to got: Double) -> Double {
    if round(exact) == got { return 0 }
    // Not a number of the format: no rounding makes it.
    guard round(got) == got else { return abs(got - exact) }
    let towards = got > exact ? got - quantum(got) / 2 : got + quantum(got) / 2
    return abs(towards - exact)
  }
}
