import TouchstoneModel

/// Which rows of a tensor [H, T, d] stand in the place of which, head by head.
struct RowSources: Sendable, Equatable {
  /// What stands in the place of a row.
  enum Source: Hashable, Sendable {
    /// The row of a token, in the same head.
    case row(Int)
    case zero
    /// The row that is due, with the other sign.
    case negative
    /// Another row, which is none of these.
    case other
  }

  /// By head, then token.
  let ofHeads: [[Source]]

  /// Whether some row is another.
  var differs: Bool { ofHeads.contains { $0.enumerated().contains { $0.element != .row($0.offset) } } }

  /// How rows, and what stands in their place, are called.
  struct Terms {
    let row: String
    /// Followed by what stands there, for one row and for several.
    let verbs: (String, String)
    /// Followed by the rows that stand there.
    let verbsOfRows: (String, String)

    /// “rows 4 to 7 hold rows 8 to 11”.
    static let cached = Terms(row: "row", verbs: ("holds", "hold"), verbsOfRows: ("holds", "hold"))

    /// “keys 4 to 7 are those of keys 8 to 11”.
    static func named(_ row: String) -> Terms {
      Terms(row: row, verbs: ("is", "are"), verbsOfRows: ("is that of", "are those of"))
    }
  }

  /// What stands in the place of rows, in all heads alike or in each.
  func inWords(_ terms: Terms) -> String {
    if Set(ofHeads).count == 1 { return Self.inWords(ofHeads[0], terms) }
    let differing = ofHeads.indices.filter { head in
      ofHeads[head].enumerated().contains { $0.element != .row($0.offset) }
    }
    let groups = differing.reduce(into: [(sources: [Source], heads: [Int])]()) { groups, head in
      if let place = groups.firstIndex(where: { $0.sources == ofHeads[head] }) {
        groups[place].heads.append(head)
      } else {
        groups.append((ofHeads[head], [head]))
      }
    }
    let greatestCount = 3
    return groups.prefix(greatestCount).map { group in
      "in \(TouchstoneFaults.inWords(group.heads, "head", "heads")): " + Self.inWords(group.sources, terms)
    }.joined(separator: "; ") + (groups.count > greatestCount ? "; in other heads others" : "")
  }

  private static func inWords(_ sources: [Source], _ terms: Terms) -> String {
    let (one, many) = (terms.row, terms.row == "query" ? "queries" : terms.row + "s")
    func said(_ places: [Int], _ verbs: (String, String), _ what: String) -> String {
      "\(TouchstoneFaults.inWords(places, one, many)) \(places.count == 1 ? verbs.0 : verbs.1) \(what)"
    }
    var parts: [String] = []
    let moved = sources.enumerated().compactMap { token, source -> (token: Int, from: Int)? in
      if case .row(let from) = source, from != token { (token, from) } else { nil }
    }
    if let first = moved.first {
      let (places, from) = (moved.map(\.token), moved.map(\.from))
      let steps = Set(moved.map { $0.from - $0.token })
      if let step = steps.first, steps.count == 1, places.count > 2, abs(step) <= 2,
        places.last == sources.count - 1, places == Array(first.token..<sources.count)
      {
        let distance = abs(step) == 1 ? "the one" : "the second"
        parts.append(
          "from \(one) \(first.token) on each \(terms.verbsOfRows.0) \(distance) "
            + (step < 0 ? "before" : "after"))
      } else if Set(from).count == 1 {
        parts.append(said(places, terms.verbsOfRows, "\(one) \(from[0])"))
      } else {
        parts.append(said(places, terms.verbsOfRows, TouchstoneFaults.inWords(from, one, many)))
      }
    }
    let zeros = sources.indices.filter { sources[$0] == .zero }
    if !zeros.isEmpty { parts.append(said(zeros, terms.verbs, "0")) }
    let negative = sources.indices.filter { sources[$0] == .negative }
    if !negative.isEmpty {
      parts.append(said(negative, terms.verbs, "minus \(negative.count == 1 ? "itself" : "themselves")"))
    }
    let others = sources.indices.filter { sources[$0] == .other }
    if !others.isEmpty { parts.append(said(others, terms.verbs, others.count == 1 ? "another" : "others")) }
    return parts.joined(separator: ", ")
  }

  /// The tensor with these rows; what is none of them is taken from `others`.
  func applied(to tensor: Tensor<Double>, others: Tensor<Double>? = nil) -> Tensor<Double> {
    guard tensor.shape.count == 3, tensor.shape[0] == ofHeads.count, tensor.shape[1] == ofHeads[0].count,
      others.map({ $0.shape == tensor.shape }) ?? true
    else { return tensor }
    let (tokens, width) = (tensor.shape[1], tensor.rowWidth)
    var moved = tensor
    for (head, sources) in ofHeads.enumerated() {
      for (token, source) in sources.enumerated() where source != .row(token) {
        let row = head * tokens + token
        for column in 0..<width {
          switch source {
          case .row(let from): moved[row, column] = tensor[head * tokens + from, column]
          case .zero: moved[row, column] = 0
          case .negative: moved[row, column].negate()
          case .other: moved[row, column] = others?[row, column] ?? tensor[row, column]
          }
        }
      }
    }
    return moved
  }

  /// Which rows of `tensor` the rows of another are, each within a tolerance of its own.
  init(
    _ got: Tensor<Double>, in tensor: Tensor<Double>, tolerance: (_ row: Int) -> Double,
    isAsked: (_ row: Int) -> Bool = { _ in true }
  ) {
    let (heads, tokens, width) = (tensor.shape[0], tensor.shape[1], tensor.rowWidth)
    func distance(_ row: Int, _ other: Int, atMost greatest: Double) -> Double {
      var distance = 0.0
      for column in 0..<width {
        let due = other < 0 ? 0 : tensor[other, column]
        let own = got[row, column].isNaN && due.isNaN ? 0 : abs(got[row, column] - due)
        if !(own <= greatest) { return .infinity }
        distance = max(distance, own)
      }
      return distance
    }
    ofHeads = (0..<heads).map { head in
      (0..<tokens).map { token -> Source in
        let row = head * tokens + token
        guard isAsked(row) else { return .row(token) }
        let greatest = tolerance(row)
        if distance(row, row, atMost: greatest) <= greatest { return .row(token) }
        var best: (source: Source, distance: Double) = (.other, .infinity)
        let ofZero = distance(row, -1, atMost: greatest)
        if ofZero <= greatest { best = (.zero, ofZero) }
        let isNegative = (0..<width).allSatisfy { abs(got[row, $0] + tensor[row, $0]) <= greatest }
        if isNegative, best.source == .other { return .negative }
        for from in 0..<tokens {
          let own = distance(row, head * tokens + from, atMost: min(greatest, best.distance))
          if own < best.distance { best = (.row(from), own) }
        }
        return best.source
      }
    }
  }

  init(ofHeads: [[Source]]) { self.ofHeads = ofHeads }
}
