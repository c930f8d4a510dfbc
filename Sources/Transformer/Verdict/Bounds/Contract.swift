/// What an implementation is granted beyond correctly rounded operations: how well its functions have to be
/// computed, and how far from what is usual its sums may stray.
///
/// Clauses NUM-6, BND-2, BND-3, BND-6, BND-8 and BND-11 state it; `Docs/Verdict.md` has what honest implementations
/// use of it.
public struct Contract: Hashable, Sendable {
  /// λ: the standard deviations of rounding that `prob` and `stat` allow (Higham & Mary 2019, §2).
  public var deviations = 8.0
  /// The relative error of exp, in units of u: 6 are 3 units in the last place.
  public var exponential = 6.0
  /// The absolute error of tanh, in units of u, less near 0.
  public var tanh = 10.0
  /// The relative error of tanh besides: that of hardware with few bits, in 16 bits alone.
  var relativeTanh = 0.0
  /// The absolute error of erf, in units of u, less near 0.
  public var erf = 20.0
  /// The absolute error of cos and sin of an angle that is known, in units of u.
  public var cosine = 4.0
  /// The relative error of 1/√, in units of u.
  public var inverseRoot = 6.0
  /// Whether LayerNorm may find its variance in one pass, as the mean square less the squared mean.
  public var allowsOnePassVariance = true

  /// What Touchstone grants unless told otherwise.
  public static let standard = Contract()
  /// The same for LayerNorms that must not cancel: two passes, or Welford's update.
  public static let strict: Contract = {
    var contract = Contract()
    contract.allowsOnePassVariance = false
    return contract
  }()
}
