import Foundation

/// How large the rounding errors of a product are from element to element, up to a factor that a row has besides.
///
/// That depends on the arithmetic. Sums in float32 scatter as `stat` says, by their partial sums; a sum that is rounded once
/// scatters by half a unit in the last place of its result, which says more: half of all results have a unit twice as large as
/// the other half's. The errors themselves say how much of either there is (NUM-16).
struct ErrorProfile {
  /// How much of the square of the bounds' scale is in the variance.
  let ofScale: Double
  /// How much of the square of a unit in the last place of the result.
  let ofUnit: Double

  /// The variance of an element.
  func variance(scale: Double, result: Double) -> Double {
    ofScale * scale * scale + ofUnit * Self.squaredUnit(result)
  }

  /// The square of a unit in the last place of float32.
  private static func squaredUnit(_ result: Double) -> Double {
    let unit = Double(Float(min(abs(result), Double(Float.greatestFiniteMagnitude))).ulp)
    return unit * unit
  }

  private static let rounds = 6

  /// Fits both parts to the squares of errors, each relative to its own variance.
  ///
  /// - Parameters:
  ///   - elements: where they are.
  ///   - floor: which share of the variance has the form of the bounds' whatever the errors say, so that no result near zero
  ///     outweighs all others.
  /// - Returns: nil where there is no error.
  init?(_ elements: [Int], residual: [Double], scale: [Double], result: [Double], floor: Double) {
    let rounded = elements.filter { scale[$0] > 0 }
    // Both are relative to the bounds' scale, so that neither underflows.
    let units = rounded.map { Self.squaredUnit(result[$0]) / (scale[$0] * scale[$0]) }
    let squares = rounded.map { (residual[$0] / scale[$0]) * (residual[$0] / scale[$0]) }
    guard squares.contains(where: { $0 > 0 }), squares.allSatisfy(\.isFinite), units.allSatisfy(\.isFinite)
    else { return nil }
    let meanUnit = units.reduce(0, +) / Double(units.count)
    var (ofScale, ofUnit) = (1.0, 0.0)
    for _ in 0..<Self.rounds {
      var sums = NormalEquations()
      for (unit, square) in zip(units, squares) {
        sums.add(unit, square, variance: ofScale + ofUnit * unit)
      }
      let (one, other) = sums.solution
      (ofScale, ofUnit) = ((1 - floor) * one + floor * (one + other * meanUnit), (1 - floor) * other)
    }
    guard ofScale > 0, ofScale.isFinite, ofUnit.isFinite else { return nil }
    (self.ofScale, self.ofUnit) = (ofScale, ofUnit)
  }

  /// Least squares for square = a + b·unit with a, b ≥ 0.
  private struct NormalEquations {
    private var (count, unit, unitSquare, square, cross) = (0.0, 0.0, 0.0, 0.0, 0.0)

    mutating func add(_ unit: Double, _ square: Double, variance: Double) {
      let weight = 1 / (variance * variance)
      count += weight
      self.unit += weight * unit
      unitSquare += weight * unit * unit
      self.square += weight * square
      cross += weight * unit * square
    }

    var solution: (Double, Double) {
      let determinant = count * unitSquare - unit * unit
      let (a, b) = (square * unitSquare - unit * cross, count * cross - unit * square)
      if a > 0, b > 0, determinant > 0 { return (a / determinant, b / determinant) }
      return a > 0 || unitSquare == 0 ? (square / count, 0) : (0, cross / unitSquare)
    }
  }
}
