import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// Which rows a cache that is recorded apart really holds.
  static let caches: [Reading] = [
    Reading("cache.other-rows", .cache, at: .of(Identity.self)) { site, got in
      guard let read = site.cacheRows(got), read.differs else { return [] }
      let name = read.inWords(.cached) + site.inKeysAndValues(read)
      return [
        Guess(name) { site in site.captured.map { read.applied(to: site.activations[0], others: $0) } }
      ]
    }
  ]
}

extension FaultSite {
  /// Which rows stand in a cache; nil where most are none that are known.
  fileprivate func cacheRows(_ got: Tensor<Double>) -> RowSources? {
    let due = activations[0]
    guard got.shape == due.shape, due.shape.count == 3 else { return nil }
    let read = RowSources(got, in: due, tolerance: { _ in 0 })
    let rows = read.ofHeads.flatMap { $0 }
    let others = rows.filter { $0 == .other }
    // Where all rows are others it is no matter of rows.
    return 2 * others.count > rows.count ? nil : read
  }

  /// Whether the other cache of the layer holds the same rows.
  fileprivate func inKeysAndValues(_ read: RowSources) -> String {
    for reader in graph.operations where reader.output.block == operation.output.block {
      for input in reader.inputs {
        guard let cache = input.cacheRead(by: reader), cache != operation.output, let got = activation(cache),
          let due = activation(input), got.shape == due.shape
        else { continue }
        let other = RowSources(got, in: due, tolerance: { _ in 0 })
        if other == read { return ", in keys and values" }
        return other.differs ? "" : ", in \(operation.output.name) only"
      }
    }
    return ""
  }
}
