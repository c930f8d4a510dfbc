import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// Numbers that are none, traced to where they begin.
  static let notFinite: [Reading] = [
    Reading("nan.weighed-by-0", .mask, at: .of(AttentionContext.self)) { site, got in
      guard got.values.contains(where: \.isNaN), let origin = site.originOfNaN(before: site.operation.output)
      else {
        return []
      }
      return [
        Guess("\(origin.sentence); 0 times NaN reaches the other rows here", granting: .nan) { site in
          let (weights, values) = (site.activations[0], site.activations[1])
          let (heads, tokens, width) = (weights.shape[0], site.inputs.count, values.rowWidth)
          return site.edited { y in
            for head in 0..<heads {
              let shared = head * values.shape[0] / heads
              // NaN where any key's value is none, seen or not.
              let isNaN = (0..<width).map { column in
                (0..<tokens).contains { !values[shared, $0, column].isFinite }
              }
              for query in 0..<tokens {
                for column in 0..<width where isNaN[column] { y[query, head * width + column] = .nan }
              }
            }
          }
        }
      ]
    },
    Reading("nan.no-key", .mask, at: .of(AttentionProbabilities.self), isLast: true) { site, got in
      let rows = (0..<got.rowCount).filter { got.row($0).contains(where: \.isNaN) }
      let tokens = site.inputs.count
      let queries = Set(rows.map { $0 % tokens }).sorted()
      guard !queries.isEmpty, rows.allSatisfy({ got.row($0).allSatisfy(\.isNaN) }),
        rows.count == queries.count * got.rowCount / tokens
      else { return [] }
      return [
        Guess(
          "softmax of \(inWords(queries, "query", "queries")) is NaN in all heads, as where no key is seen",
          granting: .nan
        ) { site in
          site.edited { y in
            for row in rows where row < y.rowCount { y.setRow(row) { _ in .nan } }
          }
        }
      ]
    },
  ]
}

extension Fault.Grants {
  /// Of what says where there are no numbers.
  static let nan = Fault.Grants(saysNaN: true)
}

/// Where NaN begins.
private struct NaNOrigin {
  let activation: Activation
  /// The tokens in whose rows it is.
  let tokens: [Int]
  /// Whether it is a softmax whose rows see no key.
  let seesNoKey: Bool
  let isSoftmax: Bool

  var sentence: String {
    let rows = inWords(tokens, "row", "rows")
    if isSoftmax {
      let why = seesNoKey ? ", which \(tokens.count == 1 ? "sees" : "see") no key," : ""
      return "softmax of \(rows)\(why) is NaN from \(activation) on"
    }
    return "\(rows) of \(activation) \(tokens.count == 1 ? "is" : "are") the first to be NaN"
  }
}

extension FaultSite {
  /// The first recorded activation that holds NaN, made of what holds none; nil where there is none before another.
  fileprivate func originOfNaN(before last: Activation) -> NaNOrigin? {
    for maker in graph.operations {
      if maker.output == last { return nil }
      guard let made = activation(maker.output), made.values.contains(where: \.isNaN) else { continue }
      let tokens = inputs.count
      let isByQuery = made.shape.count == 3
      let rows = (0..<made.rowCount).filter { made.row($0).contains(where: \.isNaN) }
      let queries = Set(rows.map { isByQuery ? $0 % tokens : $0 }).sorted()
      let own = (maker.kind.payload as? AttentionProbabilities)?.visibility
      let seesNoKey = own.map { own in
        queries.allSatisfy { query in
          !(0..<tokens).contains { inputs.isVisible(key: $0, from: query, under: own) }
        }
      }
      return NaNOrigin(
        activation: maker.output, tokens: queries, seesNoKey: seesNoKey ?? false,
        isSoftmax: maker.kind.traits.contains(.softmax))
    }
    return nil
  }
}
