/// One element of a parameter, and all that the step has beside it; what is not recorded is NaN.
struct StepElement: Sendable {
  var accumulated = Double.nan
  /// The gradient before clipping.
  var gradient = Double.nan
  /// The gradient after clipping; nil where it is not recorded and follows from the coefficient.
  var clipped: Double?
  var firstMomentBefore = Double.nan
  var secondMomentBefore = Double.nan
  /// nil where SGD keeps no momentum yet.
  var momentumBefore: Double?
  var thetaBefore = Double.nan
  /// What the engine made of them.
  var firstMoment = Double.nan
  var secondMoment = Double.nan
  var momentum = Double.nan
}
