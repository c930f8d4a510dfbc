import TouchstoneModel

extension ForwardPass {
  /// A copy of the first rows of a buffer: [rows, width], the model's width unless given.
  func tensor(_ buffer: RowBuffer, _ rows: Int, width: Int? = nil) -> Tensor<Float> {
    let width = width ?? configuration.width
    let values = [Float](unsafeUninitializedCapacity: rows * width) { target, count in
      for row in 0..<rows {
        (target.baseAddress! + row * width).initialize(from: buffer.row(row), count: width)
      }
      count = rows * width
    }
    return Tensor(values, shape: [rows, width])
  }

  /// A copy of the queries, keys or values (`part` 0, 1, 2), split into heads: [H, rows, d].
  func heads(part: Int, _ rows: Int) -> Tensor<Float> {
    let (heads, headWidth) = (configuration.headCount, configuration.headWidth)
    let count = heads * rows * headWidth
    let values = [Float](unsafeUninitializedCapacity: count) { target, initialized in
      for head in 0..<heads {
        for row in 0..<rows {
          let source = workspace.projections.row(row) + part * configuration.width + head * headWidth
          (target.baseAddress! + (head * rows + row) * headWidth).initialize(from: source, count: headWidth)
        }
      }
      initialized = count
    }
    return Tensor(values, shape: [heads, rows, headWidth])
  }
}
