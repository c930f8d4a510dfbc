import TouchstoneConformance

/// Rows of float32 numbers.
struct Matrix {
  let width: Int
  private(set) var values: [Float]

  var rowCount: Int { values.count / width }
  /// As the harness takes it.
  var tensor: Tensor<Float> { Tensor(values, shape: [rowCount, width]) }

  init(_ tensor: Tensor<Float>) {
    width = tensor.rowWidth
    values = tensor.values
  }

  init(rows: Int, width: Int) {
    self.width = width
    values = [Float](repeating: 0, count: rows * width)
  }

  /// Matrices of equally many rows, side by side.
  init(besides parts: [Matrix]) {
    self.init(rows: parts[0].rowCount, width: parts.reduce(0) { $0 + $1.width })
    var first = 0
    for part in parts {
      for row in 0..<rowCount {
        for column in 0..<part.width { self[row, first + column] = part[row, column] }
      }
      first += part.width
    }
  }

  subscript(row: Int, column: Int) -> Float {
    get { values[row * width + column] }
    set { values[row * width + column] = newValue }
  }

  func row(_ index: Int) -> [Float] { Array(values[index * width..<(index + 1) * width]) }

  func rows(_ indices: [Int]) -> Matrix {
    var result = Matrix(rows: 0, width: width)
    for index in indices { result.values += values[index * width..<(index + 1) * width] }
    return result
  }

  func columns(_ first: Int, count: Int) -> Matrix {
    var result = Matrix(rows: rowCount, width: count)
    for row in 0..<rowCount {
      for column in 0..<count { result[row, column] = self[row, first + column] }
    }
    return result
  }

  var transposed: Matrix {
    var result = Matrix(rows: width, width: rowCount)
    for row in 0..<rowCount {
      for column in 0..<width { result[column, row] = self[row, column] }
    }
    return result
  }

  func map(_ change: (Float) -> Float) -> Matrix {
    var result = self
    result.values = values.map(change)
    return result
  }

  func mapRows(_ change: ([Float]) -> [Float]) -> Matrix {
    var result = self
    result.values = (0..<rowCount).flatMap { change(row($0)) }
    return result
  }

  func mapPlaces(_ change: (_ row: Int, _ column: Int, _ value: Float) -> Float) -> Matrix {
    var result = self
    for row in 0..<rowCount {
      for column in 0..<width { result[row, column] = change(row, column, self[row, column]) }
    }
    return result
  }

  /// The matrix product, each sum beginning with the bias of its column.
  func times(_ other: Matrix, plus bias: [Float]? = nil) -> Matrix {
    var result = Matrix(rows: rowCount, width: other.width)
    for row in 0..<rowCount {
      if let bias {
        for column in 0..<other.width { result[row, column] = bias[column] }
      }
      for index in 0..<width {
        let factor = self[row, index]
        for column in 0..<other.width { result[row, column] += factor * other[index, column] }
      }
    }
    return result
  }

  static func + (left: Matrix, right: Matrix) -> Matrix {
    var result = left
    result.values = zip(left.values, right.values).map(+)
    return result
  }
}

/// Matrices of one size, one upon the other: [count, rows, width].
func stacked(_ matrices: [Matrix]) -> Tensor<Float> {
  Tensor(
    matrices.flatMap(\.values), shape: [matrices.count, matrices[0].rowCount, matrices[0].width])
}
