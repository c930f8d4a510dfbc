import TouchstoneGraph
import TouchstoneModel

/// What a reader of a verdict must know besides its findings.
package enum Note: Sendable, Equatable {
  // MARK: How it was judged

  /// How much was searched for one wrong weight, and the least and greatest standard deviations that flag one.
  case searched(weights: Int, products: Int, least: Double, greatest: Double)
  /// Operations were recomputed together and held against their noise.
  case replayedTogether
  /// Rows were compared with the golden end to end.
  case comparedEndToEnd
  /// Rows were compared with the golden by what sketches keep of them, beyond so many times the noise.
  case comparedBySketches(blindBelow: Double)
  /// Operations were recomputed together in 16 bits.
  case replayedTogetherInNarrowType
  /// Only what needs no weights was replayed.
  case withoutWeights
  /// There is nothing to compare with end to end.
  case withoutGolden
  /// The golden has no noise floor.
  case withoutFloor
  /// The golden's noise floor is that of runs that decide alike, and the capture decided otherwise or does not say how.
  case floorOfOtherDecisions
  /// The golden's noise floor is that of float32, and the capture's precision another.
  case floorOfOtherPrecision
  /// The floor does not hold from this one on, which reads a cache in fewer bits.
  case floorBefore(Activation)
  /// Operations that are judged by a policy.
  case policy(Policy, [Activation])
  /// Decisions within rounding: at which activations, and for which tokens.
  case decidedOtherwise([Activation], tokens: [[Int]])
  /// The bounds are those of this precision.
  case precision(Precision)
  /// Products with a matrix are judged on their inputs as the capture says that they are read.
  case productInputs(ProductInputs)
  /// So many of the activations recorded are stored in a narrower type than the precision, down to one.
  case storedNarrower(Int, of: Int, type: ScalarType, precision: Precision)
  /// So many activations were reconstructed for the recording.
  case derived(Int)
  /// Datasets whose names are not of the format.
  case unknownNames([UnknownName])
  /// The first activation that overflows where what follows cannot be compared.
  case overflow(Activation, ComparisonGap.Overflow)
  /// The golden alone says what a model of this family is.
  case foreignGraph(family: String)
  /// The next tokens beside the golden's.
  case nextTokens(NextTokens)

  // MARK: What was found

  /// The error is within what rounding does without any fault.
  case tooLittle
  /// None of the catalogue explains an operation; the nearest, and how many times its bound it is away.
  case unexplained(catalogue: Int, nearest: String, ratio: Double)
  /// Nothing explains these operations, which are not the first.
  case unexplainedBesides([String])
  /// None of the faults that were run from the golden explains what was recorded; the nearest, where it would stand.
  case unexplainedEndToEnd(tried: Int, nearest: String?, places: [String], ratio: Double)
  /// So many faults and places were too much work.
  case untried(Int)
  /// A sentence that was made elsewhere.
  case said(String)
  /// The same of a report that was read back, with its ``rank``.
  case ranked(Int, String)
}
