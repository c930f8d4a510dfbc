import TouchstoneModel

/// The moments of every sum of a matrix product x·W.
///
/// The judge's own product: eight columns at a time, so that it vectorises, and on all cores. Each output still adds
/// its terms one by one in the order of the definition.
struct ProductMoments {
  /// y = Σt of each output, row by row, what it started from included.
  let sums: [Double]
  /// S = Σ|t| of each output.
  let absolute: [Double]
  /// Q = Σt² of each output.
  let squares: [Double]
  /// max|w|.
  let greatestWeight: Double
  private let left: Tensor<Double>
  private let right: MatrixView
  private let zerosInRow: [Int]
  private let zerosInColumn: [Int]
  private let rowRepetition: [Double]
  private let columnRepetition: [Double]

  /// Columns that one core works on at once.
  private static let groupWidth = 128

  /// Measures x·W for x [rows, in], W [in, out].
  ///
  /// - Parameter start: what each column's sums start from, such as a bias: [out]; nil for 0.
  init(_ left: Tensor<Double>, _ right: MatrixView, startingFrom start: [Double]? = nil, rounding: Rounding) {
    let (rows, columns) = (left.rowCount, right.columns)
    self.left = left
    self.right = right
    let groups = (0..<(columns + Self.groupWidth - 1) / Self.groupWidth).concurrentMap { group in
      let first = group * Self.groupWidth
      return ColumnGroup(left, right, first..<min(first + Self.groupWidth, columns), startingFrom: start)
    }
    func joined(_ part: KeyPath<ColumnGroup, [Double]>) -> [Double] {
      var whole: [Double] = []
      whole.reserveCapacity(rows * columns)
      for row in 0..<rows {
        for group in groups { whole += group[keyPath: part][row * group.width..<(row + 1) * group.width] }
      }
      return whole
    }
    sums = joined(\.sums)
    absolute = joined(\.absolute)
    squares = joined(\.squares)
    greatestWeight = groups.reduce(0) { max($0, $1.greatestWeight) }
    zerosInColumn = groups.flatMap(\.zeros)
    zerosInRow = (0..<rows).map { row in left.row(row).reduce(0) { $0 + ($1 == 0 ? 1 : 0) } }
    // Products recur only where both factors do; most inputs are seen to recur too little without sorting them.
    let recurs = (0..<rows).concurrentMap { row in
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
      repetition.contains { $0 > Self.noticeable }
      ? (0..<columns).concurrentMap { column in
        let values = (0..<right.rows).map { right[$0, column] }
        return rounding.repetition(of: values, absoluteSum: values.absoluteSum)
      } : []
  }

  /// Below this, recurrence in a row says nothing of its products.
  private static let noticeable = 3.0

  /// How many products of one output are not zero.
  func count(row: Int, column: Int) -> Int {
    let depth = right.rows
    if zerosInRow[row] == 0 { return depth - zerosInColumn[column] }
    if zerosInColumn[column] == 0 { return depth - zerosInRow[row] }
    return (0..<depth).reduce(0) { $0 + (left[row, $1] != 0 && right[$1, column] != 0 ? 1 : 0) }
  }

  /// The terms of one output whose value is `sum`, with `bias` among them.
  func terms(row: Int, column: Int, sum: Double, bias: Double) -> Terms {
    let offset = row * right.columns + column
    let repetition =
      columnRepetition.isEmpty ? 1 : min(rowRepetition[row], columnRepetition[column])
    var terms = Terms(
      count: Double(count(row: row, column: column)), absolute: absolute[offset], squares: squares[offset],
      sum: sum, repetition: repetition)
    terms.add(bias)
    return terms
  }
}

/// The moments of some columns of a product.
private struct ColumnGroup: Sendable {
  let width: Int
  /// [rows, width] each.
  private(set) var sums: [Double]
  private(set) var absolute: [Double]
  private(set) var squares: [Double]
  /// How many weights of each column are zero.
  private(set) var zeros: [Int]
  private(set) var greatestWeight = 0.0

  init(_ left: Tensor<Double>, _ right: MatrixView, _ columns: Range<Int>, startingFrom start: [Double]?) {
    let (rows, depth) = (left.rowCount, right.rows)
    width = columns.count
    sums = [Double](repeating: 0, count: rows * width)
    absolute = sums
    squares = sums
    zeros = []
    for first in stride(from: 0, to: width, by: 8) {
      let strip = right.strip(from: columns.lowerBound + first)
      let inside = min(8, width - first)
      var bias = SIMD8<Double>.zero
      for lane in 0..<inside { bias[lane] = start?[columns.lowerBound + first + lane] ?? 0 }
      for row in 0..<rows {
        let moments = Self.moments(of: left.values, row * depth, strip, startingFrom: bias)
        for lane in 0..<inside {
          sums[row * width + first + lane] = moments.sums[lane]
          absolute[row * width + first + lane] = moments.absolute[lane]
          squares[row * width + first + lane] = moments.squares[lane]
        }
      }
      let nonZeros = strip.reduce(into: SIMD8<Int>.zero) {
        $0 &-= unsafeBitCast($1 .!= 0, to: SIMD8<Int>.self)
      }
      zeros += (0..<inside).map { depth - nonZeros[$0] }
      let greatest = strip.reduce(SIMD8<Double>.zero) { pointwiseMax($0, $1.magnitude) }
      greatestWeight = max(greatestWeight, greatest.max())
    }
  }

  /// Σt, Σ|t| and Σt² over t = x[first + k]·strip[k].
  private static func moments(
    of x: [Double], _ first: Int, _ strip: [SIMD8<Double>], startingFrom start: SIMD8<Double>
  ) -> (sums: SIMD8<Double>, absolute: SIMD8<Double>, squares: SIMD8<Double>) {
    var (sums, absolute, squares) = (start, SIMD8<Double>.zero, SIMD8<Double>.zero)
    let row = x.span.extracting(first..<first + strip.count)
    let weights = strip.span
    for k in 0..<row.count {
      let terms = row[k] * weights[k]
      sums += terms
      absolute += terms.magnitude
      squares += terms * terms
    }
    return (sums, absolute, squares)
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
