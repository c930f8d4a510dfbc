import TouchstoneModel

/// How one recorded activation can be recomputed from others that are recorded.
struct ReplayPlan: Sendable {
  /// Where an operation's input comes from.
  indirect enum Source: Sendable {
    /// The capture holds it.
    case recorded(Activation)
    /// The capture lacks it; it is replayed together with the operation that reads it.
    case replayed(ReplayPlan)
  }

  /// What is computed.
  let operation: Operation
  /// Where each of its inputs comes from.
  let sources: [Source]

  /// The recorded activations that it is computed from.
  var recorded: [Activation] {
    sources.flatMap { source in
      switch source {
      case .recorded(let activation): [activation]
      case .replayed(let plan): plan.recorded
      }
    }
  }

  /// The activations in between that the capture lacks, in the order of computation.
  var hidden: [Activation] {
    var found: [Activation] = []
    for case .replayed(let plan) in sources {
      for activation in plan.hidden + [plan.operation.output] where !found.contains(activation) {
        found.append(activation)
      }
    }
    return found
  }
}

/// Finds, for each operation, the recorded activations that it can be replayed from.
struct ReplayPlanner: Sendable {
  /// Why an operation cannot be replayed, in a few words.
  struct Obstacle: Error {
    let why: String
  }

  private let operations: [Activation: Operation]
  private let isUsable: @Sendable (Activation) -> Bool
  private let isDerived: @Sendable (Activation) -> Bool
  private let hasWeights: Bool

  /// Plans for a capture.
  ///
  /// - Parameters:
  ///   - operations: the model's.
  ///   - hasWeights: whether the parameters are at hand.
  ///   - isUsable: whether the capture holds an activation, in its right shape.
  ///   - isDerived: whether an engine reconstructed it for the recording.
  init(
    _ operations: [Operation], hasWeights: Bool, isUsable: @escaping @Sendable (Activation) -> Bool,
    isDerived: @escaping @Sendable (Activation) -> Bool
  ) {
    self.operations = Dictionary(operations.map { ($0.output, $0) }) { first, _ in first }
    self.isUsable = isUsable
    self.isDerived = isDerived
    self.hasWeights = hasWeights
  }

  /// The plan for one operation.
  ///
  /// - Throws: ``Obstacle`` where the capture lacks too much.
  func plan(_ operation: Operation) throws(Obstacle) -> ReplayPlan {
    let plan = try assemble(operation, hiddenBlocks: [])
    guard Set(plan.hidden.filter(isComputed).map(\.layer)).count <= 1 else { throw Self.tooFar }
    return plan
  }

  private static let tooFar = Obstacle(
    why: "what lies between it and the nearest recorded activations spans more than one block")

  private func assemble(_ operation: Operation, hiddenBlocks: Set<Int?>) throws(Obstacle) -> ReplayPlan {
    if !operation.parameters.isEmpty, !hasWeights {
      throw Obstacle(why: "the weights are not at hand")
    }
    var sources: [ReplayPlan.Source] = []
    for input in operation.inputs {
      sources.append(try source(of: input, for: operation, hiddenBlocks: hiddenBlocks))
    }
    return ReplayPlan(operation: operation, sources: sources)
  }

  private func source(
    of input: Activation, for reader: Operation, hiddenBlocks: Set<Int?>
  ) throws(Obstacle) -> ReplayPlan.Source {
    if let cached = input.cacheRead(by: reader), isUsable(cached) { return .recorded(cached) }
    // Probabilities that an engine reconstructed are not what its attention multiplied the values with.
    let isStandIn = isDerived(input) && reader.kind == .attentionContext
    if isUsable(input), !isStandIn { return .recorded(input) }
    guard let maker = operations[input] else { throw Obstacle(why: "\(input) is not recorded") }
    let blocks = isComputed(input) ? hiddenBlocks.union([input.layer]) : hiddenBlocks
    guard blocks.count <= 1 else { throw Self.tooFar }
    return .replayed(try assemble(maker, hiddenBlocks: blocks))
  }

  /// Whether an activation is more than another one handed on.
  private func isComputed(_ activation: Activation) -> Bool {
    operations[activation]?.kind != .identity
  }
}

extension Activation {
  /// The keys or values that attention really read, which a capture may hold apart from those projected.
  package func cacheRead(by reader: Operation) -> Activation? {
    switch (reader.kind, point) {
    case (.attentionScores, .key): layer.map { Activation(.keyCache, layer: $0) }
    case (.attentionContext, .value): layer.map { Activation(.valueCache, layer: $0) }
    default: nil
    }
  }
}
