import TouchstoneModel

/// The rounding that an arithmetic is granted.
struct Rounding: Sendable {
  /// The arithmetic.
  let precision: Precision
  /// What is granted beyond correctly rounded operations.
  var contract: Contract
  /// u: the unit roundoff of sums.
  let unit: Double
  /// T₀: what underflow, or flushing it to zero, may lose in one operation.
  let underflow: Double
  /// 2 where the arithmetic is as wide as the judge's own, whose errors then count too; 1 otherwise.
  let judgesFactor: Double

  init(_ precision: Precision, contract: Contract = .standard) {
    let isDouble = precision.type == .float64
    self.precision = precision
    self.contract = contract
    self.unit = precision.accumulationRoundoff
    self.underflow = isDouble ? 0x1p-1022 : 0x1p-126
    self.judgesFactor = isDouble ? 2 : 1
  }

  /// γₙ = n·u/(1 − n·u): the greatest relative error of n roundings in a row (Higham 2002, lemma 3.1).
  func gamma(_ count: Double) -> Double {
    let product = count * unit
    return product < 1 ? product / (1 - product) : .infinity
  }

  /// The relative rounding of an operand that is stored in another type than the arithmetic reads.
  ///
  /// A wider record was rounded when the implementation read it; a narrower one was rounded after.
  func ofOperand(stored type: ScalarType) -> Double {
    type == precision.type ? 0 : max(type.unitRoundoff, precision.type.unitRoundoff)
  }

  /// The relative rounding of a parameter, which is stored as the implementation was given it.
  func ofParameter(stored type: ScalarType) -> Double {
    let given = max(type.unitRoundoff, ScalarType.float32.unitRoundoff)
    return precision.type.unitRoundoff > given ? precision.type.unitRoundoff : 0
  }

  /// Whether storing a result as `type` adds nothing to the error of computing it.
  func storesExactly(as type: ScalarType) -> Bool {
    max(type.unitRoundoff, precision.type.unitRoundoff) <= unit
  }

  /// What rounding one factor to the arithmetic's type may lose where the factor is below that type's normal range.
  ///
  /// That of bfloat16 is float32's, so that `underflow` has it.
  func ofSubnormalFactor(roundoff: Double) -> Double {
    roundoff > 0 && precision.type == .float16 ? 0x1p-25 : 0
  }

  /// What storing the value `y` as `type` adds to the error of computing it.
  func ofStore(_ y: Double, as type: ScalarType) -> Double {
    guard !storesExactly(as: type) else { return 0 }
    let narrowest = max(type.unitRoundoff, precision.type.unitRoundoff)
    let isHalf = type == .float16 || precision.type == .float16
    return narrowest * abs(y) + (isHalf ? 0x1p-25 : underflow)
  }

  /// What handing the value `y` on from one stored type to another may change: nothing between equal types.
  func ofHandingOn(_ y: Double, from source: ScalarType, to target: ScalarType) -> Double {
    guard source != target else { return 0 }
    let isHalf = source == .float16 || target == .float16
    return max(source.unitRoundoff, target.unitRoundoff) * abs(y) + (isHalf ? 0x1p-25 : underflow)
  }

  /// The greatest finite value of what the implementation computes or stores in.
  func greatestFinite(stored type: ScalarType) -> Double {
    func greatest(_ type: ScalarType) -> Double {
      switch type {
      case .float64: Double.greatestFiniteMagnitude
      case .float32: Double(Float.greatestFiniteMagnitude)
      case .float16: 65504
      case .bfloat16: 0x1.FEp127
      }
    }
    return min(greatest(type), greatest(precision.type))
  }
}
