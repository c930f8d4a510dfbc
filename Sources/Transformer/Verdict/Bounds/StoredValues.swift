import TouchstoneModel

/// The numbers of a type in which results are stored.
extension ScalarType {
  /// The least normal number.
  private var leastNormal: Double {
    switch self {
    case .float64: Double.leastNormalMagnitude
    case .float32, .bfloat16: 0x1p-126
    case .float16: 0x1p-14
    }
  }

  /// The distance between the numbers of this type around a finite value.
  package func spacing(around value: Double) -> Double {
    // The bits of the exponent alone are the power of two below the value; 0 for what is not normal.
    let power = Double(bitPattern: value.bitPattern & Double.infinity.bitPattern)
    return max(power, leastNormal) * (2 * unitRoundoff)
  }

  /// The number of this type that a rule of rounding makes of a value; beyond the greatest one, infinity.
  package func rounded(_ value: Double, _ rule: FloatingPointRoundingRule = .toNearestOrEven) -> Double {
    guard value.isFinite, self != .float64 else { return value }
    let spacing = spacing(around: value)
    let rounded = (value / spacing).rounded(rule) * spacing
    return abs(rounded) > greatestFinite ? (value < 0 ? -.infinity : .infinity) : rounded
  }

  /// Whether a value is a number of this type.
  func holds(_ value: Double) -> Bool {
    !value.isFinite || rounded(value) == value
  }

  /// The greatest finite number.
  var greatestFinite: Double {
    switch self {
    case .float64: Double.greatestFiniteMagnitude
    case .float32: Double(Float.greatestFiniteMagnitude)
    case .float16: 65504
    case .bfloat16: 0x1.FEp127
    }
  }

  /// Whether the type is narrower than what sums are accumulated in.
  package var isNarrow: Bool { significandBits < ScalarType.float32.significandBits }
}

extension Tensor<Double> {
  /// Whether every value is a number of a type.
  func isHeld(by type: ScalarType) -> Bool {
    values.allSatisfy(type.holds)
  }
}
