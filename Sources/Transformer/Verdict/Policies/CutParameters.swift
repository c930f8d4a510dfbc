import TouchstoneGraph
import TouchstoneModel

/// What the errors of a whole product say of how its parameters came into the type: cut, where they should be rounded to
/// nearest.
///
/// A conversion that keeps the upper half of every float32 moves each parameter towards zero, by half a unit on average.
/// No element shows it, for each lies within what rounding its factors and storing it leave; all of them do. Their errors are
/// held against c·d, where d is by how much the products of cut parameters differ from those of rounded ones: c is 0
/// for a program that rounds, about ¼ for one that keeps its parameters wider, and 1 for one that cuts.
package struct CutParameters: Sendable, Equatable {
  /// Which parameters are cut.
  package enum Subject: String, Sendable, CaseIterable {
    case matrix, bias
  }

  package let subject: Subject
  package let type: ScalarType
  /// c, as all elements that were looked at show it.
  package let share: Double
  /// How many elements were.
  package let count: Int

  /// The greatest probability, over all products of a capture, that rounded parameters are taken for cut ones.
  static let falseAlarms = 1e-6
  /// c lies between this and thrice as much where parameters are cut.
  private static let leastShare = 0.5
  /// Fewer columns, or parameters of fewer different significands, which are rounded alike, say nothing.
  private static let leastCount = 30

  /// Looks at a sample of a product's elements.
  ///
  /// - Parameters:
  ///   - read: the input, [rows, in], as the program read it.
  ///   - got: the captured output, heads apart or not.
  ///   - operationCount: among how many operations it is looked for.
  /// - Returns: nil where nothing is shown.
  static func found(
    _ operation: Operation, input read: Tensor<Double>, parameters: [StoredTensor], got: Tensor<Double>,
    type: ScalarType, among operationCount: Int
  ) -> CutParameters? {
    let fit = Fit(operation, input: read, parameters: parameters, got: got, type: type)
    let level = falseAlarms / Double(Subject.allCases.count * max(1, operationCount))
    for (subject, place) in zip(Subject.allCases, [1, 2]) {
      guard fit.freedom >= leastCount, fit.distinct[place - 1].count >= leastCount,
        let (share, deviation) = fit.coefficient(place)
      else { continue }
      let margin = StudentT.quantile(level, freedom: Double(fit.freedom)) * deviation
      if share - margin >= leastShare, share <= 3 * leastShare {
        return CutParameters(subject: subject, type: type, share: share, count: fit.count)
      }
    }
    return nil
  }

  /// Errors in units of the last place, fitted to what a shrinking of all results, a cut matrix and a cut bias make of them.
  ///
  /// What is known of a coefficient is read off the columns, each as a whole: where parameters or inputs were wider than they are
  /// recorded, every row of a column is off alike (Liang & Zeger 1986).
  private struct Fit {
    private static let greatestRowCount = 32
    private static let greatestColumnCount = 128

    private(set) var count = 0
    private var columns: [NormalEquations] = []
    private var all = NormalEquations()

    /// The columns that say something, beyond those that the fit takes.
    var freedom: Int { columns.count - 3 }
    /// Some significands of the matrix, and of the bias.
    private(set) var distinct: [Set<UInt64>] = [[], []]

    init(
      _ operation: Operation, input: Tensor<Double>, parameters: [StoredTensor], got: Tensor<Double>,
      type: ScalarType
    ) {
      let matrix = MatrixView(parameters[0], operation.parameters[0])
      let bias = parameters.count > 1 ? ParameterOperand(parameters[1], operation.parameters[1]).vector : nil
      // What is clipped says nothing of its terms.
      let limit = (operation.kind.payload as? Linear)?.limit ?? .infinity
      let rows = ProductSample.spread(Self.greatestRowCount, over: input.rowCount)
      for column in ProductSample.spread(Self.greatestColumnCount, over: matrix.columns) {
        let weights = (0..<matrix.rows).map { matrix[$0, column] }
        let rounded = weights.map { type.rounded($0) }
        let changes = zip(weights, rounded).map { type.rounded($0, .towardZero) - $1 }
        let ofBias = bias.map { type.rounded($0[column]) } ?? 0
        let biasChange = bias.map { type.rounded($0[column], .towardZero) - ofBias } ?? 0
        if distinct[0].count < leastCount { distinct[0].formUnion(weights.lazy.map(\.significandBitPattern)) }
        if let bias { distinct[1].insert(bias[column].significandBitPattern) }
        var own = NormalEquations()
        for row in rows {
          let x = input.row(row)
          let want = zip(x, rounded).reduce(ofBias) { $0 + $1.0 * $1.1 }
          let change = zip(x, changes).reduce(0) { $0 + $1.0 * $1.1 }
          let unit = want.isFinite ? type.spacing(around: want) : .nan
          let error = (got.element(row, column) - want) / unit
          // What is not finite, and what is off by far more than any rounding, says nothing of roundings.
          guard abs(error) <= 64, abs(want) < limit else { continue }
          own.add(error, by: [want / unit, change / unit, biasChange / unit])
          count += 1
        }
        guard own.gram[0][0] > 0 else { continue }
        columns.append(own)
        all.add(own)
      }
    }

    /// The coefficient of a regressor, and its standard deviation; nil where the others can stand for it.
    func coefficient(_ place: Int) -> (value: Double, deviation: Double)? {
      guard let inverse = all.inverse(keeping: place) else { return nil }
      let values = inverse.map { zip($0, all.moments).reduce(0) { $0 + $1.0 * $1.1 } }
      let squares = columns.reduce(0) { sum, column in
        let left = column.moments.indices.map { row in
          column.moments[row] - zip(column.gram[row], values).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let influence = zip(inverse[place], left).reduce(0) { $0 + $1.0 * $1.1 }
        return sum + influence * influence
      }
      let correction = Double(columns.count) / Double(max(freedom, 1))
      return (values[place], (squares * correction).squareRoot())
    }
  }
}

/// The sums from which a least-squares fit of three regressors is solved.
private struct NormalEquations {
  private(set) var gram = [[Double]](repeating: [0, 0, 0], count: 3)
  private(set) var moments = [0.0, 0.0, 0.0]

  mutating func add(_ value: Double, by regressors: [Double]) {
    for i in 0..<3 {
      moments[i] += regressors[i] * value
      for j in 0..<3 { gram[i][j] += regressors[i] * regressors[j] }
    }
  }

  mutating func add(_ other: NormalEquations) {
    for i in 0..<3 {
      moments[i] += other.moments[i]
      for j in 0..<3 { gram[i][j] += other.gram[i][j] }
    }
  }

  /// The inverse by Gauss and Jordan, regressors that hardly vary by themselves left out; nil where the one at `place` is.
  func inverse(keeping place: Int) -> [[Double]]? {
    var (left, right) = (gram, (0..<3).map { row in (0..<3).map { $0 == row ? 1.0 : 0 } })
    for pivot in 0..<3 {
      guard gram[pivot][pivot] > 0, left[pivot][pivot] > 1e-6 * gram[pivot][pivot] else {
        if pivot == place { return nil }
        for index in 0..<3 {
          (left[pivot][index], left[index][pivot]) = (0, 0)
          (right[pivot][index], right[index][pivot]) = (0, 0)
        }
        continue
      }
      let scale = 1 / left[pivot][pivot]
      for index in 0..<3 {
        left[pivot][index] *= scale
        right[pivot][index] *= scale
      }
      for row in 0..<3 where row != pivot {
        let factor = left[row][pivot]
        for index in 0..<3 {
          left[row][index] -= factor * left[pivot][index]
          right[row][index] -= factor * right[pivot][index]
        }
      }
    }
    return right
  }
}

extension Tensor<Double> {
  /// An element of a product, [rows, out] or split into heads, [heads, rows, out/heads].
  func element(_ row: Int, _ column: Int) -> Double {
    guard shape.count == 3 else { return self[row, column] }
    return self[column / rowWidth, row, column % rowWidth]
  }
}
