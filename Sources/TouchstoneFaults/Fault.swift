import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference

/// A realistic bug: one operation of the reference, put in the place of the right one.
public struct Fault: Sendable, CustomStringConvertible {
  /// What part of an implementation the bug belongs to.
  public enum Family: String, Sendable, CaseIterable {
    case attention
    case mask
    case softmax
    case heads
    case layerNorm = "layer norm"
    case activation
    case weights
    case bias
    case tail
    case cache
    case staleness
    case precision
    case wiring
    case embedding
    case readout
  }

  /// The stable name in reports, such as `gelu.half-table`.
  public let id: String
  /// What is wrong, in words.
  public let name: String
  /// What part of an implementation it belongs to.
  public let family: Family
  /// Where it arises in practice.
  public let practice: String
  /// The activations whose making it can spoil.
  public let points: Set<Activation.Point>
  /// The format that the faulty output is rounded to, where rounding it is part of the bug.
  let storage: NumberFormat?
  /// The faulty operation before that rounding; nil where the bug cannot arise, such as a second head in a model with one.
  let output: @Sendable (FaultSite) -> Tensor<Double>?

  /// Describes a bug, whose `output` is made in float64 from what the operation reads.
  init(
    _ id: String, _ name: String, _ family: Family, at points: Set<Activation.Point>, practice: String,
    storedAs storage: NumberFormat? = nil, output: @escaping @Sendable (FaultSite) -> Tensor<Double>?
  ) {
    self.id = id
    self.name = name
    self.family = family
    self.practice = practice
    self.points = points
    self.storage = storage
    self.output = output
  }

  /// The stable name.
  public var description: String { id }

  /// The operations of a model that it can spoil.
  public func sites(in configuration: Configuration) -> [Operation] {
    configuration.operations.filter { points.contains($0.output.point) }
  }
}

extension Fault {
  /// The faulty output, rounded as the bug would have it; nil where the bug cannot arise or the output would
  /// have another shape.
  func spoilt(_ site: FaultSite) -> Tensor<Double>? {
    guard let value = output(site) else { return nil }
    guard let storage else { return value }
    return Tensor(value.values.map { storage.round($0) }, shape: value.shape)
  }
}

extension Fault {
  /// Whether it is computed term by term, and so takes long for large products.
  var isSlow: Bool { family == .precision && id.hasSuffix("accumulator") || id.hasSuffix("blocks") }
}

/// Where a fault is planted or suspected: one operation, and everything that it could read, rightly or wrongly.
public struct FaultSite {
  /// The operation that is spoilt.
  public let operation: Operation
  /// What it reads.
  public let activations: [Tensor<Double>]
  /// The parameters that it reads.
  public let parameters: [Tensor<Double>]
  /// The sequence.
  public let inputs: Inputs
  /// What divides the logits.
  public let temperature: Double
  /// The model.
  public let configuration: Configuration
  /// Any other activation of the same run, where it is known.
  let activation: (Activation) -> Tensor<Double>?
  /// Any other parameter of the model.
  let parameter: (Parameter) -> Tensor<Double>?
  /// What parameters are stored in: a fault of the storage can make no other numbers.
  var parameterFormat = NumberFormat.float32

  /// The operation's value with some of what it reads changed.
  func evaluated(
    kind: Operation.Kind? = nil, activations: [Tensor<Double>]? = nil, parameters: [Tensor<Double>]? = nil,
    inputs: Inputs? = nil, temperature: Double? = nil
  ) -> Tensor<Double> {
    let operation = Operation(
      kind ?? self.operation.kind, self.operation.output, from: self.operation.inputs,
      with: self.operation.parameters)
    return evaluate(
      operation, activations: activations ?? self.activations, parameters: parameters ?? self.parameters,
      inputs: inputs ?? self.inputs, temperature: temperature ?? self.temperature)
  }

  /// The operation's value, changed afterwards.
  func edited(_ change: (inout Tensor<Double>) -> Void) -> Tensor<Double> {
    var value = evaluated()
    change(&value)
    return value
  }

  /// The operation's value with one of its activations changed.
  func evaluated(changing index: Int, _ change: (inout Tensor<Double>) -> Void) -> Tensor<Double> {
    var activations = activations
    change(&activations[index])
    return evaluated(activations: activations)
  }

  /// The operation's value with one of its parameters changed.
  func evaluated(changingParameter index: Int, _ change: (inout Tensor<Double>) -> Void) -> Tensor<Double> {
    var parameters = parameters
    change(&parameters[index])
    return evaluated(parameters: parameters)
  }

  /// Another activation of the same block.
  func sibling(_ point: Activation.Point) -> Tensor<Double>? {
    operation.output.layer.flatMap { activation(Activation(point, layer: $0)) }
  }
}
