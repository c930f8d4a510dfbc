import TouchstoneModel

extension Machine {
  /// A copy of the first rows of an activation: [rows, width], or [heads, rows, width of a head].
  func tensor(_ place: Place, _ rows: Int) -> Tensor<Float> {
    let (heads, width) = (place.heads ?? 1, place.headWidth)
    let values = [Float](unsafeUninitializedCapacity: rows * place.width) { target, count in
      for head in 0..<heads {
        for row in 0..<rows {
          (target.baseAddress! + (head * rows + row) * width)
            .initialize(from: workspace.row(row, of: place) + head * width, count: width)
        }
      }
      count = rows * place.width
    }
    return Tensor(values, shape: (place.heads.map { [$0] } ?? []) + [rows, width])
  }
}

extension RowBuffer {
  /// A copy of the first columns of the first rows: [rows, width].
  func tensor(_ rows: Int, _ width: Int) -> Tensor<Float> {
    tensor(rows, width, panels: max(width, 1), every: max(width, 1))
  }

  /// A copy of columns that stand in pieces of `piece`, `distance` apart, from column `first` on: [rows, width].
  func tensor(_ rows: Int, _ width: Int, from first: Int = 0, panels piece: Int, every distance: Int)
    -> Tensor<Float>
  {
    let values = [Float](unsafeUninitializedCapacity: rows * width) { target, count in
      for row in 0..<rows {
        for column in Swift.stride(from: 0, to: width, by: piece) {
          (target.baseAddress! + row * width + column).initialize(
            from: self.row(row) + first + column / piece * distance, count: min(piece, width - column))
        }
      }
      count = rows * width
    }
    return Tensor(values, shape: [rows, width])
  }
}
