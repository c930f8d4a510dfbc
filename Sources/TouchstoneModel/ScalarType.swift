/// The floating-point types in which parameters and activations are stored.
public enum ScalarType: String, Hashable, Sendable, CaseIterable {
  case float64
  case float32
  case float16
  case bfloat16

  /// The type that holds every value of `scalar`; float64 for what is wider still.
  public init<Scalar: BinaryFloatingPoint>(_ scalar: Scalar.Type) {
    let bits = Scalar.significandBitCount + 1
    self = [.bfloat16, .float16, .float32].first { $0.significandBits == bits } ?? .float64
  }

  /// Bytes per value.
  @inlinable public var byteCount: Int {
    switch self {
    case .float64: 8
    case .float32: 4
    case .float16, .bfloat16: 2
    }
  }

  /// Bits of the significand, the implicit leading one included.
  @inlinable public var significandBits: Int {
    switch self {
    case .float64: 53
    case .float32: 24
    case .float16: 11
    case .bfloat16: 8
    }
  }

  /// Half the distance between 1 and the next value: 2⁻²⁴ for float32.
  @inlinable public var unitRoundoff: Double {
    switch self {
    case .float64: 0x1p-53
    case .float32: 0x1p-24
    case .float16: 0x1p-11
    case .bfloat16: 0x1p-8
    }
  }
}

/// The value of an IEEE 754 binary16 pattern, exactly.
@inlinable
public func widenFloat16(_ pattern: UInt16) -> Float {
  let sign = UInt32(pattern & 0x8000) << 16
  let exponent = UInt32(pattern >> 10) & 0x1f
  let fraction = UInt32(pattern & 0x3ff)
  if exponent == 0 {
    let magnitude = Float(fraction) * 0x1p-24
    return sign == 0 ? magnitude : -magnitude
  }
  let biased: UInt32 = exponent == 0x1f ? 0xff : exponent + 112
  return Float(bitPattern: sign | biased << 23 | fraction << 13)
}

/// The value of a bfloat16 pattern (the upper half of a float32), exactly.
@inlinable
public func widenBFloat16(_ pattern: UInt16) -> Float {
  Float(bitPattern: UInt32(pattern) << 16)
}
