/// How far from the definition rounding can take one element, under three assumptions of growing boldness.
public struct Bound: Hashable, Sendable {
  /// No order of correctly rounded operations can exceed it.
  public var det: Double
  /// Exceeded with negligible probability if roundings are independent (Higham & Mary 2019).
  public var prob: Double
  /// What generic summation orders reach, with headroom.
  public var stat: Double

  /// No error at all: the value is exact.
  package static let zero = Bound(0)

  /// Three bounds of one element.
  package init(det: Double, prob: Double, stat: Double) {
    self.det = det
    self.prob = prob
    self.stat = stat
  }

  /// An error that every assumption bounds alike.
  package init(_ every: Double) {
    self.init(det: every, prob: every, stat: every)
  }

  /// Applies the same formula under each assumption.
  package func map(_ formula: (Double) -> Double) -> Bound {
    Bound(det: formula(det), prob: formula(prob), stat: formula(stat))
  }

  /// Combines two bounds by the same formula under each assumption.
  package func combined(with other: Bound, _ formula: (Double, Double) -> Double) -> Bound {
    Bound(det: formula(det, other.det), prob: formula(prob, other.prob), stat: formula(stat, other.stat))
  }

  package static func + (left: Bound, right: Bound) -> Bound {
    Bound(det: left.det + right.det, prob: left.prob + right.prob, stat: left.stat + right.stat)
  }

  package static func + (left: Bound, every: Double) -> Bound {
    Bound(det: left.det + every, prob: left.prob + every, stat: left.stat + every)
  }

  package static func += (left: inout Bound, right: Bound) {
    left = left + right
  }

  package static func += (left: inout Bound, every: Double) {
    left = left + every
  }

  package static func * (factor: Double, bound: Bound) -> Bound {
    Bound(det: factor * bound.det, prob: factor * bound.prob, stat: factor * bound.stat)
  }

  package static func max(_ left: Bound, _ right: Bound) -> Bound {
    left.combined(with: right, Swift.max)
  }

  /// The zone of an element that lies `error` from the definition; NaN lies beyond every bound.
  ///
  /// The slack is for the rounding of the bounds themselves.
  package func zone(of error: Double) -> Zone {
    let slack = 1 + 1e-7
    if error <= stat * slack { return .consistent }
    if error <= prob * slack { return .suspect }
    return error <= det * slack ? .fail : .proven
  }
}
