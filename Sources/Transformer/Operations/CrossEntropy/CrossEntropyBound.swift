import Foundation
import TouchstoneGraph
import TouchstoneModel

extension CrossEntropy: Bounded {
  func clauses(of _: TouchstoneGraph.Operation, in _: Graph) -> [String] { ["LOS-1", "LOS-3", "BND-50"] }

  /// The logarithm of a sum of exponentials, less the score of the target.
  ///
  /// Clauses: BND-50.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let logits = site.activations[0]
    let targets = site.inputs.ids(.targets)
    let bounds = targets.indices.concurrentMap { token -> Bound in
      guard targets[token] != Loss.ignoredTarget else { return .zero }
      let row = LogSoftmaxRow(logits, row: token, rounding)
      let ofTarget = row.error(of: targets[token])
      guard labelSmoothing > 0 else { return ofTarget }
      let terms = row.scores.indices.map { row.loss(of: $0) }
      let ofMean = row.scores.indices.reduce(rounding.ofSum(rounding.terms(terms))) {
        $0 + row.error(of: $1)
      }
      let size = abs(value.values[token]) + abs(terms.reduce(0, +)) / Double(terms.count)
      return (1 - labelSmoothing) * ofTarget + (labelSmoothing / Double(terms.count)) * ofMean
        + 6 * rounding.unit * size
    }
    return Estimate(values: value, bounds: bounds)
  }
}

/// A row of scores on the way to the logarithms of their probabilities.
struct LogSoftmaxRow {
  let scores: [Double]
  /// p.
  let probabilities: [Double]
  /// How far the argument of each exponential may be off.
  private let arguments: [Bound]
  private let greatest: Double
  private let logOfSum: Double
  private let ofSum: Bound
  private let rounding: Rounding

  init(_ logits: Operand, row: Int, _ rounding: Rounding) {
    let scores = Array(logits.values.row(row))
    let greatest = scores.max() ?? 0
    let powers = scores.map { exp($0 - greatest) }
    let sum = powers.reduce(0, +)
    let probabilities = powers.map { $0 / sum }
    let arguments = rounding.argumentErrors(
      scores: scores, greatest: greatest, distances: logits.isExact ? nil : logits.distances(row: row),
      division: 0)
    var ofSum = rounding.ofSum(rounding.terms(probabilities))
    for (error, probability) in zip(arguments, probabilities) where probability > 0 {
      ofSum += probability * error
    }
    self.scores = scores
    self.probabilities = probabilities
    self.arguments = arguments
    self.greatest = greatest
    self.rounding = rounding
    self.ofSum = ofSum
    logOfSum = log(sum)
  }

  /// log Σ exp z − z[id].
  func loss(of id: Int) -> Double { greatest + logOfSum - scores[id] }

  /// How far that may be off: the sum, its logarithm, and three additions.
  func error(of id: Int) -> Bound {
    let (score, loss) = (scores[id], abs(loss(of: id)))
    let sizes = 8 * abs(logOfSum) + 2 * (abs(score) + abs(greatest) + abs(score - greatest)) + 6 * loss + 8
    return ofSum + arguments[id] + rounding.unit * sizes
  }

  /// How far the probability may be off, also where it is the exponential of a stored logarithm.
  func errorOfProbability(_ id: Int) -> Bound {
    let probability = probabilities[id]
    guard probability > 0 else { return Bound(8 * rounding.underflow) }
    let ofLogarithm = 2 * rounding.unit * (abs(log(probability)) + abs(logOfSum))
    let relative = arguments[id] + ofSum + (4 * rounding.unit + ofLogarithm)
    return relative.map { probability * expm1($0) } + 8 * rounding.underflow
  }
}
