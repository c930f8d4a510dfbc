import TouchstoneGraph
import TouchstoneModel

/// The fast implementation: float32, vector instructions, threads, packed weights, a key-value cache.
///
/// Every bit it computes is determined by the weights and the tokens: the order of every sum is fixed, so
/// that results do not depend on the number of threads, on how a prompt is cut, on what the cache held, on
/// whether anybody observes, or on which of the instruction sets with fused multiply-add runs.
/// `Docs/Specification` states the order.
///
/// Copies share the packed weights and the threads. Several threads may call ``forward(_:observe:)`` at once.
public struct SIMDTransformer: Transformer, NextTokenPredictor, Sendable {
  /// The vector instructions that its kernels use.
  public let instructionSet: InstructionSet
  /// The greatest number of threads that work at once.
  public var threadCount: Int { pool.threadCount }
  /// The model it computes.
  public var graph: Graph { model.plan.graph }

  private let model: PackedModel
  private var kernels: Kernels
  private let pool: ThreadPool
  private var session: PredictionSession

  /// What the encoder reads when the next token is asked for; nil in a model without one.
  public var source: Inputs? {
    didSet { forgetPrompt() }
  }

  /// Packs the weights in float32; they are not needed afterwards.
  ///
  /// - Parameters:
  ///   - weights: the model.
  ///   - instructionSet: one of ``InstructionSet/available``; nil takes
  ///     ``InstructionSet/preferred(environment:)``.
  ///   - threadCount: nil takes one for each processor.
  ///   - forOnePass: packs only what is read next, in each pass anew, so that a model larger than the memory can be
  ///     computed; its weights are needed as long as the value is used. The bits of results are the same.
  /// - Throws: ``BadInput`` when the instruction set is not available, the thread count is outside 1…1024, the model has
  ///   an operation that is not offered, or there is no memory for the packed weights.
  public init(
    weights: Weights, instructionSet: InstructionSet? = nil, threadCount: Int? = nil, forOnePass: Bool = false
  ) throws(BadInput) {
    try self.init(
      weights: weights, resources: Resources(instructionSet: instructionSet, threadCount: threadCount),
      forOnePass: forOnePass)
  }

  package init(weights: Weights, resources: Resources, forOnePass: Bool = false) throws(BadInput) {
    instructionSet = resources.instructionSet
    model = try PackedModel(weights, forOnePass: forOnePass)
    kernels = resources.kernels
    pool = resources.pool
    session = PredictionSession()
  }

  /// The same with some of its kernels replaced: by faulty ones, to see that they are found.
  package func replacing(_ change: (inout Kernels) -> Void) -> SIMDTransformer {
    var copy = self
    change(&copy.kernels)
    return copy
  }

  /// Computes a whole sequence and hands every activation to `observe`, in the order of computation.
  ///
  /// Observing changes no bit of any value.
  public func forward(
    _ inputs: Inputs, observe: (Activation, Tensor<Float>) throws -> Void
  ) throws {
    guard inputs.sequenceCount == 1 else { throw NotImplemented("several sequences at once") }
    let (count, needs) = (inputs.count, model.plan.needs)
    var rows = Rows(
      first: 0, tokenIDs: inputs.tokenIDs, positionIDs: inputs.positionIDs, tokenTypeIDs: inputs.tokenTypeIDs)
    for input in inputs.givenArrays { rows.arrays[input] = inputs.array(input) }
    let given = rows
    try withoutActuallyEscaping(observe) { observe in
      try model.pass {
        let source = try inputs.source.map {
          try ForwardPass.encode($0, model, kernels: kernels, pool: pool, observe: observe)
        }
        let cache = KeyValueCache(
          needs.cacheShapes(ofSource: false), capacity: count, attentionMask: inputs.attentionMask)
        let pass = ForwardPass(
          model, kernels: kernels, pool: pool, cache: cache,
          workspace: Workspace(
            needs, rows: count, keys: max(count, source?.cache.capacity ?? 0), threadCount: threadCount),
          positionIDs: inputs.positionIDs,
          frequencies: needs.frequencies(sequenceLength: (inputs.positionIDs.max() ?? 0) + 1),
          sequenceLength: count, source: source)
        try pass.run(given, kept: count, observe: observe)
        guard let readout = model.plan.readout else { return }
        try model.withWeights(of: model.plan.regions.count) {
          try readout.run(rows: count, on: pass.machine, observe: observe)
        }
      }
    }
  }

  /// The logits that follow `tokens`: [V].
  ///
  /// Positions run from 0. Keys and values of the beginning that `tokens` shares with the call before are
  /// kept; the result has the same bits as without.
  ///
  /// - Throws: ``BadInput`` when the tokens do not fit the model, or it makes no logits.
  public mutating func nextTokenLogits(after tokens: [Int]) throws -> [Double] {
    try nextTokenLogits(after: tokens, rowsAtOnce: Self.rowsAtOnce).map(Double.init)
  }

  /// Rows of a prompt that go through the blocks together.
  package static let rowsAtOnce = 512

  /// The same in float32, with the prompt cut into pieces of `rowsAtOnce` rows.
  package mutating func nextTokenLogits(after tokens: [Int], rowsAtOnce: Int) throws -> [Float] {
    let inputs = try Inputs(tokenIDs: tokens, source: source, graph: graph)
    if !isKnownUniquelyReferenced(&session) { session = PredictionSession() }
    return try session.logits(
      after: inputs, rowsAtOnce: max(1, rowsAtOnce), model: model, kernels: kernels, pool: pool)
  }

  /// Forgets the tokens of the last call; memory is kept.
  package mutating func forgetPrompt() {
    if isKnownUniquelyReferenced(&session) { session.forget() } else { session = PredictionSession() }
  }
}
