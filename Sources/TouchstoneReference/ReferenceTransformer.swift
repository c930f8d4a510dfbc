import TouchstoneModel

/// The scalar reference: the executable half of the specification.
///
/// Plain loops over float64 on the float32 weights widened exactly. It has no SIMD, no threads, no cache, no
/// unsafe pointers and no cleverness, and it shares no arithmetic with what it judges. One file of `Chapters`
/// holds each operation; ``Configuration/operations`` says how they follow each other:
///
///     token ids → embedding + position → [ x + attention(LayerNorm x), x + feedForward(LayerNorm x) ] × layers
///               → LayerNorm → unembedding → logits → softmax → the next token
///
/// Clauses: NUM-1, NUM-5, RES-8.
public struct ReferenceTransformer: Transformer, NextTokenPredictor {
  /// The model's parameters.
  public let weights: Weights

  /// The model it computes.
  public var configuration: Configuration { weights.configuration }

  /// Creates the reference of one model.
  public init(_ weights: Weights) {
    self.weights = weights
  }

  /// Computes a whole sequence and hands every activation to `observe`, in the order of computation.
  ///
  /// Clauses: RES-1 to RES-8.
  public func forward(
    _ inputs: Inputs, observe: (Activation, Tensor<Double>) throws -> Void
  ) rethrows {
    try forward(inputs) { operation, activations, parameters in
      let value = evaluate(
        operation, activations: activations, parameters: parameters, inputs: inputs)
      try observe(operation.output, value)
      return value
    }
  }

  /// Computes a whole sequence, leaving each operation to `compute`, which may observe it or put another in
  /// its place.
  ///
  /// Clauses: RES-8, RES-11.
  ///
  /// - Parameters:
  ///   - inputs: the sequence.
  ///   - compute: makes an operation's output from its activations and parameters, usually by
  ///     ``evaluate(_:activations:parameters:inputs:temperature:)``.
  public func forward(
    _ inputs: Inputs,
    computing compute: (Operation, [Tensor<Double>], [Tensor<Double>]) throws -> Tensor<Double>
  ) rethrows {
    let operations = configuration.operations
    let readers = Dictionary(
      operations.flatMap { operation in operation.inputs.map { ($0, 1) } }, uniquingKeysWith: +)
    var remainingReaders = readers
    var values: [Activation: Tensor<Double>] = [:]
    for operation in operations {
      let activations = operation.inputs.map { activation in
        guard let value = values[activation] else {
          preconditionFailure("\(operation.output) reads \(activation), which nothing made before it")
        }
        return value
      }
      // A value is kept only until its last reader has it: a deep model needs no more memory than a shallow one.
      for activation in operation.inputs {
        remainingReaders[activation, default: 0] -= 1
        if remainingReaders[activation] == 0 { values[activation] = nil }
      }
      let value = try compute(operation, activations, operation.parameters.map(weights.float64))
      if readers[operation.output] != nil { values[operation.output] = value }
    }
  }

  /// The logits that follow `tokens`, computed from the beginning each time: [V].
  ///
  /// Clauses: GEN-2, GEN-10.
  ///
  /// - Throws: ``BadInput`` when the tokens do not fit the model.
  public func nextTokenLogits(after tokens: [Int]) throws -> [Double] {
    var logits: [Double] = []
    try forward(Inputs(tokenIDs: tokens, configuration: configuration)) { activation, value in
      if activation.point == .logits { logits = Array(value.row(value.rowCount - 1)) }
    }
    return logits
  }
}
