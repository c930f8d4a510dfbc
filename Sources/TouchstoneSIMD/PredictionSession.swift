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

  func logits(
    after inputs: Inputs, rowsAtOnce: Int, model: PackedModel, kernels: Kernels, pool: ThreadPool
  ) throws -> [Float] {
    let count = inputs.count
    // The last token is computed again even if it is known: its logits were not kept.
    let known = min(zip(tokens, inputs.tokenIDs).prefix { $0 == $1 }.count, count - 1)
    let cache = cache(model.configuration, holding: count, known: known)
    let rows = min(rowsAtOnce, count - known)
    let workspace = workspace(model.configuration, rows: rows, keys: cache.capacity, pool: pool)
    let pass = ForwardPass(model: model, kernels: kernels, pool: pool, cache: cache, workspace: workspace)
    tokens.removeSubrange(known...)
    for first in stride(from: known, to: count, by: rows) {
      let block = first..<min(first + rows, count)
      try pass.run(
        tokenIDs: inputs.tokenIDs[block], positionIDs: inputs.positionIDs[block], first: first,
        kept: block.upperBound == count ? 1 : 0, observe: nil)
    }
    tokens = inputs.tokenIDs
    pass.finalNorm(rows: 1)
    return pass.logits()
  }

  func forget() { tokens = [] }

  private func cache(_ configuration: Configuration, holding count: Int, known: Int) -> KeyValueCache {
    if let cache, cache.capacity >= count { return cache }
    let capacity = min(configuration.contextLength, max(count, 2 * (cache?.capacity ?? 32)))
    let grown = KeyValueCache(configuration, capacity: capacity)
    if let cache { grown.copy(cache, count: known) }
    cache = grown
    return grown
  }

  private func workspace(
    _ configuration: Configuration, rows: Int, keys: Int, pool: ThreadPool
  ) -> Workspace {
    if let workspace, workspace.rows >= rows, workspace.keys >= keys { return workspace }
    let made = Workspace(configuration, rows: rows, keys: keys, threadCount: pool.threadCount)
    workspace = made
    return made
  }
}
