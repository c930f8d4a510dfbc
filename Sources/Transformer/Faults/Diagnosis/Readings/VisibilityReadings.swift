import Foundation
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
      if let greatest = site.greatestSeen(seen, due: due) { return [greatest] }
      return site.guess(seeing: seen, due: due, own).map { [$0] } ?? []
    },
    Reading("mask.finite", .mask, of: AttentionProbabilities.self) { own, site, got in
      guard let mask = site.finiteMask(got, own.visibility) else { return [] }
      let added = plainNumbers(near: mask.added ?? .nan).map { number in
        Guess("masked scores are changed by \(words(number)) instead of to −∞", numbers: 1) { site in
          site.probabilities(own, maskedBy: { $0 + number })
        }
      }
      let replaced = plainNumbers(near: mask.replacing ?? .nan).map { number in
        Guess("masked scores are replaced by \(words(number)) instead of −∞", numbers: 1) { site in
          site.probabilities(own, maskedBy: { _ in number })
        }
      }
      return added + replaced
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
    Reading("mask.masked-weighed", .mask, of: AttentionContext.self) { own, site, _ in
      let (due, weights) = (site.dueKeys(own.visibility), site.activations[0])
      let tokens = site.inputs.count
      let isWeighed = weights.values.indices.contains { offset in
        weights.values[offset] != 0 && !due[offset % (tokens * tokens)]
      }
      guard isWeighed else { return [] }
      return [
        Guess("masked keys are heard too, by the probabilities that they have") { site in
          site.rawContext { weights, head, row, key in weights[head, row, key] }
        }
      ]
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

  /// That each query sees only those of its keys that have the greatest scores; nil where that is not so.
  fileprivate func greatestSeen(_ seen: SeenKeys, due: [Bool]) -> Reading.Guess? {
    guard seen.tables.count > 1 || activations[0].shape[0] == 1, let scores = unmaskedScores() else {
      return nil
    }
    let tokens = inputs.count
    let counts = (0..<scores.rowCount).map { row in
      let table = seen.table(of: row / tokens)
      return (0..<tokens).count { table[row % tokens * tokens + $0] }
    }
    guard let count = counts.max(), count > 0, count < tokens else { return nil }
    for row in 0..<scores.rowCount {
      let (table, first) = (seen.table(of: row / tokens), row % tokens * tokens)
      let keys = (0..<tokens).filter { due[first + $0] }.sorted { scores[row, $0] > scores[row, $1] }
      guard Set(keys.prefix(count)) == Set((0..<tokens).filter { table[first + $0] }) else { return nil }
    }
    return Reading.Guess("queries see only the \(count) keys of the greatest scores") { $0.seeing(seen) }
  }

  /// What stands for the scores of masked keys that were weighed: a number that is added to them, or one in their place.
  fileprivate func finiteMask(
    _ got: Tensor<Double>, _ visibility: Visibility
  ) -> (added: Double?, replacing: Double?)? {
    guard let scores = unmaskedScores(), got.shape == scores.shape else { return nil }
    let (tokens, due) = (inputs.count, dueKeys(visibility))
    var (added, replacing): ([Double], [Double]) = ([], [])
    for row in 0..<got.rowCount {
      let first = row % tokens * tokens
      guard let known = (0..<tokens).filter({ due[first + $0] }).max(by: { got[row, $0] < got[row, $1] }),
        got[row, known] > 1e-20
      else { continue }
      for key in 0..<tokens where !due[first + key] && got[row, key] > 1e-20 {
        let score = scores[row, known] + log(got[row, key] / got[row, known])
        replacing.append(score)
        added.append(score - scores[row, key])
      }
    }
    guard added.count > 2 else { return nil }
    func common(_ values: [Double]) -> Double? {
      let middle = values.sorted()[values.count / 2]
      return values.allSatisfy { abs($0 - middle) <= 1e-3 * (1 + abs(middle)) } ? middle : nil
    }
    guard added.contains(where: { abs($0) > 1e-3 }) else { return nil }
    let found = (common(added).flatMap { abs($0) < 1e-3 ? nil : $0 }, common(replacing))
    return found.0 == nil && found.1 == nil ? nil : found
  }
}
