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
    // What is known only within an error, or is rounded on reading, makes no exact product.
    let isExactInput = input.error == nil && input.roundoff == 0 && weightRoundoff == 0
    var bounds: [Bound] = []
    bounds.reserveCapacity(value.count)
    let greatestWeight = weight.values.reduce(0) { max($0, abs($1)) }
    for row in 0..<value.rowCount {
      let sumOfRow = input.values.row(row).reduce(0) { $0 + abs($1) }
      let few = isExactInput ? fewFactors(input.values.row(row)) : nil
      for column in 0..<weight.columns {
        let bias = bias.map { $0[$0.startIndex + column] } ?? 0
        var terms = moments.terms(row: row, column: column, sum: value[row, column], bias: bias)
        for (k, factor) in few ?? [] where isExactProduct(factor, weight[k, column]) {
          terms.exact += abs(factor * weight[k, column])
        }
        var ofStream = Bound.zero
        if let stream {
          terms.add(stream.values[row, column])
          ofStream = stream.distance(at: row * weight.columns + column)
        }
        bounds.append(
          ofSum(terms) + ofRoundedFactors(input.roundoff, weightRoundoff, terms) + ofStream
            + ofUnderflow(terms, factors: sumOfRow + terms.count * greatestWeight))
      }
    }
    if let error = input.error {
      let passed = pass(error, through: weight)
      for index in bounds.indices { bounds[index] += passed[index] }
    }
    return bounds
  }

  /// The elements of a row that are not zero, with their indices; nil where they are more than a few.
  ///
  /// Whether a product has to be rounded is looked at only where it changes the bound by much.
  private func fewFactors(_ row: ArraySlice<Double>) -> [(index: Int, factor: Double)]? {
    var few: [(index: Int, factor: Double)] = []
    for (index, factor) in row.enumerated() where factor != 0 {
      guard few.count < 4 else { return nil }
      few.append((index, factor))
    }
    return few
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
