import TouchstoneGraph
import TouchstoneModel

/// One block of consecutive rows through the model, on top of what the cache holds of the rows before it.
struct ForwardPass {
  let model: PackedModel
  let machine: Machine

  /// - Parameters:
  ///   - model: the plan and its weights.
  ///   - kernels: the inner loops.
  ///   - pool: the threads.
  ///   - cache: keys and values, of the rows before the pass too.
  ///   - workspace: room for the rows of the pass.
  ///   - positionIDs: of the rows of the pass.
  ///   - frequencies: of each rotation.
  ///   - sequenceLength: how many tokens the sequence has, of which the pass may be a part.
  ///   - source: keys and values of the source; nil where there is none, or these are its own tokens.
  init(
    _ model: PackedModel, kernels: Kernels, pool: ThreadPool, cache: KeyValueCache, workspace: Workspace,
    positionIDs: [Int], frequencies: [[Double]], sequenceLength: Int, source: SourceCache? = nil
  ) {
    self.model = model
    machine = Machine(
      kernels: kernels, pool: pool, weights: model.weights, cache: cache, workspace: workspace,
      turns: zip(model.plan.needs.rotations, frequencies).map { rotation, frequencies in
        RotaryTable(frequencies, magnitude: rotation.kind.magnitude, positions: positionIDs)
      },
      keyPlaces: model.plan.needs.hasBiases
        ? KeyPlaces(count: sequenceLength, masked: cache.masked) : .none,
      distances: model.plan.needs.relativeBiases.map { DistanceBuckets($0, count: sequenceLength) },
      tables: model.plan.needs.weights.tables, source: source)
  }

  /// Encodes the source: every region that is on its tokens.
  ///
  /// - Returns: the keys and values that are attended to.
  static func encode(
    _ source: Inputs, _ model: PackedModel, kernels: Kernels, pool: ThreadPool, observe: Observer?
  ) throws -> SourceCache {
    let (count, needs) = (source.count, model.plan.needs)
    let cache = KeyValueCache(
      needs.cacheShapes(ofSource: true), capacity: count, attentionMask: source.attentionMask)
    let pass = ForwardPass(
      model, kernels: kernels, pool: pool, cache: cache,
      workspace: Workspace(needs, rows: count, keys: cache.capacity, threadCount: pool.threadCount),
      positionIDs: source.positionIDs,
      frequencies: needs.frequencies(sequenceLength: (source.positionIDs.max() ?? 0) + 1),
      sequenceLength: count)
    var rows = Rows(first: 0, tokenIDs: source.tokenIDs, positionIDs: source.positionIDs)
    rows.sound = source.sound
    for index in 0..<model.plan.sourceCount {
      try model.withWeights(of: index) {
        try model.plan.regions[index].run(rows, on: pass.machine, observe: observe)
      }
    }
    return SourceCache(cache: cache, count: count)
  }

  /// Runs every region; afterwards the workspace holds the last `kept` rows' values, from row 0 on.
  ///
  /// Without an observer the last block computes, past its keys and values, only the rows that are kept.
  func run(_ all: Rows, kept: Int, observe: Observer?) throws {
    let plan = model.plan
    // Without attention no row needs another.
    var rows = plan.lastAttention == nil && observe == nil ? all.last(min(kept, all.count)) : all
    if rows.count == 0 { return }
    for (index, region) in plan.regions.enumerated().dropFirst(plan.sourceCount) {
      if let last = plan.lastAttention, index == last.index, observe == nil, kept < rows.count {
        for place in last.places {
          machine.workspace.dropRows(rows.count - kept, keeping: kept, of: place)
        }
        rows = rows.last(kept)
      }
      try model.withWeights(of: index) { try region.run(rows, on: machine, observe: observe) }
      if rows.count == 0 { return }
    }
  }
}
