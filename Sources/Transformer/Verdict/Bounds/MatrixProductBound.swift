import TouchstoneModel

extension Rounding {
  /// A sum some of whose addends are projections that nobody recorded: implementations may accumulate such a one onto
  /// whatever was added before, so each is judged as one sum that begins with the greatest of those.
  ///
  /// Clauses: BND-5, BND-19.
  ///
  /// - Parameters:
  ///   - addends: what is added, in any order.
  ///   - projections: those of the addends that are projections, by their places.
  func fusedEstimate(_ addends: [Operand], _ projections: [Int: FusedProjection]) -> Estimate {
    let sums = projections.sorted { $0.key < $1.key }.map { place, projection in
      let others = addends.indices.filter { $0 != place }.map { addends[$0] }
      return ofProduct(
        projection.input, projection.parameters[0].matrix, weightRoundoff: projection.parameters[0].roundoff,
        bias: projection.parameters.dropFirst().first?.vector, measured: projection.moments,
        onto: addends.count == 2 && projections.count == 1
          ? others[0] : Operand(values: Self.greatestPartialSums(others)))
    }
    if addends.count == 2, sums.count == 1 { return sums[0] }
    let rest = addends.indices.filter { projections[$0] == nil }.map { addends[$0] }
    let values = addends.dropFirst().reduce(addends[0].values) { sum, addend in
      Tensor(zip(sum.values, addend.values.values).map(+), shape: sum.shape)
    }
    let ofRest = rest.isEmpty ? nil : ofAddition(values, rest)
    return Estimate(
      values: values,
      bounds: values.values.indices.map { offset in
        sums.reduce(ofRest?[offset] ?? .zero) { $0 + $1.bounds[offset] }
      })
  }

  /// Of each element the sum of some of the addends that is farthest from 0.
  private static func greatestPartialSums(_ addends: [Operand]) -> Tensor<Double> {
    Tensor(
      addends[0].values.values.indices.map { offset in
        var (above, below) = (0.0, 0.0)
        for addend in addends {
          let value = addend.values.values[offset]
          if value > 0 { above += value } else { below += value }
        }
        return above >= -below ? above : below
      }, shape: addends[0].values.shape)
  }

  /// x·W + b and its bounds: one sum of in + 1 terms for each output, [rows, out].
  ///
  /// - Parameters:
  ///   - input: x.
  ///   - weight: W.
  ///   - weightRoundoff: the rounding that the arithmetic is granted on W.
  ///   - bias: b, [out]; nil for a plain product.
  ///   - moments: those of its sums, where they are known.
  ///   - stream: what the sum is accumulated onto, a term more; nil for nothing.
  func ofProduct(
    _ input: Operand, _ weight: MatrixView, weightRoundoff: Double, bias: [Double]?,
    measured moments: ProductMoments? = nil, onto stream: Operand? = nil
  ) -> Estimate {
    let moments =
      moments
      ?? ProductMoments(
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
    if let offsets = ofOffsets(input, weight) {
      for index in bounds.indices { bounds[index] += offsets[index] }
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
