import Synchronization
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// The golden's own forward pass run again in float64 with a fault in it: only what follows the fault is recomputed.
final class FreeRun: Sendable {
  let golden: SharedSource
  let graph: Graph
  private let executor: Executor
  private let prepared: PreparedOperations
  /// Where the last reader of each activation stands.
  private let lastReaders: [Activation: Int]

  private var operations: [Operation] { graph.operations }

  convenience init(golden: SharedSource, weights: Weights) {
    let executor = Executor(weights.with(temperature: golden.temperature), golden.inputs)
    self.init(golden, executor, PreparedOperations(executor.weights))
  }

  private init(_ golden: SharedSource, _ executor: Executor, _ prepared: PreparedOperations) {
    self.golden = golden
    self.executor = executor
    self.prepared = prepared
    graph = executor.weights.graph
    lastReaders = Dictionary(
      graph.operations.enumerated().flatMap { index, operation in operation.inputs.map { ($0, index) } },
      uniquingKeysWith: max)
  }

  /// The same model on the first tokens as if there were no others, everything computed anew.
  func ofFirst(_ count: Int) -> FreeRun {
    let executor = Executor(executor.weights, golden.inputs.selecting(Array(0..<count)))
    var tensors: [Activation: Tensor<Double>] = [:]
    executor.walk(
      from: { _ in nil }, computing: { [prepared] in prepared.of($0).value(of: $1, in: $2) },
      observing: { tensors[$0] = $1 })
    let recorded = RecordedActivations(
      graph: graph, inputs: executor.inputs, temperature: golden.temperature, tensors: tensors)
    return FreeRun(SharedSource(recorded), executor, prepared)
  }

  /// The operations that lead to an activation, after those of `known`, in the order of computation.
  func operations(before target: Activation, after known: Activation?) -> ArraySlice<Operation> {
    guard let end = graph.index(making: target) else { return [] }
    let start = known.flatMap(graph.index(making:)).map { $0 + 1 } ?? 0
    return operations[min(start, end)...end]
  }

  /// The value of `target` with a fault at each of `places`; nil where it can arise at none of them.
  ///
  /// - Parameter step: of a product's outputs, of how many eights one is computed, where the target is one.
  /// - Parameter handOn: what an implementation does to each value that follows, such as rounding it.
  /// - Throws: what reading the golden throws.
  func value(
    of target: Activation, planting fault: Fault, at places: Set<Activation>, everyEight step: Int = 1,
    handOn: (Tensor<Double>) -> Tensor<Double> = { $0 }
  ) throws -> Tensor<Double>? {
    var value: Tensor<Double>?
    let faults = Dictionary(uniqueKeysWithValues: places.map { ($0, fault) })
    let isPlanted = try forward(planting: faults, until: target, everyEight: step, handOn: handOn) {
      if $0 == target { value = $1 }
    }
    guard isPlanted else { return nil }
    return try (value ?? golden.tensor(target)).map { $0.narrowed(everyEight: step, of: width(of: target)) }
  }

  /// Computes what follows from faults, each by the activation whose making it spoils, and hands every changed value
  /// to `observe`, in the order of computation.
  ///
  /// - Parameters:
  ///   - target: the last activation that is needed.
  ///   - step: of the outputs of `target`, where it is a product, of how many eights one is computed.
  ///   - handOn: what an implementation does to each value, such as rounding it.
  /// - Returns: whether any of the faults could arise.
  /// - Throws: what reading the golden throws.
  func forward(
    planting faults: [Activation: Fault], until target: Activation? = nil, everyEight step: Int = 1,
    handOn: (Tensor<Double>) -> Tensor<Double>, observe: (Activation, Tensor<Double>) -> Void
  ) throws -> Bool {
    var changed: [Activation: Tensor<Double>] = [:]
    var (isPlanted, latest): (Bool, Int?) = (false, nil)
    for (index, operation) in operations.enumerated() {
      let fault = faults[operation.output]
      guard fault != nil || operation.inputs.contains(where: { changed[$0] != nil }) else { continue }
      let known = changed
      let spoilt = try fault.flatMap { try self.spoilt($0, operation, known) }
      isPlanted = isPlanted || spoilt != nil
      guard spoilt != nil || !changed.isEmpty else { continue }
      guard
        let right = try spoilt
          ?? value(of: operation, known, everyEight: operation.output == target ? step : 1)
      else { return false }
      let value = handOn(right)
      changed[operation.output] = value
      observe(operation.output, value)
      if operation.output == target { break }
      // A fault reaches back one block at most: no more of a deep model is held than of a shallow one.
      if let block = operation.output.block?.index, block != latest {
        latest = block
        changed = changed.filter { activation, _ in
          lastReaders[activation] ?? 0 > index || activation.block.map { $0.index >= block - 1 } ?? false
        }
      }
    }
    return isPlanted
  }

  /// What a fault makes of an operation where what was computed anew is `known`; nil where it cannot arise.
  func spoilt(
    _ fault: Fault, _ operation: Operation, _ known: [Activation: Tensor<Double>] = [:]
  ) throws -> Tensor<Double>? {
    guard
      let site = try executor.site(of: operation, from: { [golden] in try known[$0] ?? golden.tensor($0) })
    else {
      return nil
    }
    return fault.spoilt(
      FaultSite(
        site: site, graph: graph, activation: { [golden] in try? known[$0] ?? golden.tensor($0) },
        parameter: { [executor] in executor.weights.known($0) }))
  }

  /// What the definition makes of an operation; nil where the golden lacks what it reads.
  private func value(
    of operation: Operation, _ known: [Activation: Tensor<Double>], everyEight step: Int
  ) throws -> Tensor<Double>? {
    let source = { [golden] in try known[$0] ?? golden.tensor($0) }
    let activations = try operation.inputs.compactMap(source)
    guard activations.count == operation.inputs.count,
      let inputs = try graph.inputs(of: operation.output, in: golden.inputs, decided: source)
    else { return nil }
    return prepared.of(operation).everyEight(step).value(of: activations, in: inputs)
  }

  /// Multiply-adds of one run with the earliest of `places` as its beginning.
  func cost(from places: Set<Activation>, to target: Activation, everyEight step: Int) -> Double {
    guard let start = places.compactMap(graph.index(making:)).min() else { return 0 }
    return operations(before: target, after: nil).dropFirst(start).reduce(0) { total, operation in
      total + cost(of: operation) / (operation.output == target ? Double(step) : 1)
    }
  }

  /// Multiply-adds of an operation with a fault in it, on a share of the tokens, and the copies of what it reads.
  func cost(ofSpoiling operation: Operation, tokens share: Double) -> Double {
    let parameters = operation.parameters.compactMap { executor.weights.stored[$0.parameter.name]?.shape }
    return share * cost(of: operation) + parameters.reduce(0) { $0 + 2 * Double($1.reduce(1, *)) }
  }

  /// Of how many eights of the outputs of `target` one is enough to tell one fault from another.
  func step(to target: Activation) -> Int {
    graph.operation(making: target)?.kind.payload is Linear
      ? max(1, width(of: target) / Self.enoughOutputs) : 1
  }

  /// More outputs of a product than about these tell nothing new of a fault before it.
  private static let enoughOutputs = 1024

  private func width(of activation: Activation) -> Int {
    graph.shape(of: activation, in: golden.inputs)?.last ?? 1
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

/// The operations of a model, each prepared when it is first computed.
private final class PreparedOperations: Sendable {
  private let weights: Weights
  private let known = Mutex<[Activation: PreparedOperation]>([:])

  init(_ weights: Weights) {
    self.weights = weights
  }

  func of(_ operation: Operation) -> PreparedOperation {
    if let known = known.withLock({ $0[operation.output] }) { return known }
    let prepared = PreparedOperation(operation, of: weights).repeated
    known.withLock { $0[operation.output] = prepared }
    return prepared
  }
}

extension Tensor<Double> {
  /// The outputs that ``PreparedOperation/everyEight(_:)`` keeps of rows of `width`; the same where nothing else is left.
  func narrowed(everyEight step: Int, of width: Int) -> Tensor<Double> {
    guard step > 1, rowWidth == width else { return self }
    let kept = PreparedOperation.outputs(of: width, everyEight: step)
    return Tensor(
      (0..<rowCount).flatMap { row in kept.map { self[row, $0] } }, shape: shape.dropLast() + [kept.count])
  }
}
