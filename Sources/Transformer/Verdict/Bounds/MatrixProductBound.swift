import TouchstoneModel

extension Rounding {
  /// A projection that is added into the residual stream, with nothing recorded in between: implementations
  /// may accumulate onto the stream itself, so it is judged as one sum.
  func fusedEstimate(_ input: Operand, _ parameters: [ParameterOperand], onto stream: Operand) -> Estimate {
    ofProduct(
      input, parameters[0].matrix, weightRoundoff: parameters[0].roundoff,
      bias: parameters.dropFirst().first?.vector, onto: stream)
  }

  /// x·W + b and its bounds: one sum of in + 1 terms for each output, [rows, out].
  ///
  /// - Parameters:
  ///   - input: x.
  ///   - weight: W.
  ///   - weightRoundoff: the rounding that the arithmetic is granted on W.
  ///   - bias: b, [out]; nil for a plain product.
  ///   - stream: what the sum is accumulated onto, a term more; nil for nothing.
  func ofProduct(
    _ input: Operand, _ weight: MatrixView, weightRoundoff: Double, bias: [Double]?,
    onto stream: Operand? = nil
  ) -> Estimate {
    let moments = ProductMoments(
      input.values, weight, startingFrom: bias, rounding: self,
      roundsFactors: input.roundoff > 0 || weightRoundoff > 0)
    let ofInput = input.underflow
    let ofWeight = ofSubnormalFactor(roundoff: weightRoundoff)
    // What is known only within an error, or is rounded on reading, makes no exact product.
    let isExactInput = input.error == nil && input.roundoff == 0 && weightRoundoff == 0
    let rows = input.values.rowCount
    var values = moments.sums
    if let stream { for offset in values.indices { values[offset] += stream.values.values[offset] } }
    let value = Tensor(values, shape: [rows, weight.columns])
    @Sendable func boundsOfRow(_ row: Int, into bounds: Slots<Bound>) {
      let sumOfRow = input.values.row(row).reduce(0) { $0 + abs($1) }
      let few = (isExactInput ? fewFactors(input.values.row(row)) : nil) ?? []
      for column in 0..<weight.columns {
        var terms = moments.terms(
          row: row, column: column, sum: value[row, column], bias: bias?[column] ?? 0)
        for (k, factor) in few where isExactProduct(factor, weight[k, column]) {
          terms.exact += abs(factor * weight[k, column])
        }
        var ofStream = Bound.zero
        if let stream {
          terms.add(stream.values[row, column])
          ofStream = stream.distance(at: row * weight.columns + column)
        }
        let start = abs(bias?[column] ?? 0) + abs(stream?.values[row, column] ?? 0)
        if moments.hidesTerms(row: row, column: column, absolute: terms.absolute, start: start) {
          terms.lost = lost(weight.rows, absolute: terms.absolute) {
            input.values[row, $0] * weight[$0, column]
          }
        }
        let ofFactors = ofRoundedFactors(
          input.roundoff, weightRoundoff, terms, recurrence: moments.recurrence(row: row, column: column))
        let sumOfColumn = terms.count * moments.greatestWeight
        bounds.set(
          row * weight.columns + column,
          ofSum(terms) + ofFactors + ofStream
            + (ofUnderflow(terms, factors: sumOfRow + sumOfColumn)
              + ofInput * sumOfColumn + ofWeight * (sumOfRow + 1)))
      }
    }
    var bounds = [Bound](count: value.count) { bounds in
      _ = (0..<rows).concurrentMap { boundsOfRow($0, into: bounds) }
    }
    if let error = input.error {
      let passed = pass(error, through: weight)
      for index in bounds.indices { bounds[index] += passed[index] }
    }
    return Estimate(values: value, bounds: bounds)
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
