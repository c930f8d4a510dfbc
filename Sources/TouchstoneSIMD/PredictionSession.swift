import TouchstoneGraph
import TouchstoneModel

/// What is kept between successive predictions: the tokens of the last call, their keys and values, and
/// buffers.
///
/// Belongs to one ``SIMDTransformer`` value, which mutates it only while it holds the sole reference.
final class PredictionSession: @unchecked Sendable {
  private var tokens: [Int] = []
  private var cache: KeyValueCache?
  private var workspace: Workspace?
  /// By which the keys in the cache are turned.
  private var frequencies: [[Double]] = []
  /// Keys and values of the source, encoded once; nil in a model without an encoder, and before the first call.
  private var source: SourceCache?

  func logits(
    after inputs: Inputs, rowsAtOnce: Int, model: PackedModel, kernels: Kernels, pool: ThreadPool
  ) throws -> [Float] {
    let (count, needs) = (inputs.count, model.plan.needs)
    guard let readout = model.plan.readout, model.plan.graph.continuesText else {
      throw model.plan.graph.obstacleToContinuing
    }
    let frequencies = needs.frequencies(sequenceLength: count)
    if frequencies != self.frequencies { tokens = [] }
    self.frequencies = frequencies
    // The last token is computed again even if it is known: its logits were not kept.
    let known = min(zip(tokens, inputs.tokenIDs).prefix { $0 == $1 }.count, count - 1)
    let cache = cache(needs, contextLength: model.plan.graph.contextLength, holding: count, known: known)
    let rowsAtOnce = min(rowsAtOnce, count - known)
    if source == nil, let read = inputs.source {
      source = try model.pass {
        try ForwardPass.encode(read, model, kernels: kernels, pool: pool, observe: nil)
      }
    }
    let workspace = workspace(
      needs, rows: rowsAtOnce, keys: max(cache.capacity, source?.cache.capacity ?? 0), pool: pool)
    tokens.removeSubrange(known...)
    var logits: [Float] = []
    for first in stride(from: known, to: count, by: rowsAtOnce) {
      let block = first..<min(first + rowsAtOnce, count)
      let rows = Rows(
        first: first, tokenIDs: Array(inputs.tokenIDs[block]), positionIDs: Array(inputs.positionIDs[block]),
        tokenTypeIDs: Array(inputs.tokenTypeIDs[block]))
      let pass = ForwardPass(
        model, kernels: kernels, pool: pool, cache: cache, workspace: workspace,
        positionIDs: rows.positionIDs, frequencies: frequencies, sequenceLength: count, source: source)
      let isLast = block.upperBound == count
      try model.pass {
        try pass.run(rows, kept: isLast ? 1 : 0, observe: nil)
        guard isLast else { return }
        model.withWeights(of: model.plan.regions.count) { logits = readout.logits(on: pass.machine) }
      }
    }
    tokens = inputs.tokenIDs
    return logits
  }

  func forget() {
    tokens = []
    source = nil
  }

  private func cache(_ needs: Needs, contextLength: Int?, holding count: Int, known: Int) -> KeyValueCache {
    if let cache, cache.capacity >= count { return cache }
    let capacity = min(contextLength ?? .max, max(count, 2 * (cache?.capacity ?? 32)))
    let grown = KeyValueCache(needs.cacheShapes(ofSource: false), capacity: capacity)
    if let cache { grown.copy(cache, count: known) }
    cache = grown
    return grown
  }

  private func workspace(_ needs: Needs, rows: Int, keys: Int, pool: ThreadPool) -> Workspace {
    if let workspace, workspace.rows >= rows, workspace.keys >= keys { return workspace }
    let made = Workspace(needs, rows: rows, keys: keys, threadCount: pool.threadCount)
    workspace = made
    return made
  }
}
