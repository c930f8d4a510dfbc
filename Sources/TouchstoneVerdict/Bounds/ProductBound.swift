import TouchstoneModel

extension Rounding {
  /// Bounds of x·W + b: one sum of in + 1 terms for each output.
  ///
  /// - Parameters:
  ///   - value: x·W + b by the definition, [rows, out].
  ///   - input: x.
  ///   - weight: W, and the rounding that the arithmetic is granted on it.
  ///   - bias: b, or nil for a plain product.
  ///   - stream: what the sum was accumulated onto, part of `value`; nil for nothing.
  func ofProduct(
    _ value: Tensor<Double>, input: Operand, weight: MatrixView, weightRoundoff: Double,
    bias: ArraySlice<Double>?, stream: Operand? = nil
  ) -> [Bound] {
    let moments = ProductMoments(input.values, weight, rounding: self)
    let depthUnderflow = Double(weight.rows) * underflow
    var bounds: [Bound] = []
    bounds.reserveCapacity(value.count)
    for row in 0..<value.rowCount {
      for column in 0..<weight.columns {
        let bias = bias.map { $0[$0.startIndex + column] } ?? 0
        var terms = moments.terms(row: row, column: column, sum: value[row, column], bias: bias)
        var ofStream = Bound.zero
        if let stream {
          terms.add(stream.values[row, column])
          ofStream = stream.distance(at: row * weight.columns + column) + unit * abs(value[row, column])
        }
        bounds.append(
          ofSum(terms) + ofRoundedFactors(input.roundoff, weightRoundoff, terms) + ofStream + depthUnderflow)
      }
    }
    if let error = input.error {
      let passed = pass(error, through: weight)
      for index in bounds.indices { bounds[index] += passed[index] }
    }
    return bounds
  }

  /// The error of x passed through |W|.
  private func pass(_ error: [Bound], through weight: MatrixView) -> [Bound] {
    let columns = weight.columns
    var passed = [Bound](repeating: .zero, count: error.count / weight.rows * columns)
    for (index, bound) in error.enumerated() where bound != .zero {
      let (row, k) = (index / weight.rows, index % weight.rows)
      for column in 0..<columns {
        passed[row * columns + column] += abs(weight[k, column]) * bound
      }
    }
    return passed
  }
}
