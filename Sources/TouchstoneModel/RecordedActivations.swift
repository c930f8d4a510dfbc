/// Activations of one sequence, held in memory.
public struct RecordedActivations: ActivationSource, Sendable {
  /// The model they belong to.
  public let configuration: Configuration
  /// What the forward pass was given.
  public let inputs: Inputs
  /// The arithmetic that made them.
  public var precision: Precision
  /// What divided the logits before `final/probs`.
  public var temperature: Double
  /// The values, widened exactly; an entry may be replaced or removed.
  public var tensors: [Activation: Tensor<Double>]

  /// Collects activations that were computed elsewhere.
  public init(
    configuration: Configuration, inputs: Inputs, precision: Precision = .float32, temperature: Double = 1,
    tensors: [Activation: Tensor<Double>] = [:]
  ) {
    self.configuration = configuration
    self.inputs = inputs
    self.precision = precision
    self.temperature = temperature
    self.tensors = tensors
  }

  /// Runs an implementation on `inputs` and keeps every activation that it hands out.
  ///
  /// - Throws: what the implementation throws.
  public init<Implementation: Transformer>(of implementation: Implementation, inputs: Inputs) throws {
    let precision: Precision = Implementation.Scalar.self == Double.self ? Precision(.float64) : .float32
    self.init(configuration: implementation.configuration, inputs: inputs, precision: precision)
    try implementation.forward(inputs) { activation, tensor in
      tensors[activation] = tensor.converted(to: Double.self)
    }
  }

  /// The type of the precision, for every activation held.
  public func storedType(of activation: Activation) -> ScalarType? {
    tensors[activation] == nil ? nil : precision.type
  }

  /// The extents of the tensor held.
  public func storedShape(of activation: Activation) -> [Int]? {
    tensors[activation]?.shape
  }

  /// The tensor held.
  public func tensor(_ activation: Activation) -> Tensor<Double>? {
    tensors[activation]
  }
}
