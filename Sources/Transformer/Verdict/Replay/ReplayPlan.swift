import TouchstoneGraph
import TouchstoneModel

/// How one recorded activation can be recomputed from others that are recorded.
struct ReplayPlan: Sendable {
  /// Where an operation's input comes from.
  enum Source: Sendable {
    /// The capture holds it.
    case recorded(Activation)
    /// The capture lacks it; an earlier step makes it.
    case replayed(Activation)
  }

  /// One operation to compute.
  struct Step: Sendable {
    /// What is computed.
    let operation: Operation
    /// Where each of its inputs comes from.
    let sources: [Source]
  }

  /// What is computed, in this order; the last one makes the activation that is judged.
  let steps: [Step]

  /// The step whose output is judged.
  var last: Step { steps[steps.count - 1] }

  /// What is judged.
  var operation: Operation { last.operation }

  /// The recorded activations that it is computed from.
  var recorded: [Activation] {
    steps.flatMap { step in
      step.sources.compactMap { source in
        if case .recorded(let activation) = source { activation } else { nil }
      }
    }
  }

  /// The activations in between that the capture lacks, in the order of computation.
  var hidden: [Activation] { steps.dropLast().map(\.operation.output) }

  /// Whether what is hidden lies in more than one block: bounds passed through several mean nothing any more.
  ///
  /// What is made of no activation, such as the biases of scores that all blocks share, passes none on.
  ///
  /// - Parameter unrounded: what is hidden by choice, through which bounds stay as narrow as sums of float32 are.
  func spansBlocks(except unrounded: Set<Activation> = []) -> Bool {
    let hidden = steps.dropLast().filter {
      $0.operation.making != .handedOn && !$0.sources.isEmpty && !unrounded.contains($0.operation.output)
    }
    return Set(hidden.map(\.operation.output.block?.ofForwardPass)).count > 1
  }

  /// Whether bounds passed through what is hidden lose much of their sharpness.
  ///
  /// A value handed on, or projections and branches of gradients that are only added into the stream, cost nothing.
  ///
  /// - Parameter unrounded: what is hidden by choice.
  func hidesMuch(except unrounded: Set<Activation> = []) -> Bool {
    let addsAllHidden = operation.isSum && steps.dropLast().allSatisfy(isAdded)
    return steps.dropLast().contains { step in
      if unrounded.contains(step.operation.output) { return false }
      if step.operation.isProjection || step.operation.addedParts > 0 { return !addsAllHidden }
      return step.operation.making != .handedOn && step.operation.making != .lookedUp
    }
  }

  /// Whether a hidden step is a projection or a branch of gradients that the judged operation reads itself.
  private func isAdded(_ step: Step) -> Bool {
    (step.operation.isProjection || step.operation.addedParts > 0)
      && last.sources.contains { source in
        if case .replayed(let activation) = source { activation == step.operation.output } else { false }
      }
  }
}

/// Finds, for each operation, the recorded activations that it can be replayed from.
struct ReplayPlanner: Sendable {
  /// Why an operation cannot be replayed, in a few words.
  struct Obstacle: Error {
    let why: String
  }

  private let operations: [Operation]
  private let place: [Activation: Int]
  private let isUsable: @Sendable (Activation) -> Bool
  private let isDerived: @Sendable (Activation) -> Bool
  private let decider: @Sendable (Activation) -> Activation?
  private let hasWeights: Bool

  /// Plans for a capture.
  ///
  /// - Parameters:
  ///   - operations: the model's, in the order of computation.
  ///   - hasWeights: whether the parameters are at hand.
  ///   - isUsable: whether the capture holds an activation, in its right shape.
  ///   - isDerived: whether an engine reconstructed it for the recording.
  ///   - decider: what decides which tokens an activation has rows of; nil where nothing does.
  init(
    _ operations: [Operation], hasWeights: Bool, isUsable: @escaping @Sendable (Activation) -> Bool,
    isDerived: @escaping @Sendable (Activation) -> Bool,
    decider: @escaping @Sendable (Activation) -> Activation? = { _ in nil }
  ) {
    self.operations = operations
    self.place = Dictionary(operations.enumerated().map { ($1.output, $0) }) { first, _ in first }
    self.isUsable = isUsable
    self.isDerived = isDerived
    self.decider = decider
    self.hasWeights = hasWeights
  }

  /// The plan for one operation.
  ///
  /// - Parameter unrounded: what is recomputed though it is recorded.
  /// - Throws: ``Obstacle`` where the capture lacks too much.
  func plan(_ operation: Operation, recomputing unrounded: Set<Activation> = []) throws(Obstacle)
    -> ReplayPlan
  {
    var hidden: [Int: ReplayPlan.Step] = [:]
    let last = try step(operation, unrounded, &hidden)
    return ReplayPlan(steps: hidden.sorted { $0.key < $1.key }.map(\.value) + [last])
  }

  /// One operation's step, with those of what it reads and the capture lacks gathered in `hidden`.
  private func step(
    _ operation: Operation, _ unrounded: Set<Activation>, _ hidden: inout [Int: ReplayPlan.Step]
  ) throws(Obstacle) -> ReplayPlan.Step {
    if !operation.parameters.isEmpty, !hasWeights {
      throw Obstacle(why: "the weights are not at hand")
    }
    if let decider = decider(operation.output), !isUsable(decider) {
      throw Obstacle(why: "\(decider) is not recorded")
    }
    var sources: [ReplayPlan.Source] = []
    for input in operation.inputs {
      if !unrounded.contains(input), let known = recorded(input, readBy: operation) {
        sources.append(.recorded(known))
        continue
      }
      guard let maker = place[input] else { throw Obstacle(why: "\(input) is not recorded") }
      // Near a tie right engines decide differently: what was really decided must be known.
      if operations[maker].kind.payload.isDecision { throw Obstacle(why: "\(input) is not recorded") }
      if hidden[maker] == nil { hidden[maker] = try step(operations[maker], unrounded, &hidden) }
      sources.append(.replayed(input))
    }
    return ReplayPlan.Step(operation: operation, sources: sources)
  }

  /// What the capture holds of an input.
  private func recorded(_ input: Activation, readBy reader: Operation) -> Activation? {
    if let cached = input.cacheRead(by: reader), isUsable(cached) { return cached }
    // Probabilities that an engine reconstructed are not what its attention multiplied the values with.
    let isStandIn = isDerived(input) && reader.kind.bounded is AttentionContext
    return isUsable(input) && !isStandIn ? input : nil
  }
}

extension Activation {
  /// What attention really read of it, which a capture may hold apart from what was computed.
  package func cacheRead(by reader: Operation) -> Activation? {
    guard let place = reader.inputs.firstIndex(of: self) else { return nil }
    return reader.kind.payload.cachedOperands[place].map { Activation($0, in: reader.output.block) }
  }
}
