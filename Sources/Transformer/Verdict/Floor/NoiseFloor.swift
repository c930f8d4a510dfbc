import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// How far ordinary float32 arithmetic strays from the definition, end to end.
public enum NoiseFloor {
  /// The number of perturbed passes.
  public static let passCount = 8

  /// The noise floor of every activation of one sequence: one root mean square for each row.
  ///
  /// Eight passes add ``OperationNoise`` of float32 to every named point; the floor is the root mean square of
  /// their distances from the float64 pass. Seeds are fixed: the same weights and inputs give the same floor.
  ///
  /// - Returns: for an activation of shape [..., N] a tensor of shape [...].
  public static func measured(_ weights: Weights, inputs: Inputs) -> [Activation: Tensor<Double>] {
    var exact: [Activation: Tensor<Double>] = [:]
    var found: [Activation: OperationNoise] = [:]
    let rounding = Rounding(.float32)
    let executor = Executor(weights, inputs)
    let makers = Dictionary(
      weights.graph.operations.map { ($0.output, $0) }, uniquingKeysWith: { first, _ in first })
    func operands(_ views: [ParameterView]) -> [ParameterOperand] {
      views.map { ParameterOperand(weights.storedFloat32($0.parameter), $0) }
    }
    /// A capture without the projection's own result may have accumulated it onto the stream.
    func fused(into operation: Operation) -> FusedProjection? {
      guard operation.isSum, operation.inputs.count == 2, let maker = makers[operation.inputs[1]],
        maker.isProjection, let input = exact[maker.inputs[0]]
      else { return nil }
      return FusedProjection(input: Operand(values: input), parameters: operands(maker.parameters))
    }
    executor.run(computing: { site in
      let (operation, value) = (site.operation, site.value())
      exact[operation.output] = value
      found[operation.output] = rounding.noise(
        of: operation, value, site.operands.activations.map { Operand(values: $0) },
        operands(operation.parameters), fusing: fused(into: operation), inputs: inputs, storedAs: .float32)
      return value
    }) { _, _ in }
    let (definition, noises) = (exact, found)
    let squares = (0..<passCount).concurrentMap { pass in
      var squares: [Activation: [Double]] = [:]
      var random = SplitMix64(seed: UInt64(pass) &+ 1)
      executor.run(computing: { site in
        let output = site.operation.output
        var value = site.value()
        noises[output]?.move(&value, &random)
        if let exact = definition[output] { squares[output] = rowMeanSquares(value, exact) }
        return value
      }) { _, _ in }
      return squares
    }
    return definition.reduce(into: [:]) { floors, entry in
      let rows = squares.compactMap { $0[entry.key] }
      let floor = (0..<entry.value.rowCount).map { row in
        (rows.reduce(0) { $0 + $1[row] } / Double(passCount)).squareRoot()
      }
      floors[entry.key] = Tensor(floor, shape: Array(entry.value.shape.dropLast()))
    }
  }

  /// The nearest float32, moved by −1, 0 or +1 ulp.
  package static func perturbed(_ value: Double, _ random: inout SplitMix64) -> Double {
    let rounded = Float(value)
    guard rounded.isFinite, rounded != 0 else { return Double(rounded) }
    switch random.next() % 3 {
    case 0: return Double(rounded.nextDown)
    case 1: return Double(rounded.nextUp)
    default: return Double(rounded)
    }
  }

  /// The mean square of the differences along each row, masked scores aside.
  static func rowMeanSquares(_ value: Tensor<Double>, _ exact: Tensor<Double>) -> [Double] {
    (0..<exact.rowCount).map { row in
      var (total, count) = (0.0, 0.0)
      for (left, right) in zip(value.row(row), exact.row(row)) where right.isFinite {
        total += (left - right) * (left - right)
        count += 1
      }
      return count == 0 ? 0 : total / count
    }
  }
}
