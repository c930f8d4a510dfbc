import HeapModule
import TouchstoneModel

/// Encodes the words of one text, each different word once.
struct WordEncoder {
  private(set) var ids: [Int] = []

  private let vocabulary: Vocabulary
  /// Where in ``ids`` the result for a word stands that has occurred before.
  private var seen: [ArraySlice<UInt8>: Range<Int>] = [:]
  private var word = MergingWord()

  init(vocabulary: Vocabulary) {
    self.vocabulary = vocabulary
  }

  /// Appends a token that is not made of words.
  mutating func append(_ id: Int) {
    ids.append(id)
  }

  /// Appends the ids of `text`.
  mutating func encode(text: ArraySlice<UInt8>) throws(BadInput) {
    var splitter = WordSplitter(text)
    while let bytes = splitter.next() {
      if let range = seen[bytes] {
        for index in range { ids.append(ids[index]) }
      } else {
        let start = ids.count
        try word.load(bytes, from: vocabulary)
        word.merge(by: vocabulary)
        word.appendTokens(to: &ids)
        seen[bytes] = start..<ids.count
      }
    }
  }
}

/// A word while its pairs are merged: a linked list of tokens and a heap of the pairs that could be merged,
/// so that n bytes take O(n log n) steps.
private struct MergingWord {
  /// A place where two neighbours could be merged.
  struct Candidate: Comparable {
    let rank: Int
    let position: Int

    static func < (left: Candidate, right: Candidate) -> Bool {
      (left.rank, left.position) < (right.rank, right.position)
    }
  }

  /// The token that starts at each byte; nil where a token to the left covers it.
  private var tokens: [Int?] = []
  /// Where the token to the right of each starts; `tokens.count` after the last.
  private var next: [Int] = []
  private var previous: [Int] = []
  private var candidates = Heap<Candidate>()

  mutating func load(_ bytes: ArraySlice<UInt8>, from vocabulary: Vocabulary) throws(BadInput) {
    tokens.removeAll(keepingCapacity: true)
    for byte in bytes {
      tokens.append(try vocabulary.token(of: byte))
    }
    next = Array(1..<tokens.count + 1)
    previous = Array(-1..<tokens.count - 1)
  }

  /// Merges the pair of the lowest rank wherever it stands, from left to right, then the next, until none is left.
  mutating func merge(by vocabulary: Vocabulary) {
    for position in tokens.indices { propose(position, vocabulary) }
    var changed: [Int] = []
    while let rank = candidates.min?.rank {
      // Pairs that a merge brings about wait until this rank is done, whatever their own rank is.
      changed.removeAll(keepingCapacity: true)
      while let candidate = candidates.min, candidate.rank == rank {
        candidates.removeMin()
        guard let merge = merge(at: candidate.position, vocabulary), merge.rank == rank else { continue }
        apply(merge, at: candidate.position)
        changed.append(candidate.position)
      }
      for position in changed {
        propose(position, vocabulary)
        propose(previous[position], vocabulary)
      }
    }
  }

  func appendTokens(to ids: inout [Int]) {
    for case let token? in tokens { ids.append(token) }
  }

  private func merge(at position: Int, _ vocabulary: Vocabulary) -> Vocabulary.Merge? {
    guard tokens.indices.contains(position), next[position] < tokens.count,
      let left = tokens[position], let right = tokens[next[position]]
    else { return nil }
    return vocabulary.merges[Vocabulary.Pair(left: left, right: right)]
  }

  private mutating func propose(_ position: Int, _ vocabulary: Vocabulary) {
    guard let merge = merge(at: position, vocabulary) else { return }
    candidates.insert(Candidate(rank: merge.rank, position: position))
  }

  private mutating func apply(_ merge: Vocabulary.Merge, at position: Int) {
    let right = next[position]
    tokens[position] = merge.token
    tokens[right] = nil
    next[position] = next[right]
    if next[right] < tokens.count { previous[next[right]] = position }
  }
}
