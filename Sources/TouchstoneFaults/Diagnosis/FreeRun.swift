import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// The golden's own forward pass run again in float64 with a fault in it: only what follows the fault is recomputed.
struct FreeRun: Sendable {
  let golden: SharedSource
  let weights: Weights
  private let operations: [Operation]

  init(golden: SharedSource, weights: Weights) {
    self.golden = golden
    self.weights = weights
    operations = weights.configuration.operations
  }

  /// The operations that lead to an activation, after those of `known`, in the order of computation.
  func operations(before target: Activation, after known: Activation?) -> ArraySlice<Operation> {
    guard let end = operations.firstIndex(where: { $0.output == target }) else { return [] }
    let start = known.flatMap { known in operations.firstIndex { $0.output == known } }.map { $0 + 1 } ?? 0
    return operations[min(start, end)...end]
  }

  /// The value of `target` with a fault at each of `places`; nil where it can arise at none of them.
  ///
  /// - Parameter handOn: what an implementation does to each value that follows, such as rounding it.
  /// - Throws: what reading the golden throws.
  func value(
    of target: Activation, planting fault: Fault, at places: Set<Activation>,
    handOn: (Tensor<Double>) -> Tensor<Double> = { $0 }
  ) throws -> Tensor<Double>? {
    var value: Tensor<Double>?
    let faults = Dictionary(uniqueKeysWithValues: places.map { ($0, fault) })
    let isPlanted = try forward(planting: faults, until: target, handOn: handOn) { activation, changed in
      if activation == target { value = changed }
    }
    return isPlanted ? try value ?? golden.tensor(target) : nil
  }

  /// Computes what follows from faults, each by the activation whose making it spoils, and hands every changed value
  /// to `observe`, in the order of computation.
  ///
  /// - Parameters:
  ///   - target: the last activation that is needed.
  ///   - handOn: what an implementation does to each value, such as rounding it.
  /// - Returns: whether any of the faults could arise.
  /// - Throws: what reading the golden throws.
  func forward(
    planting faults: [Activation: Fault], until target: Activation? = nil,
    handOn: (Tensor<Double>) -> Tensor<Double>, observe: (Activation, Tensor<Double>) -> Void
  ) throws -> Bool {
    var changed: [Activation: Tensor<Double>] = [:]
    var isPlanted = false
    for operation in operations {
      let fault = faults[operation.output]
      guard fault != nil || operation.inputs.contains(where: { changed[$0] != nil }) else { continue }
      let activations = try operation.inputs.compactMap { try changed[$0] ?? golden.tensor($0) }
      guard activations.count == operation.inputs.count else { return false }
      let parameters = operation.parameters.map(weights.float64)
      let known = changed
      let site = FaultSite(
        operation: operation, activations: activations, parameters: parameters, inputs: golden.inputs,
        temperature: golden.temperature, configuration: golden.configuration,
        activation: { [golden] in try? known[$0] ?? golden.tensor($0) },
        parameter: { [weights] in weights.stored[$0] == nil ? nil : weights.float64($0) })
      var spoilt = fault?.spoilt(site)
      let wanted = golden.configuration.shape(of: operation.output, tokenCount: golden.inputs.count)
      if spoilt?.shape != wanted { spoilt = nil }
      isPlanted = isPlanted || spoilt != nil
      guard spoilt != nil || !changed.isEmpty else { continue }
      let value = handOn(spoilt ?? site.evaluated())
      changed[operation.output] = value
      observe(operation.output, value)
      if operation.output == target { break }
      // A fault reaches back one block at most: no more of a deep model is held than of a shallow one.
      if let layer = operation.output.layer {
        changed = changed.filter { $0.key.layer.map { $0 >= layer - 1 } ?? false }
      }
    }
    return isPlanted
  }

  /// Multiply-adds of one run with the earliest of `places` as its beginning.
  func cost(from places: Set<Activation>, to target: Activation) -> Double {
    guard let start = operations.firstIndex(where: { places.contains($0.output) }) else { return 0 }
    return operations(before: target, after: nil).dropFirst(start).reduce(0) { $0 + cost(of: $1) }
  }

  private func cost(of operation: Operation) -> Double {
    let configuration = golden.configuration
    let tokens = Double(golden.inputs.count)
    let width = Double(configuration.width)
    return switch operation.kind {
    case .linear, .unembedding:
      operation.parameters.prefix(1).reduce(tokens) { $0 * Double(configuration.shape(of: $1).reduce(1, *)) }
    case .headProjection: tokens * width * width
    case .attentionScores, .attentionContext: tokens * tokens * width
    case .maskedSoftmax: 20 * tokens * tokens * Double(configuration.headCount)
    default: 10 * tokens * width
    }
  }
}
