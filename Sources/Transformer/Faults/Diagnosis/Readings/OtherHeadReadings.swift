import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// Rows of heads that are those of other heads, wherever numbers are kept by head; and queries that miss their own key.
  static let otherHeads: [Reading] = [
    Reading("heads.other-rows", .heads, at: byHead) { site, got in
      guard let read = site.headRows(got) else { return [] }
      return [
        Guess(read.sentence) { site in
          let right = site.evaluated()
          guard read.sources.allSatisfy({ $0.row < right.rowCount && $0.from < right.rowCount }) else {
            return nil
          }
          return site.edited { y in
            for (row, from) in read.sources { y.copyRow(from, of: right, to: row) }
          }
        }
      ]
    },
    Reading("attention.without-own-key", .cache, of: AttentionScores.self) { own, site, got in
      let tokens = site.inputs.count
      let bias = site.activations.dropFirst(2).first
      let queries = (0..<tokens).filter { query in
        site.inputs.isVisible(key: query, from: query, under: own.visibility)
          && (0..<got.shape[0]).allSatisfy { got[$0, query, query] == bias?[$0, query, query] ?? 0 }
      }
      guard queries.count > 1 else { return [] }
      let open = (0..<tokens).count { site.inputs.isVisible(key: $0, from: $0, under: own.visibility) }
      let name =
        queries.count == open ? "each query finds its" : inWords(queries, "query", "queries") + " find their"
      return [
        Guess("\(name) own key not yet written: the scores on the diagonal are 0") { site in
          let bias = site.activations.dropFirst(2).first
          return site.edited { s in
            for query in queries {
              for head in 0..<s.shape[0] { s[head, query, query] = bias?[head, query, query] ?? 0 }
            }
          }
        }
      ]
    },
  ]

  /// What makes numbers by head but is no product of rows with rows.
  private static let byHead = Place { operation, graph in
    let axes = graph.axes(of: operation.output) ?? []
    if case .head = axes.first, axes.count == 3 { return !(operation.kind.payload is AttentionScores) }
    return false
  }
}

/// Rows that are those of the same token in another head.
private struct HeadRows: Sendable {
  let sources: [(row: Int, from: Int)]
  let sentence: String
}

extension FaultSite {
  fileprivate func headRows(_ got: Tensor<Double>) -> HeadRows? {
    let right = evaluated()
    guard got.shape == right.shape, got.shape[0] > 1 else { return nil }
    let (heads, tokens, width) = (got.shape[0], got.shape[1], got.rowWidth)
    let scale = right.greatestMagnitude
    func isRow(_ row: Int, _ other: Int) -> Bool {
      (0..<width).allSatisfy { column in
        let (one, two) = (got[row, column], right[other, column])
        return one == two || one.isNaN && two.isNaN || abs(one - two) <= 2e-6 * scale
      }
    }
    var sources: [(row: Int, from: Int)] = []
    var byHead: [(head: Int, from: Int, tokens: [Int])] = []
    for row in 0..<heads * tokens where !isRow(row, row) {
      let (head, token) = (row / tokens, row % tokens)
      let likely = byHead.last.map { [$0.from] } ?? []
      guard
        let from = (likely + Array(0..<heads)).first(where: { $0 != head && isRow(row, $0 * tokens + token) })
      else { return nil }
      sources.append((row, from * tokens + token))
      if let last = byHead.last, last.head == head, last.from == from {
        byHead[byHead.count - 1].tokens.append(token)
      } else {
        byHead.append((head, from, [token]))
      }
    }
    guard !byHead.isEmpty, byHead.count <= heads else { return nil }
    // A row that is the same in all heads, such as that of the first key in ALiBi, is not wrong.
    let areWhole = byHead.allSatisfy { part in
      (0..<tokens).allSatisfy {
        part.tokens.contains($0) || isRow(part.head * tokens + $0, part.from * tokens + $0)
      }
    }
    // Whole heads of a product are outputs of its matrix.
    if areWhole, operation.kind.payload is Linear { return nil }
    if areWhole {
      let (to, from) = (byHead.map(\.head), byHead.map(\.from))
      let sentence =
        to.count == 2 && to == from.reversed()
        ? "heads \(to[0]) and \(to[1]) are exchanged"
        : "\(inWords(to, "head", "heads")) \(to.count == 1 ? "is that of" : "are those of") "
          + (Set(from).count == 1 ? "head \(from[0])" : inWords(from, "head", "heads"))
      return HeadRows(sources: sources, sentence: sentence)
    }
    let parts = byHead.prefix(3).map { part in
      "\(inWords(part.tokens, "row", "rows")) of head \(part.head) \(part.tokens.count == 1 ? "is that" : "are those") "
        + "of head \(part.from)"
    }
    return HeadRows(
      sources: sources, sentence: parts.joined(separator: ", ") + (byHead.count > 3 ? ", and so on" : ""))
  }
}

extension Tensor<Double> {
  /// Puts a row of another tensor in the place of one.
  fileprivate mutating func copyRow(_ row: Int, of other: Tensor<Double>, to target: Int) {
    for column in 0..<rowWidth { self[target, column] = other[row, column] }
  }
}
