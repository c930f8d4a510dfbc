import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// Keys or values that a cache holds in a narrower type, all of them or those of some tokens.
  static let storedRows: [Reading] = [
    Reading("attention.stored-keys", .precision, of: AttentionScores.self) { _, site, got in
      guard let rows = ScoreRows(site, got, ofKeys: true) else { return [] }
      let keys = site.activations[1]
      let (heads, tokens) = (keys.shape[0], keys.shape[1])
      let wrong = (0..<heads * tokens).filter { rows.isWrong($0 / tokens, $0 % tokens) }
      guard !wrong.isEmpty else { return [] }
      return StoredAs.all.compactMap { stored in
        let changed = stored.applied(to: keys)
        guard wrong.allSatisfy({ rows.agrees(changed.row($0), rows.equations($0 / tokens, $0 % tokens)) })
        else {
          return nil
        }
        let isRight = (0..<tokens).map { token in
          (0..<heads).allSatisfy {
            rows.agrees(changed.row($0 * tokens + token), rows.equations($0, token))
          }
        }
        let told = Set(wrong.map { $0 % tokens })
        let isAll = isRight.allSatisfy(\.self)
        let rounded = isAll ? Array(0..<tokens) : Array((told.min() ?? 0)...(told.max() ?? 0))
        return stored.guess("keys", of: rounded, among: tokens)
      }
    },
    Reading("attention.stored-values", .precision, of: AttentionContext.self) { _, site, got in
      guard let own = site.visibility else { return [] }
      let values = site.activations[1]
      let tokens = values.shape[1]
      let due = site.dueKeys(own)
      let error = zip(got.values, site.evaluated().values).map { $0 - $1 }
      return StoredAs.all.compactMap { stored in
        let changed = stored.applied(to: values)
        let difference = Tensor(zip(changed.values, values.values).map { $0 - $1 }, shape: values.shape)
        return site.part(difference, explaining: error, due: due).flatMap {
          stored.guess("values", of: $0, among: tokens)
        }
      }
    },
  ]
}

/// A narrower type in which rows are kept.
private struct StoredAs: Sendable {
  enum Steps: Sendable { case format(NumberFormat), byRow, byHead, ofAll }

  let name: String
  let steps: Steps
  /// The greatest step of whole numbers.
  var greatest = 127.0

  static let all: [StoredAs] =
    [NumberFormat.float16, .bfloat16, .float8].map {
      StoredAs(name: "rounded to \($0.name)", steps: .format($0))
    }
    + [(127.0, 8), (7, 4)].flatMap { greatest, bits in
      [
        StoredAs(name: "quantised to \(bits) bits (int\(bits)), by row", steps: .byRow, greatest: greatest),
        StoredAs(name: "quantised to \(bits) bits (int\(bits)), by head", steps: .byHead, greatest: greatest),
        StoredAs(
          name: "quantised to \(bits) bits (int\(bits)), all by one step", steps: .ofAll, greatest: greatest),
      ]
    }

  /// Every row as it is kept.
  func applied(to tensor: Tensor<Double>) -> Tensor<Double> {
    let size: Int
    switch steps {
    case .format(let format): return format.rounded(tensor)
    case .byRow: size = tensor.rowWidth
    case .byHead: size = tensor.rowWidth * tensor.shape[1]
    case .ofAll: size = tensor.count
    }
    var kept = tensor
    for first in stride(from: 0, to: tensor.count, by: size) {
      let range = first..<first + size
      // Steps are float32 numbers, as values are.
      let step = Double(
        Float(range.reduce(0) { tensor.values[$1].isFinite ? max($0, abs(tensor.values[$1])) : $0 })
          / Float(greatest))
      guard step > 0 else { continue }
      for offset in range {
        let code = Double(Float(tensor.values[offset]) / Float(step)).rounded(.toNearestOrEven)
        kept.values[offset] = Double(Float(code) * Float(step))
      }
    }
    return kept
  }

  /// That the rows of some tokens are kept like this.
  func guess(_ what: String, of some: [Int], among tokens: Int) -> Reading.Guess? {
    guard !some.isEmpty else { return nil }
    let isAll = some.count == tokens
    let part = isAll ? "" : " of \(inWords(some, "token", "tokens"))"
    return Reading.Guess("\(what)\(part) are \(name)") { site in
      site.evaluated(changing: 1) { read in
        let kept = applied(to: read)
        for row in 0..<read.rowCount where isAll || some.contains(row % tokens) {
          for column in 0..<read.rowWidth { read[row, column] = kept[row, column] }
        }
      }
    }
  }
}

extension FaultSite {
  /// Which tokens' values differ as they would, the first few, the last few or all; nil where none explain the context.
  fileprivate func part(_ difference: Tensor<Double>, explaining error: [Double], due: [Bool]) -> [Int]? {
    let weights = activations[0]
    let (heads, shared, tokens, width) = (
      weights.shape[0], difference.shape[0], inputs.count, difference.rowWidth
    )
    let scale = activations[1].greatestMagnitude
    // An average of differences is no greater than the greatest of them.
    let greatest = error.reduce(0) { $1.isFinite ? max($0, abs($1)) : $0 }
    guard greatest <= 1.01 * difference.greatestMagnitude + 2e-6 * scale else { return nil }
    // Of the first t tokens, and of those from t on.
    var (fitsFirst, fitsLast) = (
      [Bool](repeating: true, count: tokens + 1), [Bool](repeating: true, count: tokens + 1)
    )
    for head in 0..<heads {
      let own = head * shared / heads
      for query in 0..<tokens where due[query * tokens..<(query + 1) * tokens].contains(true) {
        let wanted = (0..<width).map { error[query * heads * width + head * width + $0] }
        func fits(_ sum: [Double]) -> Bool {
          zip(sum, wanted).allSatisfy { abs($0 - $1) <= 2e-6 * scale }
        }
        for (isFirst, keys) in [(true, Array(0..<tokens)), (false, (0..<tokens).reversed())] {
          var sum = [Double](repeating: 0, count: width)
          if !fits(sum) { if isFirst { fitsFirst[0] = false } else { fitsLast[tokens] = false } }
          for key in keys {
            if due[query * tokens + key] {
              for column in 0..<width {
                sum[column] += weights[head, query, key] * difference[own, key, column]
              }
            }
            if isFirst {
              if fitsFirst[key + 1], !fits(sum) { fitsFirst[key + 1] = false }
            } else if fitsLast[key], !fits(sum) {
              fitsLast[key] = false
            }
          }
        }
      }
      guard fitsFirst.contains(true) || fitsLast.contains(true) else { return nil }
    }
    if fitsFirst[tokens] { return Array(0..<tokens) }
    if let first = (1...tokens).first(where: { fitsFirst[$0] }) { return Array(0..<first) }
    return (0..<tokens).last { fitsLast[$0] }.map { Array($0..<tokens) }
  }
}
