import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// Where a fault is planted or suspected: one operation, and everything that it could read, rightly or wrongly.
public struct FaultSite {
  /// The operation with what it reads.
  let site: Site
  /// The model.
  public let graph: Graph
  /// Any other activation of the same run, where it is known.
  let activation: (Activation) -> Tensor<Double>?
  /// Any other parameter of the model, where it is known.
  let parameter: (Parameter) -> Tensor<Double>?
  /// What parameters are stored in: a fault of the storage can make no other numbers.
  var parameterFormat = NumberFormat.float32
  /// Where what was captured is beyond its bound; empty where nothing was captured.
  var wrongPlaces: [Int] = []

  /// The operation that is spoilt.
  public var operation: Operation { site.operation }
  /// The activations that it reads.
  public var activations: [Tensor<Double>] { site.operands.activations }
  /// The parameters that it reads, whole and as they are stored.
  public var parameters: [Tensor<Double>] { site.operands.parameters.map(\.tensor) }
  /// The sequence.
  public var inputs: Inputs { site.inputs }

  /// The operation's value with some of what it reads changed.
  func evaluated(
    as kind: (any OperationKind)? = nil, activations: [Tensor<Double>]? = nil,
    parameters: [Tensor<Double>]? = nil
  ) -> Tensor<Double> {
    let viewed = parameters.map { zip($0, operation.parameters).map { ParameterValues($0, $1) } }
    return (kind?.kind ?? operation.kind).value(
      Operands(activations ?? self.activations, parameters: viewed ?? site.operands.parameters), in: inputs)
  }

  /// The operation's value where other outputs of its parameters are read.
  func evaluated(selecting selection: ParameterView.Selection) -> Tensor<Double> {
    let viewed = zip(parameters, operation.parameters).map { tensor, view in
      ParameterValues(tensor, ParameterView(view.parameter, view.layout, selection))
    }
    return operation.kind.value(Operands(activations, parameters: viewed), in: inputs)
  }

  /// The operation's value, changed afterwards.
  func edited(_ change: (inout Tensor<Double>) -> Void) -> Tensor<Double> {
    var value = site.value()
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

  /// The operation's value where it reads another activation first; nil where that is not known or does not fit.
  func evaluated(reading other: Activation?) -> Tensor<Double>? {
    guard let value = other.flatMap(activation), value.shape == activations[0].shape else { return nil }
    return evaluated(activations: [value] + activations.dropFirst())
  }
}

extension Site {
  /// One operation with what a recording and a model have of its operands; nil where one is missing.
  init?(
    _ operation: Operation, of graph: Graph, inputs: Inputs, weights: Weights?,
    reading source: (Activation) throws -> Tensor<Double>?
  ) rethrows {
    guard let inputs = try graph.inputs(of: operation.output, in: inputs, decided: source) else { return nil }
    let activations = try operation.inputs.compactMap(source)
    let parameters = operation.parameters.compactMap { view in
      weights.map { ParameterValues($0.float64(view.parameter), view) }
    }
    guard activations.count == operation.inputs.count, parameters.count == operation.parameters.count
    else { return nil }
    self.init(
      operation: operation, operands: Operands(activations, parameters: parameters), inputs: inputs)
  }

  /// The same with parameters as they are when they are stored in a format.
  func rounded(to format: NumberFormat) -> Site {
    // Weights are float32 numbers already.
    guard format.significandBits < 24 else { return self }
    let parameters = zip(operands.parameters, operation.parameters).map {
      ParameterValues(format.rounded($0.tensor), $1)
    }
    return Site(
      operation: operation, operands: Operands(operands.activations, parameters: parameters), inputs: inputs)
  }
}

extension Weights {
  /// The values of a parameter as they are when it is stored in a format; nil for one that the model has not.
  func known(_ parameter: Parameter, in format: NumberFormat = .float32) -> Tensor<Double>? {
    guard stored[parameter.name] != nil else { return nil }
    return format.significandBits < 24 ? format.rounded(float64(parameter)) : float64(parameter)
  }
}
