import TouchstoneGraph
import TouchstoneModel

extension Fault {
  static let headFaults: [Fault] = [
    columnFaults, layoutFaults, partFaults, joinFaults,
  ].flatMap { $0 }

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
      at: [.query, .key, .value],
      practice: "a byte-order or stride mistake"
    ) { site in site.rearrangedHeads { head, column, _, width in head * width + (width - 1 - column) } },
    Fault(
      "heads.tokens-and-heads-exchanged", "[T, H, d] is read as [H, T, d]", .heads,
      at: [.query, .key, .value], practice: "a reshape without the transposition"
    ) { site in
      guard site.configuration.headCount > 1, site.inputs.count > 1 else { return nil }
      let value = site.evaluated()
      let (heads, tokens, width) = (value.shape[0], value.shape[1], value.shape[2])
      var flat: [Double] = []
      for token in 0..<tokens {
        for head in 0..<heads { flat += value.row(head * tokens + token) }
      }
      return Tensor(flat, shape: [heads, tokens, width])
    },
    Fault(
      "heads.fused-per-head", "the joint projection is read as [H, 3, d] instead of [3, H, d]", .heads,
      at: [.query, .key, .value], practice: "the layout of another model family is assumed"
    ) { site in
      guard case .headProjection(let part, let heads) = site.operation.kind, heads > 1 else { return nil }
      let width = site.configuration.headWidth
      return site.withColumns { head, column in head * 3 * width + part * width + column }
    },
  ]

  private static let partFaults: [Fault] = [
    ("query-for-key", 0, Activation.Point.key), ("key-for-query", 1, .query), ("key-for-value", 1, .value),
    ("value-for-key", 2, .key), ("query-for-value", 0, .value), ("value-for-query", 2, .query),
  ].map { id, part, point in
    Fault(
      "heads.\(id)", "the wrong third of the joint projection is read", .heads, at: [point],
      practice: "the order of query, key and value is another"
    ) { site in site.evaluated(kind: .headProjection(part: part, headCount: site.configuration.headCount)) }
  }

  private static let joinFaults: [Fault] = [
    Fault(
      "heads.context-reversed", "heads are joined in reverse order", .heads, at: [.attentionContext],
      practice: "a layout is written from its end"
    ) { site in site.rearrangedContext { head, column, heads, width in (heads - 1 - head) * width + column }
    },
    Fault(
      "heads.context-interleaved", "heads are joined column by column", .heads, at: [.attentionContext],
      practice: "[T, d, H] is written where [T, H, d] is read"
    ) { site in site.rearrangedContext { head, column, heads, width in column * heads + head } },
  ]

  private static func variant(
    _ id: String, _ name: String, _ practice: String,
    _ source: @escaping @Sendable (Int, Int, Int, Int) -> Int
  ) -> Fault {
    Fault("heads.\(id)", name, .heads, at: [.query, .key, .value], practice: practice) { site in
      site.rearrangedHeads(source)
    }
  }
}

extension FaultSite {
  /// The projection with its columns dealt to heads by another rule; nil with a single head or column.
  fileprivate func rearrangedHeads(_ source: (Int, Int, Int, Int) -> Int) -> Tensor<Double>? {
    guard configuration.headCount > 1 else { return nil }
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

  /// The context with heads joined by another rule.
  fileprivate func rearrangedContext(_ target: (Int, Int, Int, Int) -> Int) -> Tensor<Double>? {
    let (heads, width) = (configuration.headCount, configuration.headWidth)
    guard heads > 1 else { return nil }
    return edited { context in
      let original = context
      for row in 0..<context.rowCount {
        for head in 0..<heads {
          for column in 0..<width {
            context[row, target(head, column, heads, width)] = original[row, head * width + column]
          }
        }
      }
    }
  }

  /// The head projection with each output taken from another column of the joint one.
  fileprivate func withColumns(_ source: (Int, Int) -> Int) -> Tensor<Double>? {
    guard case .headProjection(let part, let heads) = operation.kind else { return nil }
    let (model, width) = (configuration.width, configuration.headWidth)
    func rearranged(_ tensor: Tensor<Double>) -> Tensor<Double> {
      var result = tensor
      for row in 0..<tensor.rowCount {
        for head in 0..<heads {
          for column in 0..<width {
            let target = row * tensor.rowWidth + part * model + head * width + column
            result.values[target] = tensor.values[row * tensor.rowWidth + source(head, column)]
          }
        }
      }
      return result
    }
    return evaluated(parameters: parameters.map(rearranged))
  }
}
