import TouchstoneGraph
import TouchstoneModel

/// What is wrong with one operation, where it is not a number out of its bound.
package enum Evidence: Sendable, Equatable {
  /// Another shape than the model gives it.
  case shape([Int], due: [Int])
  /// An element that is not finite, where what is due is not known; nothing more is said of it.
  case notFinite(Double)
  /// An element that is not finite where a finite one is due, or the other way round.
  case finiteness(Double, due: Double)
  /// What should be handed on, and is not.
  case notHandedOn(Activation)
  /// What the contract grants no longer: a variance in one pass.
  case onePassVariance
  /// Beyond the noise floor though every recorded operation is consistent.
  case drift
  /// One wrong weight that all rows together show.
  case weight(WeightEvidence)
  /// Values that were cut where they should be rounded.
  case cut(CutEvidence)
  /// Parameters that were cut where they should be rounded.
  case cutParameters(CutParameters)
  /// Elements that the policy does not make by which all others are made.
  case beyondPolicy(PolicyEvidence)
  /// Another nonlinearity than the model's.
  case otherFunction(OtherFunction)
  /// A fault of small effect that all rows together show: by how much of its effect, and by how many standard deviations.
  case shared(fault: String, share: Double, deviations: Double)
  /// A sentence that was made elsewhere.
  case said(String)
}

/// The right numbers in another layout, or off by what changes no result.
package enum LayoutEvidence: Sendable, Equatable {
  /// The last position alone.
  case lastPosition([Int], due: [Int])
  /// Queries, keys and values beside each other, with the axes in this order.
  case fusedProjections(axes: String)
  /// The same order under another shape.
  case shape([Int], axes: [String], due: [Int])
  /// The axes in another order, under the shape that follows unless one is named.
  case axes([String], flattened: [Int]?, due: [String])
  /// More along one axis than there is: how many, and where the right ones begin.
  case extra(axis: String, count: Int, due: Int, first: Int)
  /// Less along one axis than there is: how many are missing, of how many, and which is the first of them.
  case missing(axis: String, count: Int, due: Int, first: Int)
  /// Heads in another order.
  case headOrder([Int])
  /// One constant added to each row.
  case rowConstant
}
