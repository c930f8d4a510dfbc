import CMoments
import TouchstoneModel

/// The moments of every sum of a matrix product x·W.
///
/// The judge's own product: eight columns at a time, in the widest vectors that the processor has, and on all cores.
/// Each output still adds its terms one by one in the order of the definition.
struct ProductMoments {
  /// The moments of each output, row by row.
  private let outputs: [OutputMoments]
  /// max|w|.
  let greatestWeight: Double
  private let left: Tensor<Double>
  private let right: MatrixView
  /// Whether so many of a row's or column's factors are so small that their products may be lost in the sum.
  private let hidesInRow: [Bool]
  private let hidesInColumn: [Bool]
  private let zerosInRow: [Int]
  private let zerosInColumn: [Int]
  private let rowRepetition: [Double]
  private let columnRepetition: [Double]

  /// y = Σt of each output, row by row, what it started from included.
  var sums: [Double] { outputs.map(\.sum) }

  /// Measures x·W for x [rows, in], W [in, out].
  ///
  /// - Parameters:
  ///   - start: what each column's sums start from, such as a bias: [out]; nil for 0.
  ///   - roundsFactors: whether the recurrence of the factors themselves is asked for.
  init(
    _ left: Tensor<Double>, _ right: MatrixView, startingFrom start: [Double]? = nil, rounding: Rounding,
    roundsFactors: Bool = false
  ) {
    let (rows, columns) = (left.rowCount, right.columns)
    self.left = left
    self.right = right
    var groups: [ColumnGroup] = []
    outputs = Array(count: rows * columns) { outputs in
      groups = (0..<(columns + ColumnGroup.width - 1) / ColumnGroup.width).concurrentMap { group in
        let first = group * ColumnGroup.width
        let range = first..<min(first + ColumnGroup.width, columns)
        return ColumnGroup(left, right, range, startingFrom: start, into: outputs)
      }
    }
    greatestWeight = groups.reduce(0) { max($0, $1.greatestWeight) }
    zerosInColumn = groups.flatMap(\.zeros)
    hidesInColumn = groups.flatMap(\.hides)
    hidesInRow = (0..<rows).map { row in
      let row = left.row(row)
      let least = row.reduce(0) { max($0, abs($1)) } * Self.small
      return 8 * row.reduce(0) { $0 + ($1 != 0 && abs($1) < least ? 1 : 0) } > row.count
    }
    zerosInRow = (0..<rows).map { row in left.row(row).reduce(0) { $0 + ($1 == 0 ? 1 : 0) } }
    // Products recur only where both factors do; most inputs are seen to recur too little without sorting them.
    let recurs =
      roundsFactors
      ? [true]
      : (0..<rows).concurrentMap { row in
        let values = Array(left.row(row))
        return rounding.repetitionAtMost(of: values, absoluteSum: values.absoluteSum) > Self.noticeable
      }
    guard recurs.contains(true) else {
      (rowRepetition, columnRepetition) = ([], [])
      return
    }
    let repetition = (0..<rows).concurrentMap { row in
      let values = Array(left.row(row))
      return rounding.repetition(of: values, absoluteSum: values.absoluteSum)
    }
    rowRepetition = repetition
    // Columns are looked at only when a row asks for it.
    columnRepetition =
      roundsFactors || repetition.contains { $0 > Self.noticeable }
      ? (0..<(columns + 7) / 8).concurrentMap { index in
        let strip = right.strip(from: 8 * index)
        return (0..<min(8, columns - 8 * index)).map { lane in
          let values = strip.map { $0[lane] }
          return rounding.repetition(of: values, absoluteSum: values.absoluteSum)
        }
      }.flatMap { $0 } : []
  }

  /// Below this, recurrence in a row says nothing of its products.
  private static let noticeable = 3.0

  /// A factor below this part of the greatest is small.
  fileprivate static let small = 0x1p-18

  /// Whether terms of one output may be below the resolution of their sum in such numbers that it matters: where an eighth of
  /// the factors are small, or all products beside what their sum starts from.
  func hidesTerms(row: Int, column: Int, absolute: Double, start: Double) -> Bool {
    hidesInRow[row] || hidesInColumn[column] || absolute - start < Double(right.rows) * Self.small * start
  }

  /// How many products of one output are not zero.
  func count(row: Int, column: Int) -> Int {
    let depth = right.rows
    if zerosInRow[row] == 0 { return depth - zerosInColumn[column] }
    if zerosInColumn[column] == 0 { return depth - zerosInRow[row] }
    return (0..<depth).reduce(0) { $0 + (left[row, $1] != 0 && right[$1, column] != 0 ? 1 : 0) }
  }

  /// How often the factors of one output recur on either side; 1 where neither was looked at.
  func recurrence(row: Int, column: Int) -> (left: Double, right: Double) {
    columnRepetition.isEmpty ? (1, 1) : (rowRepetition[row], columnRepetition[column])
  }

  /// The terms of one output whose value is `sum`, with `bias` among them.
  func terms(row: Int, column: Int, sum: Double, bias: Double) -> Terms {
    let offset = row * right.columns + column
    let repetition =
      columnRepetition.isEmpty ? 1 : min(rowRepetition[row], columnRepetition[column])
    var terms = Terms(
      count: Double(count(row: row, column: column)), absolute: outputs[offset].absolute,
      squares: outputs[offset].squares, sum: sum, repetition: repetition)
    terms.add(bias)
    return terms
  }
}

/// Σt, Σ|t| and Σt² over the terms t of one output.
private struct OutputMoments: Sendable {
  let sum: Double
  let absolute: Double
  let squares: Double
}

/// Some columns of a product, on which one core works at once.
private struct ColumnGroup: Sendable {
  /// How many weights of each column are zero.
  private(set) var zeros: [Int] = []
  /// Whether more than an eighth of each column's weights are small beside its greatest.
  private(set) var hides: [Bool] = []
  private(set) var greatestWeight = 0.0

  static let width = 128

  init(
    _ left: Tensor<Double>, _ right: MatrixView, _ columns: Range<Int>, startingFrom start: [Double]?,
    into outputs: Slots<OutputMoments>
  ) {
    let (rows, depth) = (left.rowCount, right.rows)
    /// The three moments of eight columns for each row: [rows, 3].
    var moments = [SIMD8<Double>](repeating: .zero, count: 3 * rows)
    for first in stride(from: columns.lowerBound, to: columns.upperBound, by: 8) {
      let strip = right.strip(from: first)
      let inside = min(8, columns.upperBound - first)
      var bias = SIMD8<Double>.zero
      for lane in 0..<inside { bias[lane] = start?[first + lane] ?? 0 }
      touchstone_moments(left.values, rows, depth, strip, [bias], &moments)
      for row in 0..<rows {
        for lane in 0..<inside {
          outputs.set(
            row * right.columns + first + lane,
            OutputMoments(
              sum: moments[3 * row][lane], absolute: moments[3 * row + 1][lane],
              squares: moments[3 * row + 2][lane]))
        }
      }
      let nonZeros = strip.reduce(into: SIMD8<Int>.zero) {
        $0 &-= unsafeBitCast($1 .!= 0, to: SIMD8<Int>.self)
      }
      zeros += (0..<inside).map { depth - nonZeros[$0] }
      let greatest = strip.reduce(SIMD8<Double>.zero) { pointwiseMax($0, $1.magnitude) }
      let least = greatest * ProductMoments.small
      let small = strip.reduce(into: SIMD8<Int>.zero) {
        $0 &-= unsafeBitCast(($1.magnitude .< least) .& ($1 .!= 0), to: SIMD8<Int>.self)
      }
      hides += (0..<inside).map { 8 * small[$0] > depth }
      greatestWeight = max(greatestWeight, greatest.max())
    }
  }
}

extension SIMD8<Double> {
  /// |x|, lane by lane.
  fileprivate var magnitude: SIMD8<Double> {
    unsafeBitCast(unsafeBitCast(self, to: SIMD8<UInt64>.self) & (UInt64.max >> 1), to: SIMD8<Double>.self)
  }
}

extension [Double] {
  /// Σ|x|.
  fileprivate var absoluteSum: Double { reduce(0) { $0 + abs($1) } }
}
