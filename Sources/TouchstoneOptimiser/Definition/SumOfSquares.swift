import TouchstoneModel
import TouchstoneVerdict

/// Σg² over all parameters, and what bounds the norm that is made of it.
///
/// Two passes over the gradients: how often terms recur, and which are lost, follows from the sum.
struct SumOfSquares {
  private(set) var count = 0.0
  private(set) var sum = 0.0
  private(set) var greatest = 0.0
  private(set) var absolute = 0.0
  private var fourthPowers = 0.0
  private var lost = 0.0
  /// How many terms fall into each cell as wide as what a partial sum resolves.
  private var cells: [Int32] = []
  /// Σ of the squares of the counts.
  private var pairs = 0.0

  /// √Σg².
  var norm: Double { sum.squareRoot() }

  /// Takes in the gradient of a parameter.
  mutating func add(_ gradient: [Double]) {
    var part = 0.0
    for value in gradient where value != 0 {
      let square = value * value
      part += square
      count += 1
      fourthPowers += square * square
      greatest = max(greatest, abs(value))
      absolute += abs(value)
    }
    sum += part
  }

  /// Takes in the same gradient again, once `sum` is whole.
  ///
  /// A cell is as wide as 2u·Σg², so that no more than 1/2u of them can be hit; those of float64 share counters,
  /// which only adds to the bound.
  mutating func count(_ gradient: [Double], _ rounding: Rounding) {
    if cells.isEmpty { cells = [Int32](repeating: 0, count: Self.cellCount) }
    let resolution = 2 * rounding.unit * sum
    guard resolution > 0, resolution.isFinite else { return }
    for value in gradient where value != 0 {
      let square = value * value
      if square <= resolution { lost += min(square, rounding.unit * sum) }
      let cell = Int((square / resolution).rounded(.down)) & (Self.cellCount - 1)
      pairs += 2 * Double(cells[cell]) + 1
      cells[cell] += 1
    }
  }

  private static let cellCount = 1 << 23

  /// The relative error of the norm: of one sum, or of a norm of norms.
  func relativeError(_ rounding: Rounding) -> Bound {
    guard sum > 0, sum.isFinite else { return .zero }
    var terms = Terms(count: count, absolute: sum, squares: fourthPowers, sum: sum)
    // A group of equal terms lies in two cells at most, and (a + b)² ≤ 2a² + 2b².
    terms.repetition = max(1, min(count, 2 * pairs / count))
    var bound = rounding.ofSum(terms)
    bound.prob = min(bound.det, bound.prob + lost)
    return rounding.judgesFactor * (1 / (2 * sum) * bound + 5 * rounding.unit)
  }
}
