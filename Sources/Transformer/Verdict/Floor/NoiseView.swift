import TouchstoneModel

/// Some noisy passes as what a run is held against: the size of each row's noise, and how it scatters in every direction.
struct NoiseView: Sendable {
  /// The root mean square of each row's noise.
  let floors: [Double]
  /// The same in the coordinates of a ``Stray``; 0 where there is none.
  private let scales: [Double]
  /// Of the covariance of all rows, each in units of its own size.
  private let covariance: Cholesky?
  /// What each coordinate scatters by where all others are known.
  private let spreads: [Double]

  /// What takes part of the covariance with the coordinates as independent: fewer numbers than it has are known of it.
  private static let independence = 0.5

  init(_ passes: ArraySlice<Stray>, seesDirections: Bool = true) {
    let count = Double(passes.count)
    let rows = passes.first?.squares.count ?? 0
    floors = (0..<rows).map { row in (passes.reduce(0) { $0 + $1.squares[row] } / count).squareRoot() }
    guard seesDirections else {
      (scales, covariance, spreads) = ([], nil, [])
      return
    }
    let width = passes.first?.coordinates.rowWidth ?? 0
    let scales = (0..<rows).map { row in
      let total = passes.reduce(0) { $0 + $1.coordinates.row(row).reduce(0) { $0 + $1 * $1 } }
      return (total / (count * Double(max(1, width)))).squareRoot()
    }
    self.scales = scales
    let known = (0..<rows).filter { scales[$0] > 0 }
    // [coordinates, rows of all passes]
    var errors = Tensor(repeating: 0, shape: [width, passes.count * known.count])
    for (pass, stray) in passes.enumerated() {
      for (place, row) in known.enumerated() {
        for column in 0..<width {
          errors[column, pass * known.count + place] = stray.coordinates[row, column] / scales[row]
        }
      }
    }
    var matrix = errors.products(errors.strips, width)
    for offset in matrix.values.indices { matrix.values[offset] /= Double(max(1, errors.rowWidth)) }
    for row in 0..<width {
      for column in 0..<row { matrix[row, column] *= 1 - Self.independence }
      // Nothing is known of what has no noise but that its row has some.
      if matrix[row, row] == 0 { matrix[row, row] = 1 }
    }
    let covariance = Cholesky(matrix.values, width, ridge: 1e-12)
    self.covariance = covariance
    spreads =
      covariance.map { covariance in
        (0..<width).concurrentMap { column in
          var unit = [Double](repeating: 0, count: width)
          unit[column] = 1
          let inverse = covariance.solvedOnce(unit, from: column)
          return 1 / inverse.reduce(0) { $0 + $1 * $1 }.squareRoot()
        }
      } ?? []
  }

  /// A row's root mean square in units of that of the noise.
  func ratio(_ stray: Stray, row: Int) -> Double {
    stray.squares[row] == 0 ? 0 : stray.squares[row].squareRoot() / floors[row]
  }

  /// The figures of a run, in the order of ``NoiseDistribution/Figure``.
  func figures(_ stray: Stray) -> [Double] {
    let row = stray.squares.indices.reduce(0) { worst, row in
      let ratio = ratio(stray, row: row)
      return ratio <= worst ? worst : (ratio.isNaN ? .infinity : ratio)
    }
    let known = scales.indices.filter { scales[$0] > 0 }
    guard let covariance, !known.isEmpty else { return [row, 0, 0, 0] }
    guard stray.coordinates.values.allSatisfy(\.isFinite) else {
      return [Double](repeating: .infinity, count: NoiseDistribution.Figure.allCases.count)
    }
    let width = Double(covariance.count)
    var total = [Double](repeating: 0, count: covariance.count)
    let whitened = known.map { row in
      let scaled = stray.coordinates.row(row).map { $0 / scales[row] }
      for column in scaled.indices { total[column] += scaled[column] }
      return covariance.solvedOnce(scaled)
    }
    let squares = whitened.map { $0.reduce(0) { $0 + $1 * $1 } }
    let rows = Double(known.count)
    let mean =
      zip(covariance.solved(total), spreads).reduce(0) { max($0, abs($1.0 * $1.1)) } / rows.squareRoot()
    let common = Self.greatestDirection(whitened) / (rows.squareRoot() + width.squareRoot())
    return [row, ((squares.max() ?? 0) / width).squareRoot(), common, mean]
  }

  /// The root of the greatest sum of squares that rows have in one direction: their greatest singular value, by the power
  /// method from the longest row, which comes near enough to compare one run with another.
  private static func greatestDirection(_ rows: [[Double]]) -> Double {
    func length(_ vector: [Double]) -> Double { vector.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    guard var direction = rows.max(by: { length($0) < length($1) }) else { return 0 }
    var greatest = 0.0
    for _ in 0..<16 {
      let size = length(direction)
      guard size > 0, size.isFinite else { return size }
      for index in direction.indices { direction[index] /= size }
      let parts = rows.map { row in zip(row, direction).reduce(0) { $0 + $1.0 * $1.1 } }
      greatest = length(parts)
      for index in direction.indices { direction[index] = 0 }
      for (row, part) in zip(rows, parts) {
        for index in row.indices { direction[index] += part * row[index] }
      }
    }
    return greatest
  }
}
