import TouchstoneModel

/// Activations of one sequence, held in memory.
public struct RecordedActivations: ActivationSource, Sendable {
  /// The model they belong to.
  public let graph: Graph
  /// What the forward pass was given.
  public let inputs: Inputs
  /// The arithmetic that made them.
  public var precision: Precision
  /// In what products with a matrix read their inputs.
  public var productInputs = ProductInputs.recorded
  /// What divided the logits before `final/probs`.
  public var temperature: Double
  /// The type in which the values were handed out.
  public var type: ScalarType
  /// The values, widened exactly; an entry may be replaced or removed.
  public var tensors: [Activation: Tensor<Double>]

  /// Collects activations that were computed elsewhere.
  ///
  /// - Parameter type: the type in which they were handed out; that of the precision unless given.
  public init(
    graph: Graph, inputs: Inputs, precision: Precision = .float32, type: ScalarType? = nil,
    temperature: Double = 1, tensors: [Activation: Tensor<Double>] = [:]
  ) {
    self.graph = graph
    self.inputs = inputs
    self.precision = precision
    self.type = type ?? precision.type
    self.temperature = temperature
    self.tensors = tensors
  }

  /// Runs an implementation on `inputs` and keeps every activation that it hands out.
  ///
  /// - Throws: what the implementation throws, and ``BadInput`` where it hands out an activation that the model
  ///   does not have, or one twice.
  public init<Implementation: Transformer>(of implementation: Implementation, inputs: Inputs) throws {
    let graph = implementation.graph
    self.init(
      graph: graph, inputs: inputs, precision: implementation.precision,
      type: ScalarType(Implementation.Scalar.self))
    try implementation.forward(inputs) { activation, tensor in
      guard graph.axes(of: activation) != nil else {
        throw BadInput(
          place: activation.path, problem: "is handed out, but no operation of the model makes it")
      }
      guard tensors.updateValue(tensor.converted(to: Double.self), forKey: activation) == nil else {
        throw BadInput(place: activation.path, problem: "is handed out twice")
      }
    }
  }

  /// The type in which they were handed out, for every activation held.
  public func storedType(of activation: Activation) -> ScalarType? {
    tensors[activation] == nil ? nil : type
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
