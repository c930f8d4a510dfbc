import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

extension Reading {
  /// Rows of values that a context was made of.
  static let valueRows: [Reading] = [
    Reading("attention.other-values", .cache, of: AttentionContext.self) { _, site, got in
      guard let rows = ValueRows(site, got) else { return [] }
      return rows.possible.map { sources in
        let others = rows.solved
        let otherCount = sources.ofHeads.flatMap { $0 }.count { $0 == .other }
        return Guess(
          sources.inWords(.named("value")), numbers: otherCount * site.activations[1].rowWidth
        ) { site in
          site.evaluated(changing: 1) { $0 = sources.applied(to: $0, others: others) }
        }
      }
    }
  ]
}

/// The values of which a recorded context is the average: what they differ by is solved for, head by head.
///
/// With P the probabilities and E what the context is off by, P·Δ = E by least squares. What the probabilities hardly weigh
/// remains unknown; it is taken to be as the rows around it.
private struct ValueRows {
  /// The values with what was solved for.
  let solved: Tensor<Double>
  /// By head and token; nil where no query tells it.
  private let read: [[RowSources.Source?]]

  private static let greatestCount = 512

  init?(_ site: FaultSite, _ got: Tensor<Double>) {
    let (weights, values) = (site.activations[0], site.activations[1])
    let (heads, shared, tokens, width) = (
      weights.shape[0], values.shape[0], site.inputs.count, values.rowWidth
    )
    guard tokens <= Self.greatestCount, let own = site.visibility else {
      return nil
    }
    let due = site.dueKeys(own)
    let right = site.evaluated()
    let scale = values.greatestMagnitude
    let noise = 1e-6 * scale
    var solved = values
    var read: [[RowSources.Source?]] = []
    for head in 0..<shared {
      let group = head * heads / shared..<(head + 1) * heads / shared
      var system = RidgeSystem(tokens, width)
      var isWrong = false
      for own in group {
        for query in 0..<tokens where due[query * tokens..<(query + 1) * tokens].contains(true) {
          let error = (0..<width).map { got[query, own * width + $0] - right[query, own * width + $0] }
          guard error.allSatisfy(\.isFinite) else { return nil }
          if error.contains(where: { abs($0) > noise }) { isWrong = true }
          system.add((0..<tokens).map { due[query * tokens + $0] ? weights[own, query, $0] : 0 }, error)
        }
      }
      guard isWrong else {
        read.append((0..<tokens).map { .row($0) })
        continue
      }
      guard let (change, spread) = system.solution else { return nil }
      let tolerances = spread.map { 1e-4 * scale + 8 * noise * $0 }
      for token in 0..<tokens {
        for column in 0..<width { solved[head, token, column] += change[token * width + column] }
      }
      let sources = RowSources(
        solved, in: values, tolerance: { tolerances[$0 % tokens] }, isAsked: { $0 / tokens == head })
      read.append(
        (0..<tokens).map { tolerances[$0] > 0.2 * scale ? nil : sources.ofHeads[head][$0] })
    }
    self.solved = solved
    self.read = read
  }

  /// What the rows may be: those that are not told are as in other heads, else unchanged, or as those before or after them.
  var possible: [RowSources] {
    let known = read.map { row in row.enumerated().map { $1 ?? common($0) } }
    let ways = [
      known.map { row in row.enumerated().map { $1 ?? .row($0) } },
      known.map { Self.filled($0) },
      known.map { row in
        // Backwards, each row counted from the end.
        let last = row.count - 1
        func turned(_ source: RowSources.Source) -> RowSources.Source {
          if case .row(let from) = source { .row(last - from) } else { source }
        }
        return Self.filled(row.reversed().map { $0.map(turned) }).reversed().map(turned)
      },
    ].map { RowSources(ofHeads: $0) }
    return ways.enumerated().filter { $1.differs && !ways[..<$0].contains($1) }.map(\.element)
  }

  /// What other heads have in the place of a row, if that is not the row itself.
  private func common(_ token: Int) -> RowSources.Source? {
    read.compactMap { $0[token] }.first { $0 != .row(token) && $0 != .other }
  }

  /// What is not told as the row before it.
  private static func filled(_ row: [RowSources.Source?]) -> [RowSources.Source] {
    var last = RowSources.Source.row(-1)
    return row.enumerated().map { token, source in
      switch (source, last) {
      case (let source?, _): last = source
      case (nil, .row(let from)): last = row.indices.contains(from + 1) ? .row(from + 1) : .row(token)
      case (nil, .other): last = .row(token)
      case (nil, .zero), (nil, .negative): break
      }
      return last
    }
  }
}

/// Linear equations of many right sides, with how far each unknown is told.
private struct RidgeSystem {
  private let count: Int
  private let width: Int
  private var matrix: [Double]
  private var right: [Double]

  init(_ count: Int, _ width: Int) {
    self.count = count
    self.width = width
    matrix = [Double](repeating: 0, count: count * count)
    right = [Double](repeating: 0, count: count * width)
  }

  mutating func add(_ row: [Double], _ values: [Double]) {
    for i in 0..<count where row[i] != 0 {
      for column in 0..<width { right[i * width + column] += row[i] * values[column] }
      for j in 0...i { matrix[i * count + j] += row[i] * row[j] }
    }
  }

  /// The unknowns [count, width], and by how many times the noise of one equation each is uncertain.
  var solution: (values: [Double], spread: [Double])? {
    guard let factor = Cholesky(matrix, count, ridge: 1e-12)?.factor else { return nil }
    // L⁻¹, whose columns' squares add up to the variances.
    var inverse = [Double](repeating: 0, count: count * count)
    for column in 0..<count {
      inverse[column * count + column] = 1 / factor[column * count + column]
      for row in column + 1..<max(count, column + 1) {
        var sum = 0.0
        for index in column..<row { sum -= factor[row * count + index] * inverse[index * count + column] }
        inverse[row * count + column] = sum / factor[row * count + row]
      }
    }
    var (values, spread) = (
      [Double](repeating: 0, count: count * width), [Double](repeating: 0, count: count)
    )
    var half = values
    for row in 0..<count {
      for index in 0...row {
        let own = inverse[row * count + index]
        spread[index] += own * own
        for column in 0..<width { half[row * width + column] += own * right[index * width + column] }
      }
    }
    for row in 0..<count {
      for index in 0...row {
        let own = inverse[row * count + index]
        for column in 0..<width { values[index * width + column] += own * half[row * width + column] }
      }
    }
    return (values, spread.map { $0.squareRoot() })
  }
}
