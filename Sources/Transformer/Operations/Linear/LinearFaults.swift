import TouchstoneGraph
import TouchstoneModel

extension Linear: Faulty {
  static let traits: FaultTraits = .contraction
  static let faults: [Fault] = columnFaults + layoutFaults + partFaults + groupFaults + limitFaults

  private static let columnFaults: [Fault] = [
    variant(
      "interleaved", "head h takes every H-th column instead of consecutive ones",
      "[T, d, H] is assumed where [T, H, d] is stored",
      { head, column, heads, width in column * heads + head }
    ),
    variant(
      "reversed", "heads are in reverse order", "a layout is read from its end",
      { head, column, heads, width in (heads - 1 - head) * width + column }
    ),
    variant(
      "shifted", "each head is the next one", "an offset is off by one head",
      { head, column, heads, width in (head + 1) % heads * width + column }
    ),
    variant(
      "first-for-all", "every head is the first", "the head's offset is not added",
      { _, column, _, _ in column }
    ),
    variant(
      "last-repeats", "the last head repeats the one before", "a loop over heads ends one early",
      { head, column, heads, width in min(head, heads - 2) * width + column }
    ),
  ]

  private static let layoutFaults: [Fault] = [
    Fault(
      "heads.columns-reversed", "each head's columns are in reverse order", .heads,
      at: .headProjections,
      practice: "a byte-order or stride mistake"
    ) { site in site.rearrangedHeads { head, column, _, width in head * width + (width - 1 - column) } },
    Fault(
      "heads.tokens-and-heads-exchanged", "[T, H, d] is read as [H, T, d]", .heads,
      at: .headProjections, practice: "a reshape without the transposition"
    ) { site in
      let value = site.evaluated()
      guard value.shape[0] > 1, site.inputs.count > 1 else { return nil }
      let (heads, tokens, width) = (value.shape[0], value.shape[1], value.shape[2])
      var flat: [Double] = []
      for token in 0..<tokens {
        for head in 0..<heads { flat += value.row(head * tokens + token) }
      }
      return Tensor(flat, shape: [heads, tokens, width])
    },
    Fault(
      "heads.fused-per-head", "the joint projection is read as [H, 3, d] instead of [3, H, d]", .heads,
      at: .thirds, practice: "the layout of another model family is assumed"
    ) { site in
      guard let third = site.operation.third, let heads = (site.operation.kind.payload as? Linear)?.heads,
        heads > 1
      else { return nil }
      return site.evaluated(
        selecting: ParameterView.Selection(groups: heads, parts: 3, take: third..<third + 1))
    },
  ]

  private static let partFaults: [Fault] = [
    ("query-for-key", 0, 1), ("key-for-query", 1, 0), ("key-for-value", 1, 2), ("value-for-key", 2, 1),
    ("query-for-value", 0, 2), ("value-for-query", 2, 0),
  ].map { id, part, own in
    Fault(
      "heads.\(id)", "the wrong third of the joint projection is read", .heads,
      at: .thirds.filtered { operation, _ in operation.third == own },
      practice: "the order of query, key and value is another"
    ) { site in site.evaluated(selecting: .part(part, of: 3)) }
  }

  /// Of projections whose queries, keys and values stand together in each head, or in each group that shares keys.
  private static let groupFaults: [Fault] = [
    part(
      "fused-side-by-side",
      "the joint projection is read as all heads of one part, then all heads of the next"
    ) { own in
      let (groups, parts, take) = (own.groups, own.parts, own.take)
      return ParameterView.Selection(
        parts: groups * parts, take: groups * take.lowerBound..<groups * take.upperBound)
    },
    part("fused-key-value-exchanged", "keys and values are exchanged within each group") { own in
      let first = own.parts - 2
      guard own.take.lowerBound >= first else { return nil }
      let other = own.take.lowerBound == first ? first + 1 : first
      return ParameterView.Selection(groups: own.groups, parts: own.parts, take: other..<other + 1)
    },
    part("fused-queries-last", "keys and values stand before the queries of their group") { own in
      let queries = own.parts - 2
      let take =
        own.take.lowerBound >= queries
        ? own.take.lowerBound - queries..<own.take.upperBound - queries : 2..<own.parts
      return ParameterView.Selection(groups: own.groups, parts: own.parts, take: take)
    },
  ]

  private static func part(
    _ id: String, _ name: String,
    _ other: @escaping @Sendable (ParameterView.Selection) -> ParameterView.Selection?
  ) -> Fault {
    Fault(
      "heads.\(id)", name, .heads,
      at: .headProjections.filtered { operation, _ in
        (operation.parameters.first?.selection).map { $0.groups > 1 && $0.parts > 2 } ?? false
      },
      practice: "the layout of another model family is assumed"
    ) { site in
      guard let own = site.operation.parameters.first?.selection, let read = other(own),
        // As many outputs: parts may be columns of a head, of which keys and values have several.
        read.take.count * own.parts == own.take.count * read.parts
      else { return nil }
      return site.evaluated(selecting: read)
    }
  }

  private static let limitFaults: [Fault] = [
    limit("limit-missing", "outputs are not clipped") { _ in nil },
    limit("limit-halved", "outputs are clipped at half the limit") { $0 / 2 },
  ]

  private static func limit(
    _ id: String, _ name: String, _ other: @escaping @Sendable (Double) -> Double?
  ) -> Fault {
    Fault(
      "linear.\(id)", name, .activation,
      at: Place.of(Linear.self).filtered { operation, _ in
        (operation.kind.payload as? Linear)?.limit != nil
      },
      practice: "clip_qkv is not read"
    ) { site in
      guard let own = site.operation.kind.payload as? Linear, let limit = own.limit else { return nil }
      return site.evaluated(as: Linear(heads: own.heads, limit: other(limit)))
    }
  }

  private static func variant(
    _ id: String, _ name: String, _ practice: String,
    _ source: @escaping @Sendable (Int, Int, Int, Int) -> Int
  ) -> Fault {
    Fault("heads.\(id)", name, .heads, at: .headProjections, practice: practice) { site in
      site.rearrangedHeads(source)
    }
  }
}

extension FaultSite {
  /// The projection with its columns dealt to heads by another rule; nil with a single head or column.
  fileprivate func rearrangedHeads(_ source: (Int, Int, Int, Int) -> Int) -> Tensor<Double>? {
    guard let heads = (operation.kind.payload as? Linear)?.heads, heads > 1 else { return nil }
    return edited { value in
      let original = value
      let (heads, tokens, width) = (value.shape[0], value.shape[1], value.shape[2])
      for head in 0..<heads {
        for token in 0..<tokens {
          for column in 0..<width {
            let flat = source(head, column, heads, width)
            value[head, token, column] = original[flat / width, token, flat % width]
          }
        }
      }
    }
  }
}

extension Linear {
  static let readings: [Reading] =
    expertReadings + [
      Reading("linear.other-limit", .activation, of: Linear.self) { own, _, got in
        let greatest = got.values.reduce(0) { max($0, abs($1)) }
        // Where outputs are clipped, several are as great as the greatest.
        guard got.values.count(where: { abs($0) == greatest }) > 1 else { return [] }
        let due = own.limit.map { "at \(words($0))" } ?? "not at all"
        return plainNumbers(near: greatest).map { limit in
          Reading.Guess("outputs are clipped at \(words(limit)) instead of \(due)", numbers: 1) { site in
            site.evaluated(as: Linear(heads: own.heads, limit: limit))
          }
        }
      }
    ]
}
