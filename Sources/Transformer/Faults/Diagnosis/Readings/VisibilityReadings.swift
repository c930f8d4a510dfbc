import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Reading {
  /// Which keys each query really saw: by recorded scores, by probabilities, and by the context where both are hidden.
  static let visibilities: [Reading] = [
    Reading("mask.seen-keys", .mask, at: .of(AttentionProbabilities.self)) { site, got in
      guard let own = site.visibility else { return [] }
      let due = site.dueKeys(own)
      guard let seen = site.keysSeen(inProbabilities: got, due: due) else { return [] }
      return site.guess(seeing: seen, due: due, own).map { [$0] } ?? []
    },
    Reading("mask.seen-scores", .mask, at: .of(AttentionScores.self)) { site, got in
      guard let own = site.visibility else { return [] }
      let due = site.dueKeys(own)
      guard let (seen, mask, isAdded) = site.keysSeen(inScores: got, due: due) else { return [] }
      let words =
        mask == -.infinity
        ? "" : isAdded ? ": \(words(mask)) is added to their scores" : ": their scores are \(words(mask))"
      return site.guess(seeing: seen, due: due, own, words) { isAdded ? $0 + mask : mask }.map { [$0] } ?? []
    },
    Reading("mask.seen-values", .mask, at: .of(AttentionContext.self)) { site, got in
      guard let own = site.visibility else { return [] }
      let due = site.dueKeys(own)
      guard let search = ContextKeySearch(site, got, due: due) else { return [] }
      return search.found.compactMap { site.guess(seeing: $0, due: due, own) }
    },
  ]
}

extension FaultSite {
  /// The operation where queries see other keys, in words; nil where they see those that are due.
  fileprivate func guess(
    seeing seen: SeenKeys, due: [Bool], _ own: Visibility, _ addition: String = "",
    masked: @escaping @Sendable (Double) -> Double = { _ in -.infinity }
  ) -> Reading.Guess? {
    guard seen.tables.contains(where: { $0 != due }) else { return nil }
    let name = SeenKeysInWords(seen, due: due, own, inputs).sentence + addition
    return Reading.Guess(name) { site in site.seeing(seen, masked: masked) }
  }
}
