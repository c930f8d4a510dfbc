import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// Rows of keys, queries or values that are others than those recorded: a cache that was moved, is stale or not written.
  static let keyRows: [Reading] = [
    Reading("attention.other-keys", .cache, of: AttentionScores.self) { _, site, got in
      guard let rows = ScoreRows(site, got, ofKeys: true), let read = rows.sources else { return [] }
      return [rows.guess(read)]
    },
    Reading("attention.other-queries", .cache, of: AttentionScores.self) { _, site, got in
      guard let rows = ScoreRows(site, got, ofKeys: false), let read = rows.sources,
        !read.sources.ofHeads.contains(where: { $0.contains(.other) })
      else { return [] }
      return [rows.guess(read)]
    },
  ]
}

/// Which rows of keys, or of queries, recorded scores were made of.
struct ScoreRows {
  private let site: FaultSite
  private let got: Tensor<Double>
  private let scale: Double
  private let ofKeys: Bool
  private let tokens: Int
  private let heads: Int
  private let shared: Int
  private let due: [Bool]
  private let right: Tensor<Double>
  /// Of each row of queries, and of keys.
  private let lengths: [[Double]]
  /// More rows that are none of the recorded are no matter of rows.
  private static let greatestOtherCount = 16
  private var index: Int { ofKeys ? 1 : 0 }

  init?(_ site: FaultSite, _ got: Tensor<Double>, ofKeys: Bool) {
    guard let own = site.operation.kind.payload as? AttentionScores, own.scale != 0 else { return nil }
    self.site = site
    self.got = got
    self.ofKeys = ofKeys
    scale = own.scale
    tokens = site.inputs.count
    heads = site.activations[0].shape[0]
    shared = site.activations[1].shape[0]
    due = site.dueKeys(own.visibility)
    right = site.evaluated()
    lengths = site.activations.prefix(2).map { rows in
      (0..<rows.rowCount).map { rows.row($0).reduce(0) { $0 + $1 * $1 }.squareRoot() }
    }
  }

  /// The scores that one row has a part in: what it is compared with, and the score without its bias.
  func equations(_ head: Int, _ token: Int) -> [(
    other: ArraySlice<Double>, score: Double, tolerance: Double
  )] {
    let group = ofKeys ? head * heads / shared..<(head + 1) * heads / shared : head..<head + 1
    let bias = site.activations.dropFirst(2).first
    return group.flatMap { queryHead in
      (0..<tokens).compactMap { other -> (ArraySlice<Double>, Double, Double)? in
        let (query, key) = ofKeys ? (other, token) : (token, other)
        guard due[query * tokens + key] else { return nil }
        let keyHead = queryHead * shared / heads
        let (q, k) = (
          site.activations[0].row(queryHead * tokens + query), site.activations[1].row(keyHead * tokens + key)
        )
        let score = got[queryHead, query, key] - (bias?[queryHead, query, key] ?? 0)
        let lengths = (q.reduce(0) { $0 + $1 * $1 } * k.reduce(0) { $0 + $1 * $1 }).squareRoot()
        return (ofKeys ? q : k, score / scale, 3e-6 * lengths + 1e-6 * abs(score / scale))
      }
    }
  }

  func isWrong(_ head: Int, _ token: Int) -> Bool {
    let group = ofKeys ? head * heads / shared..<(head + 1) * heads / shared : head..<head + 1
    let own = lengths[index][head * tokens + token]
    return group.contains { queryHead in
      (0..<tokens).contains { other in
        let (query, key) = ofKeys ? (other, token) : (token, other)
        guard due[query * tokens + key] else { return false }
        let of = ofKeys ? queryHead * tokens + query : (queryHead * shared / heads) * tokens + key
        let offset = (queryHead * tokens + query) * tokens + key
        let tolerance = 3e-6 * own * lengths[1 - index][of] * abs(scale) + 1e-6 * abs(got.values[offset])
        return !(abs(got.values[offset] - right.values[offset]) <= tolerance)
      }
    }
  }

  func agrees(
    _ row: ArraySlice<Double>, _ equations: [(other: ArraySlice<Double>, score: Double, tolerance: Double)]
  ) -> Bool {
    equations.allSatisfy { other, score, tolerance in
      var sum = 0.0
      for (a, b) in zip(row, other) { sum += a * b }
      return abs(sum - score) <= tolerance
    }
  }

  /// What was read of rows, with those that are none of the recorded.
  struct Read {
    let sources: RowSources
    let others: Tensor<Double>
    let otherCount: Int
  }

  /// nil where every row is right, or one is none that could be solved for.
  var sources: Read? {
    let own = site.activations[index]
    let width = own.rowWidth
    var others = own
    var otherCount = 0
    var ofHeads: [[RowSources.Source]] = []
    let wrongRows = (0..<own.shape[0]).map { head in (0..<tokens).map { isWrong(head, $0) } }
    guard wrongRows.contains(where: { $0.contains(true) }) else { return nil }
    for head in 0..<own.shape[0] {
      var row: [RowSources.Source] = []
      for token in 0..<tokens {
        guard wrongRows[head][token] else {
          row.append(.row(token))
          continue
        }
        let equations = equations(head, token)
        if equations.allSatisfy({ $0.score == 0 }) {
          row.append(.zero)
        } else if agrees(own.row(head * tokens + token).map { -$0 }[...], equations) {
          row.append(.negative)
        } else if let from = (likely(token, row) + nearest(token)).first(where: {
          agrees(own.row(head * tokens + $0), equations)
        }) {
          row.append(.row(from))
        } else if otherCount < Self.greatestOtherCount, equations.count >= 2 * width,
          let solved = Self.solved(equations, width)
        {
          for (column, value) in solved.enumerated() { others[head * tokens + token, column] = value }
          otherCount += 1
          row.append(.other)
        } else {
          return nil
        }
      }
      ofHeads.append(row)
    }
    // As few equations as one by itself are explained by some row or other.
    guard Set(ofHeads).count == 1 || ofHeads.indices.allSatisfy({ hasReason(ofHeads[$0], $0) }) else {
      return nil
    }
    return Read(sources: RowSources(ofHeads: ofHeads), others: others, otherCount: otherCount)
  }

  /// The row that is as far from a token as that of the one before.
  private func likely(_ token: Int, _ row: [RowSources.Source]) -> [Int] {
    guard case .row(let from) = row.last, from != token - 1, (0..<tokens).contains(from + 1) else {
      return []
    }
    return [from + 1]
  }

  /// Whether each row that few equations tell of is moved like another one of its head.
  private func hasReason(_ row: [RowSources.Source], _ head: Int) -> Bool {
    let moves = row.enumerated().compactMap { token, source -> (token: Int, from: Int)? in
      if case .row(let from) = source, from != token { (token, from) } else { nil }
    }
    return moves.allSatisfy { move in
      equations(head, move.token).count > 2
        || moves.contains {
          $0.token != move.token && ($0.from - $0.token == move.from - move.token || $0.from == move.from)
        }
    }
  }

  /// Tokens, those beside one first.
  private func nearest(_ token: Int) -> [Int] {
    (0..<tokens).filter { $0 != token }.sorted { abs($0 - token) < abs($1 - token) }
  }

  /// The row that explains scores best.
  private static func solved(
    _ equations: [(other: ArraySlice<Double>, score: Double, tolerance: Double)], _ width: Int
  ) -> [Double]? {
    var system = LeastSquares(width)
    for (other, score, _) in equations { system.add(Array(other), score) }
    return system.solution
  }

  func guess(_ read: Read) -> Reading.Guess {
    let index = index
    let found = read.otherCount > 0 ? known(read) : nil
    let (sources, others) = (read.sources, found?.tensor ?? read.others)
    let sentence = sources.inWords(.named(ofKeys ? "key" : "query"))
    return Reading.Guess(
      (found.map { sentence.replacing("is another", with: $0.words) } ?? sentence)
        + "; the scores of all others are right",
      numbers: found == nil ? read.otherCount * others.rowWidth : 0
    ) { site in
      site.evaluated(changing: index) { $0 = sources.applied(to: $0, others: others) }
    }
  }

  /// A recorded activation of the same name in another block that holds the rows that were solved for.
  private func known(_ read: Read) -> (words: String, tensor: Tensor<Double>)? {
    let own = site.operation.inputs[index]
    let places = read.sources.ofHeads.enumerated().flatMap { head, row in
      row.indices.filter { row[$0] == .other }.map { (head, $0) }
    }
    guard let first = places.first, places.allSatisfy({ $0.1 == first.1 }) else { return nil }
    for other in site.graph.operations.map(\.output) where other.name == own.name && other != own {
      guard let tensor = site.activation(other), tensor.shape == read.others.shape else { continue }
      for from in 0..<tokens {
        let isHere = places.allSatisfy { head, token in
          let (a, b) = (read.others.row(head * tokens + token), tensor.row(head * tokens + from))
          let scale = b.reduce(0) { $0 + $1 * $1 }.squareRoot()
          return zip(a, b).allSatisfy { abs($0 - $1) <= 1e-2 * scale }
        }
        guard isHere else { continue }
        var moved = read.others
        for (head, token) in places {
          for column in 0..<moved.rowWidth {
            moved[head * tokens + token, column] = tensor[head * tokens + from, column]
          }
        }
        return ("is row \(from) of \(other)", moved)
      }
    }
    return nil
  }
}
