import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension LinearGradient: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["BWD-3", "BND-52"] }

  var isProduct: Bool { true }

  func addedParts(of operation: Operation) -> Int { operation.inputs.count }

  /// One sum of products over the outputs of all matrices.
  ///
  /// Clauses: BND-52.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let gradients = Operand.sideBySide(site.activations.map(\.rowsOfTokens))
    let inputs = site.parameters[0].view.inputCount ?? 1
    var matrix: [Float] = []
    matrix.reserveCapacity(gradients.values.rowWidth * inputs)
    for parameter in site.parameters {
      let values = ParameterValues(parameter.stored.float32(), parameter.view)
      for output in 0..<values.outputCount {
        for input in 0..<inputs { matrix.append(values[output, input]) }
      }
    }
    let stored = StoredTensor(Tensor(matrix, shape: [gradients.values.rowWidth, inputs]))
    return rounding.ofProduct(
      gradients, MatrixView(stored), weightRoundoff: site.parameters.map(\.roundoff).max() ?? 0, bias: nil)
  }
}

extension Operand {
  /// The numbers of each token side by side: [n, T, d] becomes [T, n·d].
  var rowsOfTokens: Operand {
    guard values.shape.count == 3 else { return self }
    let (heads, tokens, width) = (values.shape[0], values.shape[1], values.shape[2])
    return rearranged(shape: [tokens, heads * width]) { place in
      let (token, column) = place.quotientAndRemainder(dividingBy: heads * width)
      return (column / width * tokens + token) * width + column % width
    }
  }

  /// Rows become columns.
  var transposed: Operand {
    let (rows, width) = (values.rowCount, values.rowWidth)
    return rearranged(shape: [width, rows]) { $0 % rows * width + $0 / rows }
  }

  /// The same numbers in other places.
  ///
  /// - Parameter source: where the number for each place stands.
  func rearranged(shape: [Int], _ source: (Int) -> Int) -> Operand {
    let places = (0..<shape.reduce(1, *)).map(source)
    let known = values.values
    return Operand(
      values: Tensor(places.map { known[$0] }, shape: shape), roundoff: roundoff, underflow: underflow,
      error: error.map { error in places.map { error[$0] } })
  }

  /// The rows of several matrices side by side.
  static func sideBySide(_ operands: [Operand]) -> Operand {
    guard operands.count > 1 else { return operands[0] }
    let rows = operands[0].values.rowCount
    let width = operands.reduce(0) { $0 + $1.values.rowWidth }
    func joined<Element>(_ part: (Operand, Range<Int>) -> [Element]) -> [Element] {
      (0..<rows).flatMap { row in
        operands.flatMap { operand in
          part(operand, row * operand.values.rowWidth..<(row + 1) * operand.values.rowWidth)
        }
      }
    }
    let isKnown = operands.allSatisfy { $0.error == nil }
    return Operand(
      values: Tensor(joined { Array($0.values.values[$1]) }, shape: [rows, width]),
      roundoff: operands.map(\.roundoff).max() ?? 0, underflow: operands.map(\.underflow).max() ?? 0,
      error: isKnown ? nil : joined { operand, places in places.map(operand.error(at:)) })
  }
}

extension Rounding {
  /// left·right times a factor, and its bounds: one sum of products for each output.
  ///
  /// The factor may be applied to what is multiplied or to the sum.
  ///
  /// - Parameters:
  ///   - left: [rows, n].
  ///   - right: [n, columns].
  func ofProduct(_ left: Operand, _ right: Operand, scale: Double = 1) -> Estimate {
    let isExactScale = scale.significand == 1
    let product = ofProduct(
      left, MatrixView(StoredTensor(right.values)),
      weightRoundoff: max(right.roundoff, isExactScale ? 0 : 2 * unit), bias: nil)
    var bounds = product.bounds
    let (depth, columns) = (right.values.rowCount, right.values.rowWidth)
    if right.error != nil || right.underflow > 0 {
      for row in 0..<left.values.rowCount {
        for k in 0..<depth where left.values[row, k] != 0 {
          let factor = abs(left.values[row, k]) + left.error(at: row * depth + k).det
          for column in 0..<columns {
            bounds[row * columns + column] +=
              factor * (right.error(at: k * columns + column) + right.underflow)
          }
        }
      }
    }
    guard scale != 1 else { return Estimate(values: product.values, bounds: bounds) }
    let values = product.values.values.map { scale * $0 }
    return Estimate(
      values: Tensor(values, shape: product.values.shape),
      bounds: zip(bounds, values).map { bound, value in
        abs(scale) * bound + (3 * unit * abs(value) + (1 + abs(scale)) * underflow)
      })
  }
}
