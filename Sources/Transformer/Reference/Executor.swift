import TouchstoneGraph
import TouchstoneModel

/// One operation of a run, with everything that it reads.
public struct Site: Sendable {
  /// The operation.
  public let operation: Operation
  /// What it reads.
  public let operands: Operands
  /// The sequence, or those of its tokens of which the output has rows.
  public let inputs: Inputs

  /// Gathers what an operation is and reads.
  public init(operation: Operation, operands: Operands, inputs: Inputs) {
    self.operation = operation
    self.operands = operands
    self.inputs = inputs
  }

  /// What the reference makes of it.
  public func value() -> Tensor<Double> {
    operation.kind.value(operands, in: inputs)
  }
}

/// Walks through a graph on one sequence: the one way in which a list of operations is run.
///
/// The reference computes each operation from what it computed before. Who runs the list otherwise says where values
/// come from, who computes them and who sees them:
///
///     a forward pass       executor.run { activation, value in … }
///     replay               executor.run(from: recording) { … }, or one operation: site(of:from:)
///     a planted fault      executor.run(computing: { $0.operation == faulty ? fault($0) : $0.value() }) { … }
public struct Executor: Sendable {
  /// The model and its parameters.
  public let weights: Weights
  /// The sequence.
  public let inputs: Inputs

  /// Prepares to run `weights.graph` on a sequence.
  public init(_ weights: Weights, _ inputs: Inputs) {
    self.weights = weights
    self.inputs = inputs
  }

  /// Runs every operation, in order.
  ///
  /// A value is kept until its last reader has it, so that a deep model needs no more memory than a shallow one; so is
  /// a parameter, which is widened once.
  ///
  /// - Parameters:
  ///   - source: what is read in place of what was computed; nil for an activation that it does not have.
  ///   - compute: makes an operation's output, usually by ``Site/value()``.
  ///   - observe: sees each output, in the order of computation.
  /// - Throws: what one of them throws, which ends the run.
  public func run(
    from source: (Activation) throws -> Tensor<Double>?,
    computing compute: (Site) throws -> Tensor<Double>,
    observing observe: (Activation, Tensor<Double>) throws -> Void
  ) rethrows {
    var parameters = Kept<Parameter, Tensor<Double>>(
      readers: weights.graph.operations.flatMap(\.parameters).map(\.parameter))
    try walk(
      from: source,
      computing: { operation, activations, inputs in
        let viewed = operation.parameters.map { view in
          ParameterValues(parameters.read(view.parameter, else: weights.float64), view)
        }
        return try compute(
          Site(operation: operation, operands: Operands(activations, parameters: viewed), inputs: inputs))
      },
      passing: { operation in
        for view in operation.parameters { _ = parameters.read(view.parameter) }
      }, observing: observe)
  }

  /// Walks through the operations, in order, leaving to `compute` what it needs of the parameters.
  ///
  /// - Parameters:
  ///   - count: how many of them, from the first on; nil for all.
  ///   - source: as in ``run(from:computing:observing:)``.
  ///   - compute: makes an operation's output of the activations that it reads and the tokens that it is of.
  ///   - pass: is told of an operation that is of no token.
  ///   - observe: sees each output, in the order of computation.
  /// - Throws: what one of them throws, which ends the walk.
  package func walk(
    through count: Int? = nil,
    from source: (Activation) throws -> Tensor<Double>?,
    computing compute: (Operation, [Tensor<Double>], Inputs) throws -> Tensor<Double>,
    passing pass: (Operation) -> Void = { _ in },
    observing observe: (Activation, Tensor<Double>) throws -> Void
  ) rethrows {
    let graph = weights.graph
    let operations = graph.operations.prefix(count ?? .max)
    var values = Kept<Activation, Tensor<Double>>(readers: operations.flatMap(\.inputs))
    var decided: [Activation: Tensor<Double>] = [:]
    for operation in operations {
      guard let own = graph.inputs(of: operation.output, in: inputs, decided: { decided[$0] }) else {
        preconditionFailure("\(operation.output) is made before it is decided of which tokens")
      }
      var activations: [Tensor<Double>] = []
      for activation in operation.inputs {
        let computed = values.read(activation)
        guard let value = try source(activation) ?? computed else {
          preconditionFailure("\(operation.output) reads \(activation), which nothing made before it")
        }
        activations.append(value)
      }
      // An expert that no token chose makes nothing, and its parameters need not be read.
      if own.count == 0 {
        pass(operation)
        let shape = graph.shape(of: operation.output, tokenCount: 0) ?? [0]
        values.keep(operation.output, Tensor([], shape: shape))
        continue
      }
      let value = try compute(operation, activations, own)
      try observe(operation.output, value)
      if operation.kind.payload.isDecision {
        decided[operation.output] = try source(operation.output) ?? value
      }
      values.keep(operation.output, value)
    }
  }

  /// Runs every operation as the reference computes it.
  public func run(observing observe: (Activation, Tensor<Double>) throws -> Void) rethrows {
    try run(from: { _ in nil }, computing: { $0.value() }, observing: observe)
  }

  /// Runs every operation as the reference computes it, on what `source` has in place of what was computed.
  public func run(
    from source: (Activation) throws -> Tensor<Double>?,
    observing observe: (Activation, Tensor<Double>) throws -> Void
  ) rethrows {
    try run(from: source, computing: { $0.value() }, observing: observe)
  }

  /// Runs every operation, leaving each to `compute`.
  public func run(
    computing compute: (Site) throws -> Tensor<Double>,
    observing observe: (Activation, Tensor<Double>) throws -> Void
  ) rethrows {
    try run(from: { _ in nil }, computing: compute, observing: observe)
  }

  /// One operation with operands from `source`; nil where it does not have them all.
  ///
  /// - Throws: what `source` throws.
  public func site(
    of operation: Operation, from source: (Activation) throws -> Tensor<Double>?
  ) rethrows -> Site? {
    guard let inputs = try weights.graph.inputs(of: operation.output, in: inputs, decided: source) else {
      return nil
    }
    var activations: [Tensor<Double>] = []
    for activation in operation.inputs {
      guard let value = try source(activation) else { return nil }
      activations.append(value)
    }
    let parameters = operation.parameters.map { ParameterValues(weights.float64($0.parameter), $0) }
    return Site(
      operation: operation, operands: Operands(activations, parameters: parameters), inputs: inputs)
  }
}
