import TouchstoneGraph
import TouchstoneModel

extension AttentionGradient: Faulty {
  static let traits: FaultTraits = .contraction
  static let faults: [Fault] = ofScales + ofPairs + ofHeads

  private static let ofScales: [Fault] = [
    fault("scale-missing", "the scale is not applied", "a factor is forgotten") { own, site in
      own.scale == 1 ? nil : site.times(1 / own.scale)
    },
    fault("scale-twice", "the scale is applied twice", "scores and queries are both scaled") { own, site in
      own.scale == 1 ? nil : site.times(own.scale)
    },
    fault("scale-of-width", "the scale is that of the whole width", "1/√D for 1/√d") { own, site in
      own.scale == 1 || own.heads == 1 ? nil : site.times(1 / Double(own.heads).squareRoot())
    },
    fault("missing", "there is no gradient", "the backward pass ends here") { _, site in site.times(0) },
    fault("twice", "the gradient is added twice", "a buffer is not cleared") { _, site in site.times(2) },
  ]

  private static let ofPairs: [Fault] = [
    pairs("diagonal-missing", "a token's own key is left out", "a loop ends one early") { query, key, _, _ in
      query == key ? 0 : 1
    },
    pairs("last-keys-missing", "keys after the last whole block of eight are left out", "no remainder") {
      _, key, _, keys in key < keys / 8 * 8 ? 1 : 0
    },
    pairs("last-query-only", "only the last query counts", "= for += in the loop over queries") {
      query, _, tokens, _ in query == tokens - 1 ? 1 : 0
    },
    pairs("last-query-missing", "the last query is lost", "a loop ends one early") { query, _, tokens, _ in
      query == tokens - 1 ? 0 : 1
    },
    fault("not-transposed", "the pairs are not transposed", "p·do for pᵀ·do") { own, site in
      guard own.side == .values || own.side == .keys else { return nil }
      let (weights, rows) = (site.activations[0], site.activations[1])
      guard weights.shape[0] == own.heads, weights.shape[1] == weights.shape[2] else { return nil }
      let other = AttentionGradient(
        of: .queries, heads: own.heads, scale: own.scale, visibility: own.visibility)
      let width = own.side == .values ? rows.rowWidth / own.heads : rows.rowWidth
      let split = own.side == .keys ? rows : rows.splitIntoHeads(own.heads, width: width)
      return site.evaluated(as: other, activations: [weights, split])
    },
  ]

  private static let ofHeads: [Fault] = [
    fault(
      "one-head-of-group", "of the heads that share a key's one counts", "= for += in the loop over heads"
    ) {
      own, site in
      guard let size = own.groupSize(site) else { return nil }
      return site.evaluated(changing: 0) { $0.scaleHeads { ($0 + 1) % size == 0 ? 1 : 0 } }
    },
    fault("mean-of-group", "heads that share a key's are averaged", "a mean for a sum") { own, site in
      own.groupSize(site).map { site.times(1 / Double($0)) }
    },
    fault(
      "interleaved-groups", "heads that share a key's are taken one in so many", "head % KV for head / (H/KV)"
    ) {
      own, site in
      guard let size = own.groupSize(site) else { return nil }
      return site.evaluated(changing: 0) { weights in
        let original = weights
        let (heads, block) = (weights.shape[0], weights.count / weights.shape[0])
        for head in 0..<heads {
          let other = head % size * own.heads + head / size
          for offset in 0..<block {
            weights.values[head * block + offset] = original.values[other * block + offset]
          }
        }
      }
    },
    fault("of-other-head", "each head has the gradient of the next", "an offset") { own, site in
      guard own.heads > 1 else { return nil }
      return site.edited { value in
        let original = value
        let block = value.count / own.heads
        for offset in value.values.indices {
          value.values[offset] = original.values[(offset + block) % value.count]
        }
      }
    },
  ]

  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ output: @escaping @Sendable (AttentionGradient, FaultSite) -> Tensor<Double>?
  ) -> Fault {
    Fault(
      "attention-gradient.\(id)", name, .gradient, of: AttentionGradient.self, practice: practice,
      output: output)
  }

  /// Sums in which each pair counts `weight(query, key, queries, keys)` times.
  private static func pairs(
    _ id: String, _ name: String, _ practice: String,
    _ weight: @escaping @Sendable (Int, Int, Int, Int) -> Double
  ) -> Fault {
    fault(id, name, practice) { own, site in
      guard own.side != .probabilities else { return nil }
      return site.evaluated(changing: 0) { pairs in
        let (queries, keys) = (pairs.shape[1], pairs.shape[2])
        for offset in pairs.values.indices {
          pairs.values[offset] *= weight(offset / keys % queries, offset % keys, queries, keys)
        }
      }
    }
  }

  /// How many heads share one of keys or values; nil where each has its own, and for the other sides.
  private func groupSize(_ site: FaultSite) -> Int? {
    guard side == .values || side == .keys else { return nil }
    let size = site.activations[0].shape[0] / heads
    return size > 1 ? size : nil
  }
}

extension Tensor<Double> {
  fileprivate mutating func scaleHeads(_ factor: (Int) -> Double) {
    let block = count / shape[0]
    for offset in values.indices { values[offset] *= factor(offset / block) }
  }

  /// [T, n·d] becomes [n, T, d].
  fileprivate func splitIntoHeads(_ heads: Int, width: Int) -> Tensor<Double> {
    var split = Tensor(repeating: 0, shape: [heads, rowCount, width])
    for row in 0..<rowCount {
      for column in 0..<rowWidth { split[column / width, row, column % width] = self[row, column] }
    }
    return split
  }
}
