import TouchstoneGraph
import TouchstoneModel

/// A few rows and columns of a product, computed with the parameters rounded to the type of the arithmetic, as a program
/// that is given wider ones holds them.
struct ProductSample {
  /// The captured elements.
  private(set) var got: [Double] = []
  /// The same before they are stored.
  let want: Estimate

  private static let greatestRowCount = 8
  private static let greatestColumnCount = 64

  init(
    _ operation: Operation, input: Tensor<Double>, parameters: [StoredTensor], got: Tensor<Double>,
    rounding: Rounding
  ) {
    let type = rounding.precision.type
    let stored = parameters[0]
    let matrix: MatrixView
    var first = 0
    switch operation.kind {
    case .unembedding: matrix = MatrixView(transposing: stored)
    case .headProjection(let part, _):
      let width = stored.shape[1] / 3
      first = part * width
      matrix = MatrixView(stored, columns: first..<first + width)
    default: matrix = MatrixView(stored)
    }
    let rows = Self.spread(Self.greatestRowCount, over: input.rowCount)
    let columns = Self.spread(Self.greatestColumnCount, over: matrix.columns)
    let weight = (0..<matrix.rows).flatMap { row in columns.map { Float(type.rounded(matrix[row, $0])) } }
    let bias = parameters.count > 1 ? parameters[1].float64().values : nil
    want = rounding.unstored.ofProduct(
      Operand(values: Tensor(rows.flatMap { input.row($0) }, shape: [rows.count, input.rowWidth])),
      MatrixView(StoredTensor(Tensor(weight, shape: [matrix.rows, columns.count]))), weightRoundoff: 0,
      bias: bias.map { bias in columns.map { type.rounded(bias[first + $0]) } })
    for row in rows {
      for column in columns {
        if case .headProjection(_, let headCount) = operation.kind {
          let width = matrix.columns / headCount
          self.got.append(got[column / width, row, column % width])
        } else {
          self.got.append(got[row, column])
        }
      }
    }
  }

  /// At most `count` indices, evenly spread.
  private static func spread(_ count: Int, over total: Int) -> [Int] {
    count >= total ? Array(0..<total) : (0..<count).map { $0 * total / count }
  }
}
