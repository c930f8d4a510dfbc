import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// Which keys each query saw, by the context alone: scores are computed, probabilities are not known.
///
/// With w the exponentials of a query's scores, what is heard of a stretch of keys is Σ w·v/Σ w over it. Running sums give
/// that for every stretch that begins at 0 or ends at the query, or lacks one key, in O(T·d) a query. Rules that hold for
/// all queries are preferred to what fits each by itself; where a query fits none of these, the keys are solved for.
struct ContextKeySearch {
  private let scores: Tensor<Double>
  private let values: Tensor<Double>
  private let got: Tensor<Double>
  private let due: [Bool]
  private let isOpen: [Bool]
  private let own: Visibility
  private let tokens: Int
  private let heads: Int

  /// nil where scores are not known, or more is to be looked through than takes a moment.
  init?(_ site: FaultSite, _ got: Tensor<Double>, due: [Bool]) {
    guard let own = site.visibility, let scores = site.maker(of: 0)?.unmaskedScores() else { return nil }
    self.scores = scores
    self.own = own
    values = site.activations[1]
    tokens = site.inputs.count
    heads = scores.shape[0]
    self.got = got
    self.due = due
    isOpen = site.inputs.attentionMask ?? [Bool](repeating: true, count: tokens)
    let greatestWork = 1 << 30
    guard tokens > 1, tokens * tokens * got.rowWidth <= greatestWork else { return nil }
  }

  /// What may have been seen, the simplest first.
  var found: [SeenKeys] {
    var known: [[Bool]] = [due]
    var ofHeads: [[[Bool]]] = []
    for head in 0..<heads {
      let fitting = known.filter { fits($0, head) }
      var tables = fitting
      if fitting.isEmpty {
        tables = ContextKeysOfHead(self.head(head), due: due, isOpen: isOpen, own).tables
        if tables.isEmpty, let solved = solvedTable() { tables = [solved] }
        known += tables
      }
      guard !tables.isEmpty else { return [] }
      ofHeads.append(tables)
    }
    // One that all heads have.
    let common = ofHeads[0].filter { table in
      table != due && ofHeads.indices.allSatisfy { ofHeads[$0].contains(table) || fits(table, $0) }
    }
    return common.map { SeenKeys(tokens: tokens, tables: [$0]) }
      + [SeenKeys(tokens: tokens, tables: ofHeads.map { $0[0] })]
  }

  /// One head's numbers.
  struct Head {
    let tokens: Int
    let width: Int
    /// Exponentials of the scores, the greatest of each row 1: [T, T].
    let weights: [Double]
    /// [T, d].
    let values: [Double]
    /// [T, d].
    let got: [Double]
    /// How far two numbers may lie apart that are the same.
    let tolerance: Double
  }

  private func head(_ head: Int) -> Head {
    let width = values.rowWidth
    let valueHead = head * values.shape[0] / heads
    var weights = [Double](repeating: 0, count: tokens * tokens)
    for query in 0..<tokens {
      let row = scores.row(head * tokens + query)
      let greatest = row.max() ?? 0
      for (key, score) in row.enumerated() { weights[query * tokens + key] = exp(score - greatest) }
    }
    let own = Array(values.values[valueHead * tokens * width..<(valueHead + 1) * tokens * width])
    let heard = (0..<tokens).flatMap { got.row($0)[(got.rowWidth * $0 + head * width)...].prefix(width) }
    let greatest = own.reduce(0) { $1.isFinite ? max($0, abs($1)) : $0 }
    return Head(
      tokens: tokens, width: width, weights: weights, values: own, got: heard, tolerance: 2e-5 * greatest)
  }

  /// Whether what a head heard is what it hears through a table.
  private func fits(_ table: [Bool], _ head: Int) -> Bool {
    let own = self.head(head)
    return (0..<tokens).allSatisfy { query in
      let row = query * tokens..<(query + 1) * tokens
      guard due[row].contains(true) else { return true }
      return own.fits(query, Array(table[row]))
    }
  }

  /// The keys that each query saw in all heads, by least squares: Σⱼ xⱼ·wⱼ·(vⱼ − c) = 0 with each xⱼ 0 or 1.
  private func solvedTable() -> [Bool]? {
    let greatestCount = 100
    guard tokens <= greatestCount, got.rowWidth >= tokens + 2 else { return nil }
    let all = (0..<heads).map(head)
    var table: [Bool] = []
    for query in 0..<tokens {
      let row = query * tokens..<(query + 1) * tokens
      let dueKeys = Array(due[row])
      guard dueKeys.contains(true), !all.allSatisfy({ $0.fits(query, dueKeys) }) else {
        table += dueKeys
        continue
      }
      guard let seen = Self.solved(query, all), all.allSatisfy({ $0.fits(query, seen) }) else { return nil }
      table += seen
    }
    return table
  }

  private static func solved(_ query: Int, _ heads: [Head]) -> [Bool]? {
    let count = heads[0].tokens
    var gram = [Double](repeating: 0, count: count * count)
    for head in heads {
      for column in 0..<head.width {
        let heard = head.got[query * head.width + column]
        let row = (0..<count).map { key in
          head.weights[query * count + key] * (head.values[key * head.width + column] - heard)
        }
        for key in 0..<count where row[key] != 0 {
          for other in 0...key { gram[key * count + other] += row[key] * row[other] }
        }
      }
    }
    guard let x = leastEigenvector(gram, count), let greatest = x.max(by: { abs($0) < abs($1) }) else {
      return nil
    }
    let relative = x.map { $0 / greatest }
    guard relative.allSatisfy({ abs($0) < 0.3 || abs($0 - 1) < 0.3 }) else { return nil }
    return relative.map { $0 > 0.5 }
  }

  /// By inverse iteration with the lower half of a symmetric matrix.
  private static func leastEigenvector(_ matrix: [Double], _ count: Int) -> [Double]? {
    let trace = (0..<count).reduce(0) { $0 + matrix[$1 * count + $1] }
    guard let cholesky = Cholesky(matrix, count, ridge: 1e-15 * trace) else { return nil }
    var x = [Double](repeating: 1, count: count)
    for _ in 0..<12 {
      x = cholesky.solved(x)
      let length = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
      guard length > 0, length.isFinite else { return nil }
      x = x.map { $0 / length }
    }
    return x
  }
}

extension ContextKeySearch.Head {
  /// Whether a query heard the keys marked, and no other.
  func fits(_ query: Int, _ seen: [Bool]) -> Bool {
    var sums = [Double](repeating: 0, count: width)
    var total = 0.0
    for key in 0..<tokens where seen[key] { add(key, of: query, to: &sums, &total) }
    return fits(query, sums, total)
  }

  func add(
    _ key: Int, of query: Int, to sums: inout [Double], _ total: inout Double, times factor: Double = 1
  ) {
    let weight = factor * weights[query * tokens + key]
    total += weight
    for column in 0..<width { sums[column] += weight * values[key * width + column] }
  }

  func fits(_ query: Int, _ sums: [Double], _ total: Double) -> Bool {
    guard total > 0 else { return false }
    let scale = 1 / total
    for column in 0..<width where !(abs(sums[column] * scale - got[query * width + column]) <= tolerance) {
      return false
    }
    return true
  }

  /// The same without what one key adds.
  func fits(_ query: Int, _ sums: [Double], _ total: Double, without key: Int) -> Bool {
    let weight = weights[query * tokens + key]
    guard total > weight else { return false }
    let scale = 1 / (total - weight)
    for column in 0..<width {
      let rest = (sums[column] - weight * values[key * width + column]) * scale
      if !(abs(rest - got[query * width + column]) <= tolerance) { return false }
    }
    return true
  }
}
