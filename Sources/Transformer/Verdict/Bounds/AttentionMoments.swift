import TouchstoneGraph
import TouchstoneModel

/// What the bounds of attention need to know of rows and columns of queries, keys, values and probabilities.
extension Rounding {
  /// The error of a product of two values with errors.
  static func ofProduct(_ left: Double, _ ofLeft: Bound, _ right: Double, _ ofRight: Bound) -> Bound {
    ofLeft.combined(with: ofRight) { abs(right) * $0 + abs(left) * $1 + $0 * $1 }
  }

  /// Σ|x| of each row.
  func rowLengths(_ tensor: Tensor<Double>) -> [Double] {
    (0..<tensor.rowCount).map { tensor.row($0).reduce(0) { $0 + abs($1) } }
  }

  /// The finite values down each column of every head of a [H, T, d] tensor, by column: [H·d].
  ///
  /// Where a value is not finite, a sum that sees it is not either and is not compared; the others do not read it.
  func finiteColumns(_ tensor: Tensor<Double>) -> [[Double]] {
    let (heads, tokens, width) = (tensor.shape[0], tensor.shape[1], tensor.shape[2])
    return (0..<heads * width).map { index in
      (0..<tokens).map { tensor[index / width, $0, index % width] }.filter(\.isFinite)
    }
  }

  /// Σ|x| down each column of every head of a [H, T, d] tensor: [H·d].
  func columnLengths(_ tensor: Tensor<Double>) -> [Double] {
    finiteColumns(tensor).map { $0.reduce(0) { $0 + abs($1) } }
  }

  func rowRepetition(_ tensor: Tensor<Double>) -> [Double] {
    (0..<tensor.rowCount).map { row in
      let values = Array(tensor.row(row))
      return repetition(of: values, absoluteSum: values.reduce(0) { $0 + abs($1) })
    }
  }

  /// The repetition down each column of every head of a [H, T, d] tensor: [H·d].
  func columnRepetition(_ tensor: Tensor<Double>) -> [Double] {
    finiteColumns(tensor).map { values in
      repetition(of: values, absoluteSum: values.reduce(0) { $0 + abs($1) })
    }
  }
}
