import TouchstoneGraph
import TouchstoneModel

extension Fault {
  /// Less precision than was asked for.
  static let precisionFaults: [Fault] =
    productOperands + inputOperands + storageFaults + everyTerm + everyBlock

  private static let productOperands: [Fault] = [
    ("float16", NumberFormat.float16), ("bfloat16", .bfloat16), ("tf32", .tensorFloat32),
    ("float8", .float8),
  ].map { id, format in
    Fault(
      "precision.\(id)-operands", "both factors are rounded to \(format.name)", .precision,
      at: id == "float16" ? .products : .contractions,
      practice: "a matrix unit in its default mode, autocast, a half-precision cache"
    ) { site in
      site.evaluated(
        activations: site.activations.map { $0.rounded(to: format) },
        parameters: site.parameters.enumerated().map { $0 == 0 ? $1.rounded(to: format) : $1 })
    }
  }

  private static let inputOperands: [Fault] = [
    ("float16", NumberFormat.float16), ("bfloat16", .bfloat16),
  ].map { id, format in
    Fault(
      "precision.\(id)-input", "the input is rounded to \(format.name)", .precision,
      at: .products.union(.norms).union(.of(ActivationFunction.self)),
      practice: "activations are handed on in half precision"
    ) { site in site.evaluated(changing: 0) { $0 = $0.rounded(to: format) } }
  }

  private static let storageFaults: [Fault] = [
    ("float16", NumberFormat.float16), ("bfloat16", .bfloat16), ("float8", .float8),
  ].map { id, format in
    Fault(
      "precision.\(id)-output", "the output is rounded to \(format.name)", .precision, at: .computed,
      practice: "a buffer in half precision between two operations", storedAs: format
    ) { $0.evaluated() }
  }

  /// Sums whose accumulator is rounded after every term.
  private static let everyTerm: [Fault] = [
    ("float16", NumberFormat.float16, FloatingPointRoundingRule.toNearestOrEven, "rounded to float16"),
    ("bfloat16", .bfloat16, .toNearestOrEven, "rounded to bfloat16"),
    ("truncated", .float32, .towardZero, "truncated to float32"),
    (
      "truncated-14",
      NumberFormat(
        name: "14 bits", significandBits: 14, leastExponent: -126, greatestFinite: 1e38),
      .towardZero, "truncated to 14 bits"
    ),
  ].map { id, format, rule, name in
    Fault(
      "precision.\(id)-accumulator", "the accumulator is \(name) after every term", .precision,
      at: .products, practice: "a matrix unit with a narrow accumulator", isTermByTerm: true
    ) { site in site.accumulated { format.round($0, rule) } }
  }

  private static let everyBlock: [Fault] = [
    Fault(
      "precision.float16-blocks", "sums of 32 terms are rounded to float16", .precision, at: .products,
      practice: "a kernel that accumulates blocks in half precision", isTermByTerm: true
    ) { site in
      var counter = 0
      let depth = site.activations[0].rowWidth
      return site.accumulated { sum in
        counter = (counter + 1) % depth
        return counter % 32 == 0 ? NumberFormat.float16.round(sum) : sum
      }
    }
  ]
}

extension Tensor<Double> {
  /// Every value rounded to a narrower format.
  func rounded(to format: NumberFormat) -> Tensor<Double> {
    Tensor(values.map { format.round($0) }, shape: shape)
  }
}

extension FaultSite {
  /// A product whose accumulator goes through `round` after every term, bias last.
  fileprivate func accumulated(_ round: (Double) -> Double) -> Tensor<Double> {
    let (x, weight) = (activations[0], site.operands.parameters[0])
    let bias = site.operands.parameters.dropFirst().first
    return edited { value in
      let width = value.rowWidth
      for row in 0..<x.rowCount {
        for column in 0..<weight.outputCount {
          var sum = 0.0
          for k in 0..<x.rowWidth { sum = round(sum + x[row, k] * weight[column, k]) }
          if let bias { sum += bias[column] }
          if let own = operation.kind.payload as? Linear { sum = own.clipped(sum) }
          if value.shape.count == 3 {
            value[column / width, row, column % width] = sum
          } else {
            value[row, column] = sum
          }
        }
      }
    }
  }
}
