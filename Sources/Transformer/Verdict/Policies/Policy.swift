/// A named way in which programs compute a whole operation in a narrow type.
///
/// The tightest that explains what was captured is what an operation is judged by, each with bounds of its own: nobody is
/// granted two ways at once, but for rows or columns that are computed apart from the others.
public struct Policy: Hashable, Sendable {
  /// The stable name in reports, such as `unrounded-stream`.
  public let id: String
  /// What the operation is judged as, after “judged as if”.
  public let sentence: String

  /// Everything is computed in float32, of parameters in the type, and rounded once.
  public static let roundedOnce = Policy(
    id: "rounded-once", sentence: "each were computed in float32 and rounded once, where it is stored")
  /// The same, of parameters that are as wide as they are given, some or all.
  public static let wideParameters = Policy(
    id: "wide-parameters",
    sentence: "it were computed in float32 of parameters that are not rounded to the type, and rounded once")
  /// Scores are stored before they are scaled, between two factors of their scale, or before a bias is added.
  public static let storedScores = Policy(
    id: "stored-scores",
    sentence:
      "scores were stored before they are scaled, between two factors of their scale, or before their bias is added"
  )
  /// tanh is found by hardware that has 11 bits of it, and all else computed in float32.
  public static let hardwareTanh = Policy(
    id: "hardware-tanh", sentence: "tanh were found to 11 bits, and all else in float32, rounded once")
  /// The greatest score is subtracted in the type.
  public static let shiftInType = Policy(
    id: "shift-in-type", sentence: "the greatest score were subtracted in the type, before softmax in float32"
  )
  /// A constant is held in the type.
  public static let constantInType = Policy(
    id: "constant-in-type", sentence: "the factor were held in the type, and the product rounded once")
  /// Some rows or columns are computed in one of these ways and the others in another.
  public static let mixed = Policy(
    id: "mixed", sentence: "some rows or columns of it were computed in one way and the others in another")
  /// Any step may be rounded, as far as the plain bounds go.
  public static let everyStep = Policy(
    id: "every-step", sentence: "any step of it might be rounded to the type")

  /// What a sum or LayerNorm adds up or reads was never rounded since it was last recorded at one place.
  public static let unroundedStream = Policy(
    id: "unrounded-stream",
    sentence: "the residual stream were never rounded in between: what is recorded of it is a rounded copy")
  /// The same, and projections were added into the stream before they were rounded.
  public static let unroundedProjections = Policy(
    id: "unrounded-projections",
    sentence:
      "projections were added into the residual stream unrounded: what is recorded of them is a rounded copy")
  /// The passes of a LayerNorm read rounded and unrounded copies of the same row.
  public static let mixedStream = Policy(
    id: "mixed-stream",
    sentence:
      "some passes of LayerNorm (mean, variance, elements) read the residual stream before it was rounded, others "
      + "after")
  /// An operation reads another's output before it is rounded.
  public static let unroundedInputs = Policy(
    id: "unrounded-inputs",
    sentence: "what it reads were never rounded in between: what is recorded of that is a rounded copy")
  /// A product is stored before its bias is added.
  public static let storedProduct = Policy(
    id: "stored-product", sentence: "the product were stored before its bias is added")
  /// LayerNorm rounds what it normalises, what it scales, or both.
  public static let roundedSteps = Policy(
    id: "rounded-steps",
    sentence: "LayerNorm rounded what it normalises, what it scales and what it shifts, each by itself")
  /// A scale is held in the type.
  public static let scaleInType = Policy(
    id: "scale-in-type",
    sentence:
      "the scale of the scores were held in the type, or queries and keys rounded once they are scaled")
  /// Scores that were never rounded, with a scale that is held in the type.
  public static let unroundedInputsScaleInType = Policy(
    id: "unrounded-inputs-scale-in-type",
    sentence: "scores were never rounded in between, and their scale were held in the type")

  /// Everything is computed in float32, and only its record is rounded.
  public static let roundedRecording = Policy(
    id: "rounded-recording",
    sentence:
      "everything were computed in float32 from parameters in the type, and rounded only where it was recorded"
  )

  /// Every policy, the tightest first.
  public static let all = [
    roundedOnce, wideParameters, storedScores, hardwareTanh, shiftInType, constantInType, unroundedStream,
    mixedStream,
    unroundedProjections, unroundedInputs, storedProduct, roundedSteps, scaleInType,
    unroundedInputsScaleInType, mixed, everyStep, roundedRecording,
  ]
}

extension [Finding] {
  /// Which operations are judged by which policy.
  var policyRemarks: [Note] {
    Policy.all.compactMap { policy in
      let places = filter { $0.policy == policy }.map(\.activation)
      return places.isEmpty ? nil : .policy(policy, places)
    }
  }
}
