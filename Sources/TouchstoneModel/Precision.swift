/// What an implementation says of its own arithmetic: the type of its operands, and how its sums are rounded.
public struct Precision: Hashable, Sendable {
  /// The type in which operands are read and results are handed on.
  ///
  /// Sums are accumulated in float32, or in float64 where that is the type.
  public let type: ScalarType
  /// Whether accumulators drop the bits that do not fit, as some matrix units do, instead of rounding to nearest.
  public let truncates: Bool

  /// The plain float32 of most captures.
  public static let float32 = Precision(.float32)

  /// Describes an arithmetic.
  public init(_ type: ScalarType, truncates: Bool = false) {
    self.type = type
    self.truncates = truncates
  }

  /// Reads the name that a file gives, such as `float32`, `bfloat16` or `float16-truncating`.
  public init?(name: String) {
    let suffix = "-truncating"
    let truncates = name.hasSuffix(suffix)
    guard let type = ScalarType(rawValue: truncates ? String(name.dropLast(suffix.count)) : name) else {
      return nil
    }
    self.init(type, truncates: truncates)
  }

  /// The name in a file.
  public var name: String { type.rawValue + (truncates ? "-truncating" : "") }

  /// The greatest relative error of one addition in an accumulator.
  public var accumulationRoundoff: Double {
    let nearest = max(type.significandBits, ScalarType.float32.significandBits)
    return Double(sign: .plus, exponent: truncates ? 1 - nearest : -nearest, significand: 1)
  }
}
