import HeapModule

/// A word while its pairs are merged: a linked list of tokens and a heap of the pairs that could be merged,
/// so that n characters take O(n log n) steps.
struct MergingWord {
  /// A place where two neighbours could be merged.
  private struct Candidate: Comparable {
    let rank: Int
    let position: Int

    static func < (left: Candidate, right: Candidate) -> Bool {
      (left.rank, left.position) < (right.rank, right.position)
    }
  }

  /// The token that starts at each place; nil where a token to the left covers it.
  private var tokens: [Int?]
  /// Where the token to the right of each starts; `tokens.count` after the last.
  private var next: [Int]
  private var previous: [Int]
  private var candidates = Heap<Candidate>()

  init(_ tokens: [Int]) {
    self.tokens = tokens
    next = Array(1..<tokens.count + 1)
    previous = Array(-1..<tokens.count - 1)
  }

  /// Merges the pair of the lowest rank, of several the leftmost, until none is left.
  mutating func merged(by model: BytePairModel) -> [Int] {
    for position in tokens.indices { propose(position, model) }
    var changed: [Int] = []
    while let rank = candidates.min?.rank {
      changed.removeAll(keepingCapacity: true)
      while let candidate = candidates.min, candidate.rank == rank {
        candidates.removeMin()
        guard let merge = merge(at: candidate.position, model), merge.rank == rank else { continue }
        apply(merge, at: candidate.position)
        changed.append(candidate.position)
        // Pairs that a merge brings about wait until this rank is done, whatever their own is, or do not.
        if !model.options.mergesWholeRanks { break }
      }
      for position in changed {
        propose(position, model)
        propose(previous[position], model)
      }
    }
    return tokens.compactMap { $0 }
  }

  private func merge(at position: Int, _ model: BytePairModel) -> BytePairModel.Merge? {
    guard tokens.indices.contains(position), next[position] < tokens.count,
      let left = tokens[position], let right = tokens[next[position]]
    else { return nil }
    return model.merges[BytePairModel.Pair(left: left, right: right)]
  }

  private mutating func propose(_ position: Int, _ model: BytePairModel) {
    guard let merge = merge(at: position, model) else { return }
    candidates.insert(Candidate(rank: merge.rank, position: position))
  }

  private mutating func apply(_ merge: BytePairModel.Merge, at position: Int) {
    let right = next[position]
    tokens[position] = merge.token
    tokens[right] = nil
    next[position] = next[right]
    if next[right] < tokens.count { previous[next[right]] = position }
  }
}
