import TouchstoneGraph
import TouchstoneModel

extension Fault {
  /// Keys and values as a cache gave them back.
  static let cacheFaults: [Fault] = rowFaults + halfPrecisionProducts

  private static let rowFaults: [Fault] = [
    ("key", "keys", Place.of(AttentionScores.self)), ("value", "values", .of(AttentionContext.self)),
  ].flatMap { id, name, place in
    func fault(
      _ suffix: String, _ what: String, _ practice: String,
      _ change: @escaping @Sendable (inout Tensor<Double>, FaultSite) -> Void
    ) -> Fault {
      Fault("cache.\(suffix)-\(id)", "\(name): \(what)", .cache, at: place, practice: practice) { site in
        guard site.activations[1].shape[1] > 1 else { return nil }
        return site.evaluated(changing: 1) { change(&$0, site) }
      }
    }
    return [
      fault(
        "stale", "the last row is that of the token before", "the cache is read before the row is written"
      ) { cache, _ in
        cache.copyRow(from: cache.shape[1] - 2, to: cache.shape[1] - 1)
      },
      fault("stale-middle", "a row in the middle is that of the token before", "a slot is not overwritten") {
        cache, _ in
        cache.copyRow(from: max(cache.shape[1] / 2 - 1, 0), to: cache.shape[1] / 2)
      },
      fault("lost", "a row in the middle is zero", "a slot is never written") { cache, _ in
        let middle = cache.shape[1] / 2
        cache.takeTokens(from: Tensor(repeating: 0, shape: cache.shape)) { $0 == middle }
      },
      fault("wrapped", "the first row is that of the last token", "a ring buffer wraps one early") {
        cache, _ in
        cache.copyRow(from: cache.shape[1] - 1, to: 0)
      },
      fault("shifted", "each row is that of the token before", "the write position is off by one") {
        cache, _ in
        let original = cache
        let tokens = cache.shape[1]
        for row in 0..<cache.rowCount where row % tokens > 0 { cache.setRow(row) { original[row - 1, $0] } }
      },
      fault("half", "stored in half precision", "the cache's default type") { cache, _ in
        cache = cache.rounded(to: .float16)
      },
      fault("bfloat16", "stored in bfloat16", "the cache's type") { cache, _ in
        cache = cache.rounded(to: .bfloat16)
      },
      fault("int8", "quantised to 8 bits by row", "a quantised cache") { cache, _ in
        cache.quantise(levels: 127, group: cache.rowWidth)
      },
      fault("of-block-before", "those of the block before", "the offset of the layer is off by one") {
        cache, site in
        guard let before = site.graph.previous(site.operation.inputs[1]), let other = site.activation(before),
          other.shape == cache.shape
        else { return }
        cache = other
      },
    ]
  }

  private static let halfPrecisionProducts: [Fault] = [
    Fault(
      "cache.half-keys-and-queries", "keys: stored in half precision, and queries rounded to match", .cache,
      at: .of(AttentionScores.self),
      practice: "a half-precision cache whose product takes half-precision queries"
    ) { site in site.evaluated(activations: site.activations.map { $0.rounded(to: .float16) }) },
    Fault(
      "cache.half-values-and-probabilities",
      "values: stored in half precision, and probabilities rounded to match",
      .cache, at: .of(AttentionContext.self),
      practice: "a half-precision cache whose product takes half-precision probabilities"
    ) { site in site.evaluated(activations: site.activations.map { $0.rounded(to: .float16) }) },
  ]
}

extension Tensor<Double> {
  /// Copies one row of every head of a [H, T, d] tensor over another.
  mutating func copyRow(from source: Int, to target: Int) {
    for head in 0..<shape[0] {
      for column in 0..<shape[2] { self[head, target, column] = self[head, source, column] }
    }
  }
}
