import TouchstoneGraph
import TouchstoneModel

/// How a model is computed: a flat list of regions, and what they need.
struct Plan: Sendable {
  let graph: Graph
  let regions: [any Region]
  /// How many of them, the first, are on the source's tokens.
  let sourceCount: Int
  /// What makes the logits of the last rows; nil in a model without.
  let readout: Readout?
  let needs: Needs
  /// The weights that each region reads, and behind them those of the readout.
  let weightsRead: [Set<WeightLayout.Item>]
  /// Where rows that are not asked for may be dropped.
  let lastAttention: LastAttention?

  /// Behind the last keys and values a row needs nothing of the others.
  struct LastAttention: Sendable {
    /// The region.
    let index: Int
    /// What later operations still read, besides the keys and values.
    let places: [Place]
  }

  /// The regions, in the order in which they are tried: those that take the most first.
  private static let table: [any Region.Type] = [
    HearSound.self, SeePicture.self, TakeGiven.self, ReadCondition.self, Modulate.self, Embed.self,
    EmbedPositions.self, MakeWaves.self, MakeBias.self, StoreSourceKeys.self,
    Rename.self,
    Scaled.self, Norm.self,
    Experts.self, PooledRow.self, FeedForwardInput.self, ProjectOnto.self, Project.self, ProjectHeads.self,
    JoinedKeys.self, Attend.self, Combine.self,
  ]

  /// Finds the regions that compute a graph.
  ///
  /// - Throws: ``BadInput`` naming the first operation that none of them computes.
  init(_ graph: Graph) throws(BadInput) {
    var reader = GraphReader(graph)
    var regions: [any Region] = []
    var readout: Readout?
    var lastAttention: LastAttention?
    var weightsRead: [Set<WeightLayout.Item>] = []
    var sourceCount = 0
    while let next = reader.next, readout == nil {
      if let found = Readout(&reader) {
        readout = found
      } else if let region = Self.region(&reader) {
        if reader.index > reader.sourceCount, let attention = (region as? Attend)?.attention {
          guard let places = attention.placesKept(reader) else { throw Self.unmatched(next) }
          lastAttention = LastAttention(index: regions.count, places: places)
        }
        regions.append(region)
        if reader.index <= reader.sourceCount { sourceCount = regions.count }
      } else {
        throw Self.unmatched(next)
      }
      weightsRead.append(reader.takeAskedWeights())
    }
    if let rest = reader.next { throw Self.unmatched(rest) }
    self.graph = graph
    self.regions = regions
    self.sourceCount = sourceCount
    self.readout = readout
    self.lastAttention = lastAttention
    self.weightsRead = weightsRead
    needs = reader.needs
  }

  private static func region(_ reader: inout GraphReader) -> (any Region)? {
    for type in table {
      var attempt = reader
      if let region = type.init(&attempt) {
        reader = attempt
        return region
      }
    }
    return nil
  }

  private static func unmatched(_ operation: Operation) -> BadInput {
    BadInput(
      place: operation.output.path,
      problem: "the SIMD implementation does not compute this operation where it stands",
      remedy: "use the reference implementation for this model")
  }
}

extension Attention {
  /// Where stands what is read once the keys and values are stored, nil where these are read again.
  fileprivate func placesKept(_ reader: GraphReader) -> [Place]? {
    // Queries too: they are moved, or turned, where they stand, before or after keys and values are stored.
    let kept = reader.placesStillRead.subtracting([context]).union([query])
    if kept.contains(where: { place in stored.contains(where: place.overlaps) }) { return nil }
    return kept.sorted { ($0.buffer.rawValue, $0.column) < ($1.buffer.rawValue, $1.column) }
  }
}
