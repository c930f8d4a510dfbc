import TouchstoneGraph
import TouchstoneModel

/// Consecutive operations of a graph that are computed together, in an order of summation that a clause states.
protocol Region: Sendable {
  /// Takes the operations that it computes from the front of what is left; nil where others stand there.
  init?(_ reader: inout GraphReader)

  /// Computes them for some rows.
  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws
}

/// Is handed what was computed.
typealias Observer = (Activation, Tensor<Float>) throws -> Void

/// Some consecutive tokens of a sequence, a row of the workspace each.
struct Rows {
  /// The place in the sequence of the first token.
  let first: Int
  let tokenIDs: [Int]
  let positionIDs: [Int]
  let tokenTypeIDs: [Int]
  /// What these are made of, where they are no text.
  var sound: Sound?
  /// Arrays that are given in place of ids.
  var arrays: [Input: Tensor<Float>] = [:]
  /// How many are still computed, the last ones; they stand from row 0 of the workspace on.
  var count: Int

  init(first: Int, tokenIDs: [Int], positionIDs: [Int], tokenTypeIDs: [Int]? = nil) {
    self.first = first
    self.tokenIDs = tokenIDs
    self.positionIDs = positionIDs
    self.tokenTypeIDs = tokenTypeIDs ?? [Int](repeating: 0, count: positionIDs.count)
    count = positionIDs.count
  }

  /// How many are not computed any more.
  var dropped: Int { positionIDs.count - count }

  /// The place in the sequence of the first one that is still computed.
  var firstComputed: Int { first + dropped }

  /// The last `count` of them.
  func last(_ count: Int) -> Rows {
    var rows = self
    rows.count = count
    return rows
  }
}

/// What regions compute with, and on.
struct Machine {
  let kernels: Kernels
  let pool: ThreadPool
  /// The packed weights, which regions know by their offsets.
  let weights: UnsafePointer<Float>
  let cache: KeyValueCache
  let workspace: Workspace
  /// Cosines and sines of the rows' positions, by the number of the rotation.
  let turns: [RotaryTable]
  /// Where keys stand, as biases on scores count them.
  var keyPlaces = KeyPlaces.none
  /// The buckets of each bias by distance, by how far a key stands behind a query.
  var distances: [DistanceBuckets] = []
  /// Where tables stand among the weights.
  var tables: [Parameter: WeightLayout.Offset] = [:]
  /// Keys and values of the source; nil where these are its own tokens, or there is none.
  var source: SourceCache?

  /// Calls `body` for every row, shared out among the threads.
  func forEachRow(_ count: Int, width: Int, _ body: @escaping (Int) -> Void) {
    let rowsPerChunk = max(1, 16384 / width)
    pool.run(chunks: (count + rowsPerChunk - 1) / rowsPerChunk) { chunk, _ in
      for row in chunk * rowsPerChunk..<min(count, (chunk + 1) * rowsPerChunk) { body(row) }
    }
  }

  /// y = x·W + b, shared out among the threads.
  ///
  /// - Parameter finish: called for each row of each finished piece with the row, its first column and how
  ///   many columns of it are done, by the thread that computed it.
  func multiply(
    _ x: RowBuffer, _ matrix: PackedMatrix, to y: RowBuffer, rows: Int,
    finish: ((_ row: Int, _ column: Int, _ count: Int) -> Void)? = nil
  ) {
    matrix.multiply(x, to: y, rows: rows, weights: weights, kernels: kernels, pool: pool, finish: finish)
  }
}
