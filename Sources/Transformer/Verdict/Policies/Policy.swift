/// A named way in which programs compute a whole operation, other than the one that every operation is held against first.
///
/// Where the plain way does not explain what was captured, a right program may have taken another. One is taken for the
/// whole operation or not at all, each with bounds of its own: nobody is granted two ways at once.
public struct Policy: Hashable, Sendable {
  /// The stable name in reports, such as `unrounded-stream`.
  public let id: String
  /// What the operation is judged as, after “judged as if”.
  public let sentence: String

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

  /// Every policy, in the order in which they are tried.
  public static let all = [
    unroundedStream, mixedStream, unroundedProjections, unroundedInputs, storedProduct, roundedSteps,
    scaleInType,
    unroundedInputsScaleInType, roundedRecording,
  ]
}

extension [Finding] {
  /// Which operations were explained by another policy than the plain one.
  var policyRemarks: [Note] {
    Policy.all.compactMap { policy in
      let places = filter { $0.policy == policy }.map(\.activation)
      return places.isEmpty ? nil : .policy(policy, places)
    }
  }
}
