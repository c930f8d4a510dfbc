import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// The golden's own forward pass run again in float64 with a fault in it: only what follows the fault is recomputed.
struct FreeRun: Sendable {
  let golden: SharedSource
  let graph: Graph
  private let executor: Executor
  /// Where the last reader of each activation stands.
  private let lastReaders: [Activation: Int]

  private var operations: [Operation] { graph.operations }

  init(golden: SharedSource, weights: Weights) {
    self.golden = golden
    executor = Executor(weights.with(temperature: golden.temperature), golden.inputs)
    graph = executor.weights.graph
    lastReaders = Dictionary(
      graph.operations.enumerated().flatMap { index, operation in operation.inputs.map { ($0, index) } },
      uniquingKeysWith: max)
  }

  /// The operations that lead to an activation, after those of `known`, in the order of computation.
  func operations(before target: Activation, after known: Activation?) -> ArraySlice<Operation> {
    guard let end = graph.index(making: target) else { return [] }
    let start = known.flatMap(graph.index(making:)).map { $0 + 1 } ?? 0
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
    for (index, operation) in operations.enumerated() {
      let fault = faults[operation.output]
      guard fault != nil || operation.inputs.contains(where: { changed[$0] != nil }) else { continue }
      let known = changed
      guard let site = try executor.site(of: operation, from: { try known[$0] ?? golden.tensor($0) })
      else { return false }
      let spoilt = fault?.spoilt(
        FaultSite(
          site: site, graph: graph, activation: { [golden] in try? known[$0] ?? golden.tensor($0) },
          parameter: { [executor] in executor.weights.known($0) }))
      isPlanted = isPlanted || spoilt != nil
      guard spoilt != nil || !changed.isEmpty else { continue }
      let value = handOn(spoilt ?? site.value())
      changed[operation.output] = value
      observe(operation.output, value)
      if operation.output == target { break }
      // A fault reaches back one block at most: no more of a deep model is held than of a shallow one.
      if let block = operation.output.block {
        changed = changed.filter { activation, _ in
          lastReaders[activation] ?? 0 > index
            || activation.block.map { $0.index >= block.index - 1 } ?? false
        }
      }
    }
    return isPlanted
  }

  /// Multiply-adds of one run with the earliest of `places` as its beginning.
  func cost(from places: Set<Activation>, to target: Activation) -> Double {
    guard let start = places.compactMap(graph.index(making:)).min() else { return 0 }
    return operations(before: target, after: nil).dropFirst(start).reduce(0) { $0 + cost(of: $1) }
  }

  private func cost(of operation: Operation) -> Double {
    let tokens = golden.inputs.count
    func shape(_ activation: Activation) -> [Int] { graph.shape(of: activation, tokenCount: tokens) ?? [] }
    let outputs = shape(operation.output).reduce(1.0) { $0 * Double($1) }
    if operation.kind.traits.contains(.contraction), let read = operation.inputs.first {
      return outputs * Double(shape(read).last ?? 1)
    }
    if operation.kind.payload is AttentionProbabilities { return 20 * outputs }
    return 10 * Double(tokens * graph.streamWidth)
  }
}
