import TouchstoneModel

/// A matrix seen as [in, out], whichever way it is stored.
struct MatrixView {
  let values: [Double]
  let rows: Int
  let columns: Int
  let rowStride: Int
  let columnStride: Int
  var offset = 0

  subscript(row: Int, column: Int) -> Double {
    values[offset + row * rowStride + column * columnStride]
  }

  /// A part of it, copied so that each row of the copy is contiguous.
  func panel(_ rowRange: Range<Int>, _ columnRange: Range<Int>) -> [Double] {
    var panel: [Double] = []
    panel.reserveCapacity(rowRange.count * columnRange.count)
    for row in rowRange {
      let first = offset + row * rowStride
      for column in columnRange { panel.append(values[first + column * columnStride]) }
    }
    return panel
  }
}

/// The moments of every sum of a matrix product x·W.
struct ProductMoments {
  private(set) var absolute: [Double]
  private(set) var squares: [Double]
  private let left: Tensor<Double>
  private let right: MatrixView
  private let zerosInRow: [Int]
  private let zerosInColumn: [Int]
  private let rowRepetition: [Double]
  private let columnRepetition: [Double]

  /// Terms and columns worked on at once, and rows that share them: all fit a processor's nearer caches.
  private static let panelWidth = 256
  private static let rowsAtOnce = 8

  /// Measures x·W for x [rows, in], W [in, out].
  init(_ left: Tensor<Double>, _ right: MatrixView, rounding: Rounding) {
    let (rows, columns, depth) = (left.rowCount, right.columns, right.rows)
    self.left = left
    self.right = right
    var absolute = [Double](repeating: 0, count: rows * columns)
    var squares = absolute
    var zeros = [Int](repeating: 0, count: columns)
    for start in stride(from: 0, to: columns, by: Self.panelWidth) {
      let range = start..<min(start + Self.panelWidth, columns)
      for firstTerm in stride(from: 0, to: depth, by: Self.panelWidth) {
        let terms = firstTerm..<min(firstTerm + Self.panelWidth, depth)
        let panel = right.panel(terms, range)
        for (index, weight) in panel.enumerated() where weight == 0 {
          zeros[start + index % range.count] += 1
        }
        for first in stride(from: 0, to: rows, by: Self.rowsAtOnce) {
          let block = first..<min(first + Self.rowsAtOnce, rows)
          Self.accumulate(
            left, block, terms, panel, width: range.count, absolute: &absolute, squares: &squares, start,
            columns)
        }
      }
    }
    self.absolute = absolute
    self.squares = squares
    self.zerosInColumn = zeros
    self.zerosInRow = (0..<rows).map { row in left.row(row).reduce(0) { $0 + ($1 == 0 ? 1 : 0) } }
    let repetition = (0..<rows).map { row in
      let values = left.row(row)
      return rounding.repetition(of: values, absoluteSum: values.reduce(0) { $0 + abs($1) })
    }
    self.rowRepetition = repetition
    // Products recur only where both factors do; columns are looked at only when a row asks for it.
    self.columnRepetition =
      repetition.contains { $0 > Self.noticeable }
      ? (0..<columns).map { column in
        let values = (0..<depth).map { right[$0, column] }
        return rounding.repetition(of: values, absoluteSum: values.reduce(0) { $0 + abs($1) })
      } : []
  }

  /// Below this, recurrence in a row says nothing of its products.
  private static let noticeable = 3.0

  /// Adds the products of one block of rows with one panel of columns.
  private static func accumulate(
    _ left: Tensor<Double>, _ block: Range<Int>, _ terms: Range<Int>, _ panel: [Double], width: Int,
    absolute: inout [Double], squares: inout [Double], _ start: Int, _ columns: Int
  ) {
    let depth = left.rowWidth
    left.values.withUnsafeBufferPointer { x in
      panel.withUnsafeBufferPointer { w in
        absolute.withUnsafeMutableBufferPointer { s in
          squares.withUnsafeMutableBufferPointer { q in
            for k in terms {
              for row in block {
                let factor = x[row * depth + k]
                if factor == 0 { continue }
                let output = row * columns + start
                for column in 0..<width {
                  let term = factor * w[(k - terms.lowerBound) * width + column]
                  s[output + column] += abs(term)
                  q[output + column] += term * term
                }
              }
            }
          }
        }
      }
    }
  }

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
