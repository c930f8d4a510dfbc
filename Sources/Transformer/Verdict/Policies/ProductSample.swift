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
    let matrix = MatrixView(parameters[0], operation.parameters[0])
    let rows = Self.spread(Self.greatestRowCount, over: input.rowCount)
    let columns = Self.spread(Self.greatestColumnCount, over: matrix.columns)
    let weight = (0..<matrix.rows).flatMap { row in columns.map { Float(type.rounded(matrix[row, $0])) } }
    let bias = parameters.count > 1 ? ParameterOperand(parameters[1], operation.parameters[1]).vector : nil
    let product = rounding.unstored.ofProduct(
      Operand(values: Tensor(rows.flatMap { input.row($0) }, shape: [rows.count, input.rowWidth])),
      MatrixView(StoredTensor(Tensor(weight, shape: [matrix.rows, columns.count]))), weightRoundoff: 0,
      bias: bias.map { bias in columns.map { type.rounded(bias[$0]) } })
    want = (operation.kind.payload as? Linear)?.clipped(product, rounding.unstored) ?? product
    for row in rows {
      for column in columns {
        self.got.append(got.element(row, column))
      }
    }
  }

  /// At most `count` indices, evenly spread.
  static func spread(_ count: Int, over total: Int) -> [Int] {
    count >= total ? Array(0..<total) : (0..<count).map { $0 * total / count }
  }
}
