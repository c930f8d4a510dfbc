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
    let whole = changed.compactMap { head -> (Int, Int)? in
      guard case .heads(let one, let other) = sources[head], one != head, other == one * sharedHeads / heads
      else { return nil }
      return (head, one)
    }
    if whole.count == 2, whole[0].0 == whole[1].1, whole[1].0 == whole[0].1 {
      parts.append("heads \(whole[0].0) and \(whole[1].0) are exchanged")
    } else if !whole.isEmpty {
      let from = whole.map(\.1)
      parts.append(
        "\(inWords(whole.map(\.0), "head", "heads")) \(whole.count == 1 ? "is" : "are") computed as "
          + (Set(from).count == 1 ? "head \(from[0])" : inWords(from, "head", "heads")))
    }
    let shared = changed.compactMap { head -> (Int, Int, Int)? in
      guard case .heads(let one, let other) = sources[head], other != one * sharedHeads / heads else {
        return nil
      }
      return (head, one, other)
    }
    if !shared.isEmpty {
      let from = shared.map(\.2)
      let heads = inWords(shared.map(\.0), "head", "heads")
      let ofOthers = shared.contains { $0.0 != $0.1 } ? ", with \(firsts) of \(words(shared.map(\.1)))" : ""
      let due = shared.map { $0.0 * sharedHeads / self.heads }
      parts.append(
        "\(heads) \(shared.count == 1 ? "reads" : "read") the \(seconds) of "
          + (Set(from).count == 1 ? "head \(from[0])" : "heads \(words(from))")
          + " instead of \(Set(due).count == 1 ? "\(due[0])" : words(due))\(ofOthers)")
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
