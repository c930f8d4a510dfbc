import TouchstoneGraph
import TouchstoneModel

/// Keys and values of the source, which stand in a cache before any of what attends to them is computed.
struct SourceKeys: Sendable {
  /// The number of the cache.
  let cache: Int
  let shape: HeadShape
  /// The values made with the keys.
  let values: Activation
}

/// The caches of the source's tokens, and how many tokens these are.
struct SourceCache {
  let cache: KeyValueCache
  let count: Int
}

/// Keys and values of one attention to the source: two products of what the encoder made, stored where every query finds
/// them.
///
/// Clauses: KER-1, KER-21.
struct StoreSourceKeys: Region {
  private let matrix: PackedMatrix
  private let input: Place
  private let keys: (activation: Activation, place: Place)
  private let values: (activation: Activation, place: Place)
  private let stored: SourceKeys

  init?(_ reader: inout GraphReader) {
    guard reader.isOfSource else { return nil }
    let crossed = reader.graph.sourceKeys
    guard
      let key = reader.take(Linear.self, where: { crossed.contains($0.output) && $0.kind.limit == nil }),
      let value = reader.take(Linear.self, where: { $0.inputs == key.inputs && $0.kind == key.kind }),
      let input = reader.place(of: key.inputs[0]), input.buffer != .projections
    else { return nil }
    let keys = reader.put(key.output, in: .projections)
    let values = reader.put(value.output, in: .projections, column: keys.width)
    guard let heads = keys.heads, keys.width == values.width else { return nil }
    matrix = reader.matrix(MatrixSource([key, value].map { MatrixSource.Part($0.parameters) }))
    self.input = input
    let shape = HeadShape(count: heads, width: keys.headWidth)
    stored = SourceKeys(cache: reader.cache(shape), shape: shape, values: value.output)
    reader.put(stored, of: key.output)
    self.keys = (key.output, keys)
    self.values = (value.output, values)
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    let workspace = machine.workspace
    machine.multiply(workspace.buffer(input), matrix, to: workspace[.projections], rows: rows.count)
    let (shape, stride) = (stored.shape, workspace[.projections].stride)
    machine.pool.run(chunks: shape.count) { head, _ in
      machine.cache.store(
        layer: stored.cache, head: head, first: rows.first, count: rows.count,
        keys: workspace.row(0, of: keys.place) + head * shape.width, keyStride: stride,
        values: workspace.row(0, of: values.place) + head * shape.valueWidth, valueStride: stride)
    }
    guard let observe else { return }
    for (activation, place) in [keys, values] { try observe(activation, machine.tensor(place, rows.count)) }
  }
}

extension Graph {
  /// What attention to the source takes for keys.
  fileprivate var sourceKeys: Set<Activation> {
    Set(
      operations.compactMap { operation in
        guard case .scores(let kind) = operation.kind, kind.visibility.readsSource else { return nil }
        return operation.inputs[1]
      })
  }
}
