import TouchstoneModel

/// One weight of a matrix product that is not the model's, found in the errors of all rows together.
///
/// An error δ of the weight from input k to output j adds δ·x[t, k] to every row t: too little to tell from rounding in
/// any one of them, but always along x[:, k], where roundings follow no input. The statistic of every weight at once is
/// XᵀR for the residual R, each row divided by its scale of rounding; in units of its standard deviation it is t.
///
/// One rounding is not random: a constant, such as the bias, added to a partial sum of coarser resolution is off by the
/// same amount in every row whose result has the same exponent. The mean is therefore taken out of R and of x[:, k]; a
/// wrong bias cannot be told from it and is not looked for.
package struct WeightEvidence: Sendable, Equatable {
  /// k.
  package let input: Int
  /// j.
  package let output: Int
  /// The model's weight.
  package let expected: Double
  /// The weight that explains the errors.
  package let found: Double
  /// How many standard deviations of rounding it takes to explain them otherwise.
  package let deviations: Double
  /// ν: how well these rows say what that standard deviation is.
  package let freedom: Double
  /// The deviations that chance reaches nowhere in a whole verdict (NUM-15).
  package let threshold: Double

  /// How near it comes to being conclusive, 1 where it just is.
  var ratio: Double { deviations.isFinite ? deviations / threshold : .infinity }

  /// Whether the errors have another explanation only beyond ``threshold``.
  package var isConclusive: Bool { deviations >= threshold }
}
