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
  /// Passes decide as the exact one does: the floor is that of runs which send tokens to the same experts.
  ///
  /// All nine go through the graph together, operation by operation, on all cores, so that a parameter is read once and a
  /// value is dropped with its last reader.
  ///
  /// - Parameters:
  ///   - layers: the last layers that are computed, and what stands behind them; nil for all.
  ///   - observe: sees each output of the exact pass, in the order of computation.
  /// - Returns: for an activation of shape [..., N] a tensor of shape [...].
  /// - Throws: what `observe` throws, which ends the run.
  public static func measured(
    _ weights: Weights, inputs: Inputs, through layers: LayerRange? = nil,
    observe: (Activation, Tensor<Double>) throws -> Void
  ) rethrows -> [Activation: Tensor<Double>] {
    let graph = weights.graph
    let rounding = Rounding(.float32)
    let projections = graph.addedProjections
    let added = projections.values.flatMap(\.values).map(\.output)
    var projected = Kept<Activation, FusedProjection>(readers: added)
    let passes = (0..<passCount).map { StrayingPass(seed: UInt64($0) &+ 1, graph) }
    var floors: [Activation: Tensor<Double>] = [:]
    try Executor(weights, inputs).walk(
      through: layers.map(graph.prefix(through:)), from: { _ in nil },
      computing: { operation, activations, inputs in
        defer { weights.release(operation) }
        // A capture without the projection's own result may have accumulated it onto the stream.
        let fused = (projections[operation.output] ?? [:]).compactMapValues { projected.read($0.output) }
        let prepared = PreparedOperation(operation, of: weights)
        // Its sums are those of both ways.
        let projection =
          added.contains(operation.output)
          ? FusedProjection(Operand(values: activations[0]), prepared.operands, measuredFor: rounding) : nil
        if let projection { projected.keep(operation.output, projection) }
        @Sendable func noise(_ value: Tensor<Double>) -> OperationNoise {
          rounding.noise(
            of: operation, value, activations.map { Operand(values: $0) }, prepared.operands, fusing: fused,
            measured: projection?.moments, inputs: inputs, storedAs: .float32)
        }
        let value: Tensor<Double>
        let ownNoise: OperationNoise
        if operation.kind.payload is Linear {
          // On all cores by itself.
          value = prepared.referenceValue(of: activations, in: inputs)
          ownNoise = noise(value)
          let computed = prepared.values(
            ofEach: passes.map { $0.read(operation.inputs, else: activations) }, in: inputs)
          for (pass, computed) in zip(passes, computed) { pass.computed = computed }
        } else {
          // The exact value and its noise are the first of nine tasks.
          let exact = (0..<1 + passCount).concurrentMap { task -> (Tensor<Double>, OperationNoise)? in
            guard task == 0 else {
              let pass = passes[task - 1]
              pass.computed = prepared.value(
                of: pass.read(operation.inputs, else: activations), in: inputs)
              return nil
            }
            let value = prepared.referenceValue(of: activations, in: inputs)
            return (value, noise(value))
          }
          guard let first = exact[0] else { preconditionFailure("the exact pass made no value") }
          (value, ownNoise) = first
        }
        let squares = passes.indices.concurrentMap {
          passes[$0].stray(operation.output, by: ownNoise, from: value)
        }
        let floor = (0..<value.rowCount).map { row in
          (squares.reduce(0) { $0 + $1[row] } / Double(passCount)).squareRoot()
        }
        if !operation.kind.payload.isDecision {
          floors[operation.output] = Tensor(floor, shape: Array(value.shape.dropLast()))
        }
        return value
      }, observing: observe)
    return floors
  }

  /// The noise floor alone.
  public static func measured(_ weights: Weights, inputs: Inputs) -> [Activation: Tensor<Double>] {
    measured(weights, inputs: inputs) { _, _ in }
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

/// A forward pass that strays from the exact one, operation by operation beside it.
private final class StrayingPass: @unchecked Sendable {
  private let graph: Graph
  private var random: SplitMix64
  private var values: Kept<Activation, Tensor<Double>>
  /// What the present operation makes, before it is moved.
  var computed: Tensor<Double>?

  init(seed: UInt64, _ graph: Graph) {
    self.graph = graph
    random = SplitMix64(seed: seed)
    values = Kept(readers: graph.operations.flatMap(\.inputs))
  }

  /// What this pass made before of what an operation reads, else what the exact one read: what no pass computes is empty
  /// in all.
  func read(_ activations: [Activation], else exact: [Tensor<Double>]) -> [Tensor<Double>] {
    zip(activations, exact).map { values.read($0) ?? $1 }
  }

  /// Moves what was computed at random and hands it on.
  ///
  /// - Returns: the mean square of its distance from `exact` along each row.
  func stray(_ output: Activation, by noise: OperationNoise, from exact: Tensor<Double>) -> [Double] {
    guard var value = computed.take() else { return [] }
    if graph.decides(output) { value = exact } else { noise.move(&value, &random) }
    let squares = NoiseFloor.rowMeanSquares(value, exact)
    values.keep(output, value)
    return squares
  }
}

extension Graph {
  /// Whether an activation is a decision.
  fileprivate func decides(_ activation: Activation) -> Bool {
    operation(making: activation)?.kind.payload.isDecision ?? false
  }

  /// For each sum, by its output, the projections among its operands behind the first, by their places.
  fileprivate var addedProjections: [Activation: [Int: Operation]] {
    let makers = Dictionary(operations.map { ($0.output, $0) }, uniquingKeysWith: { first, _ in first })
    return operations.reduce(into: [:]) { found, operation in
      guard operation.isSum else { return }
      for (place, input) in operation.inputs.enumerated().dropFirst() {
        guard let maker = makers[input], maker.isProjection else { continue }
        found[operation.output, default: [:]][place] = maker
      }
    }
  }
}
