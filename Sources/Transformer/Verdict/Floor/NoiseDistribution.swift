import Foundation
import TouchstoneModel

/// What ordinary arithmetic strays by over operations that were replayed together, and how far a capture lies outside.
///
/// The same operations are run several times with ``OperationNoise`` of the capture's precision at every point, the
/// hidden ones included; seeds are fixed. Where nothing of any block is recorded, four figures are looked at
/// (``Figure``), each beside what it is in those runs; elsewhere the farthest row alone, which may stray as far
/// as from the golden's floor: what is right rounds over few operations in one of few ways, and strays in few directions.
///
/// Clauses: BND-14.
struct NoiseDistribution: Sendable {
  /// What is told of a run.
  enum Figure: Int, CaseIterable {
    /// The farthest row: its root mean square in units of that of the noise.
    case row
    /// The farthest row in units of what the noise scatters by in each direction (Mahalanobis 1936).
    case direction
    /// What all rows have in one direction.
    case common
    /// The mean over all rows of one coordinate, beyond what the others predict of it.
    case mean
  }

  /// A run of noise alone exceeds one of the figures once in so many times.
  static let level = 1e-3
  /// Multiply-adds that all passes together may take, where there are more than the fewest.
  private static let work = 1.2e11
  private static let counts = (least: 8, greatest: 32)

  private let reader: StrayReader
  private let exact: Tensor<Double>
  private let view: NoiseView
  /// What each figure may be.
  let thresholds: [Double]

  /// An even number of passes over operations that take so many multiply-adds.
  static func passCount(_ work: Double) -> Int {
    let affordable = Int(min(Self.work / max(work, 1), 1e6)) / 2 * 2
    return min(counts.greatest, max(counts.least, affordable))
  }

  /// Takes the noisy passes, each half of which says what the other's figures are: a run is never held against itself.
  ///
  /// - Parameter looksEverywhere: whether all figures are looked at, not the rows alone.
  init(exact: Tensor<Double>, reader: StrayReader, passes: [Stray], looksEverywhere: Bool = true) {
    self.exact = exact
    self.reader = reader
    view = NoiseView(passes[...], seesDirections: looksEverywhere)
    guard looksEverywhere else {
      thresholds = Figure.allCases.map { $0 == .row ? FloorComparison.allowance : .infinity }
      return
    }
    let middle = passes.count / 2
    let halves = [passes[..<middle], passes[middle...]]
    let figures = (0..<2).concurrentMap { half in
      let view = NoiseView(halves[half])
      return halves[1 - half].map(view.figures)
    }.flatMap { $0 }
    thresholds = Figure.allCases.map { figure in Self.threshold(figures.map { $0[figure.rawValue] }) }
  }

  /// What one more number like these exceeds once in ``level``, their logarithms being normal.
  static func threshold(_ figures: [Double]) -> Double {
    let logarithms = figures.map { log(max($0, .leastNormalMagnitude)) }
    let count = Double(figures.count)
    let mean = logarithms.reduce(0, +) / count
    let squares = logarithms.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    // The mean and the deviation are estimates, and the halves say one thing each of the other.
    let freedom = count - 2
    let deviations = StudentT.quantile(2 * level, freedom: freedom)
    return exp(mean + deviations * (squares / freedom * (1 + 1 / count)).squareRoot())
  }

  /// By how much a row may stray, as a root mean square.
  func allowance(ofRow row: Int) -> Double { thresholds[Figure.row.rawValue] * view.floors[row] }

  /// The worst figure of a capture over what it may be, and the worst element of the worst row; nil where nothing is judged.
  func worst(_ got: Tensor<Double>) -> (ratio: Double, offset: Int)? {
    let stray = reader.stray(got)
    let ratio = zip(view.figures(stray), thresholds).reduce(0) { worst, pair in
      let ratio = pair.0 == 0 ? 0 : pair.0 / pair.1
      // NaN is worse than any number.
      return ratio <= worst ? worst : (ratio.isNaN ? .infinity : ratio)
    }
    func distance(_ row: Int) -> Double {
      let ratio = view.ratio(stray, row: row)
      return ratio.isNaN ? .infinity : ratio
    }
    let rows = stray.squares.indices.sorted { distance($0) > distance($1) }
    guard let counted = rows.lazy.map(reader.counted).first(where: { !$0.isEmpty }) else { return nil }
    func error(_ offset: Int) -> Double {
      let error = abs(got.values[offset] - exact.values[offset])
      return error.isNaN ? .infinity : error
    }
    return counted.max { error($0) < error($1) }.map { (ratio, $0) }
  }
}
