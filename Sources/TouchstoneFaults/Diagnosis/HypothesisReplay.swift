import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// The operations behind one finding, replayed on the capture's own activations with a fault among them.
struct HypothesisReplay {
  /// The operation whose output was judged.
  let operation: Operation
  private let chain: [Operation]
  private let capture: any ActivationSource
  private let weights: Weights?

  /// Gathers the operation and those hidden before it.
  init?(_ finding: Finding, capture: any ActivationSource, weights: Weights?) throws {
    let operations = capture.configuration.operations
    guard let operation = operations.first(where: { $0.output == finding.activation }) else { return nil }
    self.operation = operation
    self.chain = operations.filter { finding.hidden.contains($0.output) } + [operation]
    self.capture = capture
    self.weights = weights
  }

  /// Whether the output is one of probabilities.
  var isSoftmax: Bool { operation.kind == .maskedSoftmax || operation.kind == .softmax }

  /// The operations of the chain that a fault can spoil.
  func places(of fault: Fault) -> [Activation] {
    chain.map(\.output).filter { fault.points.contains($0.point) }
  }

  /// The value of the judged activation with a fault planted; nil where the fault cannot arise.
  func value(planting fault: Fault, at place: Activation) throws -> Tensor<Double>? {
    var replayed: [Activation: Tensor<Double>] = [:]
    for operation in chain {
      let activations = try operation.inputs.map { input in
        try operation.cached(input, in: capture) ?? replayed[input] ?? capture.tensor(input)
      }
      let parameters = operation.parameters.compactMap { weights?.float64($0) }
      let known = activations.compactMap { $0 }
      guard known.count == activations.count, parameters.count == operation.parameters.count else {
        return nil
      }
      if operation.output == place {
        let site = FaultSite(
          operation: operation, activations: known, parameters: parameters, inputs: capture.inputs,
          temperature: capture.temperature, configuration: capture.configuration,
          activation: { activation in
            capture.hasRightShape(activation) ? (try? capture.tensor(activation)) ?? nil : nil
          },
          parameter: { parameter in
            weights.flatMap { $0.stored[parameter] == nil ? nil : $0.float64(parameter) }
          })
        // Where it is judged itself, its rounding is part of the comparison.
        guard let value = operation == self.operation ? fault.output(site) : fault.spoilt(site) else {
          return nil
        }
        replayed[operation.output] = value
      } else {
        replayed[operation.output] = evaluate(
          operation, activations: known, parameters: parameters, inputs: capture.inputs,
          temperature: capture.temperature)
      }
    }
    return replayed[operation.output]
  }
}

extension Operation {
  /// The keys or values that attention really read, where the capture holds them apart.
  fileprivate func cached(_ input: Activation, in capture: any ActivationSource) throws -> Tensor<Double>? {
    guard let cache = input.cacheRead(by: self), capture.hasRightShape(cache) else { return nil }
    return try capture.tensor(cache)
  }
}
