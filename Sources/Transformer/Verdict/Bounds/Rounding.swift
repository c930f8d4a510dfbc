import TouchstoneModel

/// The rounding that an arithmetic is granted.
package struct Rounding: Sendable {
  /// The arithmetic.
  let precision: Precision
  /// What is granted beyond correctly rounded operations.
  var contract: Contract
  /// Whether terms below the resolution of their sum may be lost alike, and whether partial sums in the order of keys count
  /// where they are greater than those of a generic order.
  ///
  /// Ordinary noise has no such bias, and a noise floor is that of arithmetic whose terms are resolved, in any order.
  var grantsLostTerms = true
  /// u: the unit roundoff of sums.
  package let unit: Double
  /// T₀: what underflow, or flushing it to zero, may lose in one operation.
  package let underflow: Double
  /// 2 where the arithmetic is as wide as the judge's own, whose errors then count too; 1 otherwise.
  package let judgesFactor: Double

  package init(_ precision: Precision, contract: Contract = .standard) {
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
    type.unitRoundoff <= unit
  }

  /// What rounding one factor to the arithmetic's type may lose where the factor is below that type's normal range.
  ///
  /// That of bfloat16 is float32's, so that `underflow` has it.
  func ofSubnormalFactor(roundoff: Double) -> Double {
    roundoff > 0 && precision.type == .float16 ? 0x1p-25 : 0
  }

  /// The error of the value `y` once it is stored as `type`, where that of computing it is `error`.
  ///
  /// What is stored is the number of the type that is nearest to what was computed, which lies half a unit in the last
  /// place away at most. That unit is as great as where the computed value may lie.
  func stored(_ error: Bound, _ y: Double, as type: ScalarType) -> Bound {
    guard !storesExactly(as: type), y.isFinite else { return error }
    return error.map { error in
      let reach = abs(y) + error
      return error + (reach.isFinite ? type.spacing(around: reach) / 2 + underflow : .infinity)
    }
  }

  /// What handing the value `y` on from one stored type to another may change: nothing between equal types.
  func ofHandingOn(_ y: Double, from source: ScalarType, to target: ScalarType) -> Double {
    guard source != target else { return 0 }
    let isHalf = source == .float16 || target == .float16
    return max(source.unitRoundoff, target.unitRoundoff) * abs(y) + (isHalf ? 0x1p-25 : underflow)
  }

  /// The greatest finite value of what the implementation computes or stores in.
  func greatestFinite(stored type: ScalarType) -> Double {
    min(type.greatestFinite, precision.type.greatestFinite)
  }
}
