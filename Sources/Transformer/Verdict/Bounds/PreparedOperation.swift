import CMoments
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// An operation with its parameters at hand, to be computed on many activations: the reference's values to the bit,
/// products by the judge's own loop.
package struct PreparedOperation: Sendable {
  private let operation: Operation
  private let parameters: [ParameterValues<Double>]
  private var product: Product?

  fileprivate struct Product {
    let linear: Linear
    let weight: MatrixView
    let bias: [Double]?
    /// Its columns by eights, where they are few and much is computed of them.
    var strips: [[SIMD8<Double>]]?
    /// Of how many eights of outputs one is computed.
    var step = 1

    /// Matrices of more numbers are widened anew each time.
    private static let greatestCount = 1 << 18

    func keepingStrips() -> Product {
      guard weight.rows * weight.columns <= Self.greatestCount else { return self }
      var product = self
      product.strips = stride(from: 0, to: weight.columns, by: 8).map { weight.strip(from: $0) }
      return product
    }

    func strip(from first: Int) -> [SIMD8<Double>] { strips?[first / 8] ?? weight.strip(from: first) }
  }

  /// Prepares an operation of a model.
  package init(_ operation: Operation, of weights: Weights) {
    self.init(
      operation, operation.parameters.map { ParameterOperand(weights.storedFloat32($0.parameter), $0) })
  }

  init(_ operation: Operation, _ parameters: [ParameterOperand]) {
    self.operation = operation
    product = (operation.kind.payload as? Linear).map {
      Product(linear: $0, weight: parameters[0].matrix, bias: parameters.dropFirst().first?.vector)
    }
    self.parameters = product == nil ? parameters.map(\.values) : []
  }

  /// The same, for many activations of few tokens.
  package var repeated: PreparedOperation {
    var repeated = self
    repeated.product = product?.keepingStrips()
    return repeated
  }

  /// The same, of the outputs of a product only every `step`-th eight.
  package func everyEight(_ step: Int) -> PreparedOperation {
    var narrow = self
    narrow.product?.step = step
    return narrow
  }

  /// The outputs of a row of `count` that ``everyEight(_:)`` keeps.
  package static func outputs(of count: Int, everyEight step: Int) -> [Int] {
    stride(from: 0, to: count, by: 8 * step).flatMap { $0..<min($0 + 8, count) }
  }

  /// What the definition makes of what it reads.
  package func value(of activations: [Tensor<Double>], in inputs: Inputs) -> Tensor<Double> {
    guard let product else {
      return operation.kind.value(Operands(activations, parameters: parameters), in: inputs)
    }
    return product.value(of: activations[0])
  }
}

extension PreparedOperation.Product {
  /// Eights of outputs on which one core works at once.
  private static let groupCount = 16

  /// Eight outputs at a time, in the widest vectors that the processor has; each adds its terms in the order of the
  /// definition.
  fileprivate func value(of x: Tensor<Double>) -> Tensor<Double> {
    let rows = x.rowCount
    let eights = Array(stride(from: 0, to: weight.columns, by: 8 * step))
    let outputs = PreparedOperation.outputs(of: weight.columns, everyEight: step).count
    let headWidth = outputs / (linear.heads ?? 1)
    let values = [Double](count: rows * outputs) { values in
      _ = (0..<(eights.count + Self.groupCount - 1) / Self.groupCount).concurrentMap { group in
        for place in group * Self.groupCount..<min((group + 1) * Self.groupCount, eights.count) {
          let first = eights[place]
          let inside = min(8, weight.columns - first)
          var start = SIMD8<Double>.zero
          for lane in 0..<inside { start[lane] = bias?[first + lane] ?? 0 }
          let sums = x.sums(over: strip(from: first), startingFrom: start)
          for lane in 0..<inside {
            let (head, column) = (8 * place + lane).quotientAndRemainder(dividingBy: headWidth)
            for row in 0..<rows {
              values.set((head * rows + row) * headWidth + column, linear.clipped(sums[row][lane]))
            }
          }
        }
      }
    }
    return Tensor(values, shape: (linear.heads.map { [$0] } ?? []) + [rows, headWidth])
  }
}

extension Tensor<Double> {
  /// Of each row the products with eight columns, one vector of `strip` for each element of a row.
  func sums(over strip: [SIMD8<Double>], startingFrom start: SIMD8<Double> = .zero) -> [SIMD8<Double>] {
    var sums = [SIMD8<Double>](repeating: .zero, count: rowCount)
    touchstone_sums(values, rowCount, strip.count, strip, 1, [start], &sums)
    return sums
  }
}
