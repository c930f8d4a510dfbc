import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// The operations behind one finding, replayed on the capture's own activations with a fault among them.
struct HypothesisReplay: Sendable {
  /// The operation whose output was judged.
  let operation: TouchstoneModel.Operation
  private let chain: [TouchstoneModel.Operation]
  private let capture: SharedSource
  private let weights: Weights?

  /// Products with more terms than this are too many for faults that round every one of them.
  private static let greatestTermCount = 1 << 27

  /// Gathers the operation and those hidden before it; nil for what is no operation of the model.
  init?(_ finding: Finding, capture: any ActivationSource, weights: Weights?) {
    let operations = capture.configuration.operations
    guard let operation = operations.first(where: { $0.output == finding.activation }) else { return nil }
    self.operation = operation
    self.chain = operations.filter { finding.hidden.contains($0.output) } + [operation]
    self.capture = SharedSource(capture)
    self.weights = weights
  }

  /// Whether the output is one of probabilities.
  var isSoftmax: Bool { operation.kind == .maskedSoftmax || operation.kind == .softmax }

  /// Which elements of the output are judged.
  var judgedElements: (Int) -> Bool {
    operation.judgedElements(capture.inputs, configuration: capture.configuration)
  }

  /// The operations of the chain that a fault can spoil.
  func places(of fault: Fault) -> [Activation] {
    chain.filter {
      fault.points.contains($0.output.point) && (!fault.isSlow || termCount($0) <= Self.greatestTermCount)
    }
    .map(\.output)
  }

  /// How many products an operation sums.
  private func termCount(_ operation: TouchstoneModel.Operation) -> Int {
    let shape = operation.parameters.first.map(capture.configuration.shape(of:)) ?? []
    return shape.reduce(capture.inputs.count, *)
  }

  /// The value of the judged activation with a fault planted; nil where the fault cannot arise.
  func value(planting fault: Fault, at place: Activation) throws -> Tensor<Double>? {
    var replayed: [Activation: Tensor<Double>] = [:]
    for operation in chain {
      let activations = try operation.inputs.compactMap { input in
        try replayed[input] ?? capture.tensor(input, readBy: operation)
      }
      let parameters = operation.parameters.compactMap { weights?.float64($0) }
      guard activations.count == operation.inputs.count, parameters.count == operation.parameters.count
      else { return nil }
      guard operation.output == place else {
        replayed[operation.output] = evaluate(
          operation, activations: activations, parameters: parameters, inputs: capture.inputs,
          temperature: capture.temperature)
        continue
      }
      let known = replayed
      let site = FaultSite(
        operation: operation, activations: activations, parameters: parameters, inputs: capture.inputs,
        temperature: capture.temperature, configuration: capture.configuration,
        activation: { try? known[$0] ?? capture.tensor($0, readBy: nil) },
        parameter: { parameter in
          weights.flatMap { $0.stored[parameter] == nil ? nil : $0.float64(parameter) }
        })
      // Where it is judged itself, its rounding is part of the comparison.
      guard let value = operation == self.operation ? fault.output(site) : fault.spoilt(site) else {
        return nil
      }
      replayed[operation.output] = value
    }
    return replayed[operation.output]
  }
}

extension SharedSource {
  /// The tensor that `reader` reads: from the cache, where the capture holds it apart.
  fileprivate func tensor(
    _ activation: Activation, readBy reader: TouchstoneModel.Operation?
  ) throws -> Tensor<Double>? {
    if let cache = reader.flatMap(activation.cacheRead(by:)), hasRightShape(cache) {
      return try tensor(cache)
    }
    return hasRightShape(activation) ? try tensor(activation) : nil
  }
}
