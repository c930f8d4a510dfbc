import TouchstoneGraph
import TouchstoneModel

/// Which heads of what is read each head of scores or of a context was made of.
struct HeadSources: Sendable {
  private enum Source: Equatable, Sendable {
    /// Of queries (or probabilities), and of keys (or values).
    case heads(Int, Int)
    case zero
  }

  private let sources: [Source]
  private let heads: Int
  private let sharedHeads: Int
  private let isContext: Bool

  /// nil where a head is made of none, or each of its own.
  init?(_ site: FaultSite, _ got: Tensor<Double>) {
    guard let sample = AttentionSample(site, got), sample.heads > 1 else { return nil }
    let (heads, sharedHeads) = (sample.heads, sample.sharedHeads)
    (self.heads, self.sharedHeads) = (heads, sharedHeads)
    isContext = site.operation.kind.payload is AttentionContext
    var sources: [Source] = []
    let places = sample.elements.map { Array($0.dropFirst()) }
    for head in 0..<heads {
      let elements = places.map { [head] + $0 }
      func isMade(of source: Source) -> Bool {
        guard case .heads(let one, let other) = source else {
          return elements.allSatisfy { sample.captured($0) == 0 }
        }
        return sample.agrees(elements) { sample.value($0, head: one, sharedHead: other) }
      }
      let own = Source.heads(head, head * sharedHeads / heads)
      let likely =
        [own, .zero] + (0..<sharedHeads).map { .heads(head, $0) }
        + (0..<heads).map { .heads($0, $0 * sharedHeads / heads) }
      let any = (0..<heads).lazy.flatMap { one in (0..<sharedHeads).lazy.map { Source.heads(one, $0) } }
      guard let found = likely.first(where: isMade) ?? any.first(where: isMade) else { return nil }
      sources.append(found)
    }
    self.sources = sources
    guard sources.indices.contains(where: { sources[$0] != own(of: $0) }) else { return nil }
  }

  private func own(of head: Int) -> Source { .heads(head, head * sharedHeads / heads) }

  /// The operation with these heads.
  var guess: Reading.Guess {
    Reading.Guess(sentence) { site in
      // What is said of keys says nothing of values.
      guard site.operation.kind.payload is AttentionContext == isContext,
        site.activations[0].shape[0] == heads, site.activations[1].shape[0] == sharedHeads
      else { return nil }
      let made = sources.map { source -> Tensor<Double>? in
        guard case .heads(let one, let other) = source else { return nil }
        let read = site.activations.enumerated().map { $1.head($0 == 1 ? other : one) }
        return site.evaluated(activations: read)
      }
      return site.edited { y in
        for (head, own) in made.enumerated() {
          let width = y.count / y.rowCount / heads
          for row in 0..<site.inputs.count {
            for column in 0..<(isContext ? width : y.rowWidth) {
              if isContext {
                y[row, head * width + column] = own?[row, column] ?? 0
              } else {
                y[head, row, column] =
                  own?[0, row, column] ?? (y[head, row, column].isFinite ? 0 : -.infinity)
              }
            }
          }
        }
      }
    }
  }

  private var sentence: String {
    let (firsts, seconds) = isContext ? ("probabilities", "values") : ("queries", "keys")
    let changed = sources.indices.filter { sources[$0] != own(of: $0) }
    var parts: [String] = []
    let zeros = changed.filter { sources[$0] == .zero }
    if !zeros.isEmpty {
      parts.append("\(inWords(zeros, "head", "heads")) \(zeros.count == 1 ? "is" : "are") 0")
    }
    func due(_ head: Int) -> Int { head * sharedHeads / heads }
    let moved = changed.compactMap { head -> (head: Int, first: Int, second: Int)? in
      if case .heads(let one, let other) = sources[head] { (head, one, other) } else { nil }
    }
    // Both of another head, then either alone, then whatever is left.
    // What a head of a context weighs shared values by is all there is of it.
    let whole = moved.filter {
      $0.first != $0.head && $0.second == due($0.first) && (isContext || $0.second != due($0.head))
    }
    let ofFirsts = moved.filter { move in
      move.first != move.head && move.second == due(move.head) && !whole.contains { $0.head == move.head }
    }
    let ofSeconds = moved.filter { $0.first == $0.head }
    let rest = moved.filter { move in
      ![whole, ofFirsts, ofSeconds].contains { $0.contains { $0.head == move.head } }
    }
    func from(_ heads: [Int]) -> String {
      Set(heads).count == 1 ? "head \(heads[0])" : inWords(heads, "head", "heads")
    }
    func said(_ some: [(head: Int, first: Int, second: Int)], _ one: String, _ many: String) -> String {
      inWords(some.map(\.head), "head", "heads") + " " + (some.count == 1 ? one : many) + " "
    }
    if whole.count == 2, whole[0].head == whole[1].first, whole[1].head == whole[0].first {
      parts.append("heads \(whole[0].head) and \(whole[1].head) are exchanged")
    } else if !whole.isEmpty {
      parts.append(said(whole, "is that of", "are those of") + from(whole.map(\.first)))
    }
    if !ofFirsts.isEmpty {
      parts.append(said(ofFirsts, "takes", "take") + "the \(firsts) of \(from(ofFirsts.map(\.first)))")
    }
    if !ofSeconds.isEmpty {
      parts.append(
        said(ofSeconds, "reads", "read") + "the \(seconds) of \(from(ofSeconds.map(\.second))) instead of "
          + from(ofSeconds.map { due($0.head) }).replacing("heads ", with: "").replacing("head ", with: ""))
    }
    if !rest.isEmpty {
      parts.append(
        said(rest, "takes", "take") + "the \(firsts) of \(from(rest.map(\.first))) with the \(seconds) of "
          + from(rest.map(\.second)))
    }
    return parts.joined(separator: ", ")
  }
}

extension Tensor<Double> {
  /// One head of [H, T, n] as [1, T, n].
  fileprivate func head(_ head: Int) -> Tensor<Double> {
    let size = shape[1] * shape[2]
    return Tensor(Array(values[head * size..<(head + 1) * size]), shape: [1] + shape[1...])
  }
}
