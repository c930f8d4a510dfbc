import Foundation
import Synchronization
import TouchstoneGraph
import TouchstoneModel

/// How improbable by chance something must be that all elements show together, so that a whole verdict raises no more
/// false alarms than it may.
///
/// What all elements show is looked for among very many hypotheses: one wrong weight among all of a model (NUM-13), one
/// fault at one operation (NUM-14). The probability of a false alarm is divided by their number (Bonferroni 1936), whatever
/// they have to do with each other, half of it for either search (NUM-15).
package struct EvidenceLevel: Sendable {
  /// The greatest probability that a right implementation is flagged by either search, over a whole verdict.
  package static let falseAlarms = 0.5e-6

  /// The probability that is left to each hypothesis.
  package let probability: Double
  /// ln of the deviations at degrees of freedom that grow from point to point.
  private let points: [Double]

  /// Divides ``falseAlarms`` among hypotheses.
  package init(hypotheses: Int) {
    self.init(probability: Self.falseAlarms / Double(max(hypotheses, 1)))
  }

  /// Leaves a probability to each hypothesis.
  init(probability: Double) {
    self.probability = probability
    points = Self.known.withLock { known in
      if let points = known[probability] { return points }
      let points = (0...Self.intervals).map {
        log(StudentT.quantile(probability, freedom: exp(Self.first + Self.step * Double($0))))
      }
      known[probability] = points
      return points
    }
  }

  /// The points of each probability that was asked for: a model's is the same in every verdict.
  private static let known = Mutex<[Double: [Double]]>([:])

  /// One hypothesis for each weight of every product of a model.
  package init(ofWeightsOf graph: Graph) {
    self.init(hypotheses: graph.operations.reduce(0) { $0 + $1.searchedWeights })
  }

  private static let first = log(4.0)
  private static let step = log(1e5 / 4) / Double(intervals)
  private static let intervals = 64

  /// The deviations that rounding reaches with a probability below ``probability``, for many hypotheses at once:
  /// interpolated, and never less than they are, for ln t is convex in ln ν.
  func threshold(freedom: Double) -> Double {
    let place = min(max((log(freedom) - Self.first) / Self.step, 0), Double(Self.intervals))
    let index = min(Int(place), Self.intervals - 1)
    let part = place - Double(index)
    return exp(points[index] * (1 - part) + points[index + 1] * part)
  }

  /// The same for a normal distribution: the least that is ever asked for.
  package var leastThreshold: Double { exp(points[Self.intervals]) }
}

extension TouchstoneGraph.Operation {
  /// How many weights an operation multiplies with: those that one wrong one is looked for among.
  var searchedWeights: Int {
    isParametricProduct ? parameters.first.map { $0.shape.reduce(1, *) } ?? 0 : 0
  }
}
