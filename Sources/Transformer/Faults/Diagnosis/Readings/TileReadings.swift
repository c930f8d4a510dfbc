import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// Softmax taken tile by tile with a running maximum, at probabilities or at the context.
  static let tiles: [Reading] = [
    Reading(
      "softmax.by-tiles", .softmax, at: .of(AttentionProbabilities.self).union(.of(AttentionContext.self))
    ) {
      site, got in TileSearch(site, got)?.found ?? []
    }
  ]
}

/// Softmax over keys that come in tiles, and what of it is wrong.
struct TiledSoftmax: Sendable, Equatable {
  enum Mistake: CaseIterable, Sendable {
    case sumNotRescaled
    case valuesNotRescaled
    case nothingRescaled
    case maximumOfTileIgnored
    case meanOfTiles
    case sumOfTiles
    case notDivided

    var inWords: String {
      switch self {
      case .sumNotRescaled: "the running sum is not rescaled when the maximum grows"
      case .valuesNotRescaled: "what was summed of values is not rescaled when the maximum grows"
      case .nothingRescaled:
        "neither the running sum nor what was summed of values is rescaled when the maximum grows"
      case .maximumOfTileIgnored: "exponentials of a tile are taken with the maximum before it"
      case .meanOfTiles: "each tile is normalised by itself, and their mean is taken"
      case .sumOfTiles: "each tile is normalised by itself, and they are added"
      case .notDivided: "the sum of values is not divided by the running sum"
      }
    }

    /// Whether it can go in at a later tile.
    var hasBeginning: Bool {
      switch self {
      case .sumNotRescaled, .valuesNotRescaled, .nothingRescaled, .maximumOfTileIgnored: true
      case .meanOfTiles, .sumOfTiles, .notDivided: false
      }
    }
  }

  let mistake: Mistake
  /// How many keys a tile has.
  let size: Int
  /// The first tile in which it is wrong.
  var first = 1

  /// What stands for the probabilities of one row.
  ///
  /// - Parameters:
  ///   - scores: of all keys.
  ///   - isVisible: which of them are seen.
  func weights(_ scores: ArraySlice<Double>, _ isVisible: (Int) -> Bool) -> [Double] {
    let count = scores.count
    var weights = [Double](repeating: 0, count: count)
    var (greatest, total, tileCount) = (-Double.infinity, 0.0, 0)
    for begin in stride(from: 0, to: count, by: size) {
      let keys = (begin..<min(begin + size, count)).filter(isVisible)
      guard !keys.isEmpty else { continue }
      let own = keys.map { scores[scores.startIndex + $0] }
      let ofTile = own.reduce(-.infinity) { max($0, $1) }
      let isWrong = begin / size >= first
      tileCount += 1
      if mistake == .meanOfTiles || mistake == .sumOfTiles {
        let powers = own.map { exp($0 - ofTile) }
        let sum = powers.reduce(0, +)
        for (key, power) in zip(keys, powers) { weights[key] = power / sum }
        continue
      }
      let next = max(greatest, ofTile)
      let by = greatest.isFinite ? exp(greatest - next) : 0
      let base = mistake == .maximumOfTileIgnored && isWrong && greatest.isFinite ? greatest : next
      let keepsSum = isWrong && (mistake == .sumNotRescaled || mistake == .nothingRescaled)
      let keepsValues = isWrong && (mistake == .valuesNotRescaled || mistake == .nothingRescaled)
      let powers = own.map { exp($0 - base) }
      total = total * (keepsSum && greatest.isFinite ? 1 : by) + powers.reduce(0, +)
      if !keepsValues, by != 1 { for key in 0..<begin { weights[key] *= by } }
      for (key, power) in zip(keys, powers) { weights[key] = power }
      greatest = next
    }
    switch mistake {
    case .meanOfTiles: return weights.map { $0 / Double(max(tileCount, 1)) }
    case .sumOfTiles, .notDivided: return weights
    default: return total > 0 ? weights.map { $0 / total } : weights
    }
  }
}

/// Which tiles and which mistake explain captured probabilities or a context.
private struct TileSearch {
  private let site: FaultSite
  private let got: Tensor<Double>
  private let scores: Tensor<Double>
  private let due: [Bool]
  private let tokens: Int
  private let isContext: Bool
  private let right: Tensor<Double>
  /// Rows that are most wrong, as head and query; and all those of one head.
  private let wrongRows: [(head: Int, query: Int)]

  init?(_ site: FaultSite, _ got: Tensor<Double>) {
    isContext = site.operation.kind.payload is AttentionContext
    guard let own = site.visibility,
      let scores = isContext ? site.maker(of: 0)?.activations.first : site.activations.first
    else { return nil }
    self.site = site
    self.got = got
    self.scores = scores
    due = site.dueKeys(own)
    tokens = site.inputs.count
    right = site.evaluated()
    let (tokens, heads) = (tokens, scores.shape[0])
    let width = isContext ? got.rowWidth / heads : got.rowWidth
    let isContext = isContext
    var rows: [(head: Int, query: Int, error: Double)] = []
    for head in 0..<heads {
      for query in 0..<tokens where due[query * tokens..<(query + 1) * tokens].contains(true) {
        let first = isContext ? query * got.rowWidth + head * width : (head * tokens + query) * width
        var (error, scale) = (0.0, 0.0)
        for offset in first..<first + width {
          guard got.values[offset].isFinite else { return nil }
          error = max(error, abs(got.values[offset] - right.values[offset]))
          scale = max(scale, abs(right.values[offset]))
        }
        if error > 1e-4 * scale { rows.append((head, query, error / max(scale, .leastNormalMagnitude))) }
      }
    }
    guard !rows.isEmpty else { return nil }
    wrongRows = rows.sorted { $0.error > $1.error }.prefix(6).map { ($0.head, $0.query) }
  }

  /// The numbers of one row with a mistake, and how large they are.
  private func row(_ tiles: TiledSoftmax, _ head: Int, _ query: Int) -> [Double] {
    let weights = tiles.weights(scores.row(head * tokens + query)) { due[query * tokens + $0] }
    guard isContext else { return weights }
    let values = site.activations[1]
    let width = values.rowWidth
    let shared = head * values.shape[0] / scores.shape[0]
    var sums = [Double](repeating: 0, count: width)
    for (key, weight) in weights.enumerated() where weight != 0 {
      let first = (shared * tokens + key) * width
      for column in 0..<width { sums[column] += weight * values.values[first + column] }
    }
    return sums
  }

  private func agrees(_ tiles: TiledSoftmax, _ head: Int, _ query: Int) -> Bool {
    let row = row(tiles, head, query)
    let first = isContext ? query * got.rowWidth + head * row.count : (head * tokens + query) * row.count
    let scale = row.reduce(0) { max($0, abs($1)) }
    return row.indices.allSatisfy { abs(row[$0] - got.values[first + $0]) <= 2e-5 * scale }
  }

  private func agrees(_ tiles: TiledSoftmax) -> Bool {
    guard wrongRows.allSatisfy({ agrees(tiles, $0.head, $0.query) }) else { return false }
    let head = wrongRows[0].head
    return (0..<tokens).allSatisfy { query in
      !due[query * tokens..<(query + 1) * tokens].contains(true) || agrees(tiles, head, query)
    }
  }

  /// Sizes as people choose them, all small ones.
  private var sizes: [Int] {
    let greatestCount = 64
    let usual = [80, 96, 112, 128, 160, 192, 256, 384, 512, 1024]
    return (Array(1...greatestCount) + usual).filter { $0 < tokens }
  }

  var found: [Reading.Guess] {
    let greatestTiles = tokens <= 256 ? 64 : 1
    for mistake in TiledSoftmax.Mistake.allCases {
      // Where tiles make no difference, their size is not told.
      let all = mistake == .notDivided ? [1] : sizes
      var fitting: [TiledSoftmax] = []
      for size in all {
        let begins = mistake.hasBeginning ? 1...max(1, min((tokens - 1) / size, greatestTiles)) : 1...1
        // The later it begins, the less is wrong: the first that explains all.
        if let first = begins.first(where: { agrees(TiledSoftmax(mistake: mistake, size: size, first: $0)) })
        {
          fitting.append(TiledSoftmax(mistake: mistake, size: size, first: first))
        }
      }
      if let guess = guess(fitting) { return [guess] }
    }
    return []
  }

  private func guess(_ fitting: [TiledSoftmax]) -> Reading.Guess? {
    guard let tiles = fitting.first else { return nil }
    let sizes = fitting.map {
      "of \($0.size) keys" + ($0.first > 1 ? " from key \($0.first * $0.size) on" : "")
    }
    let words =
      tiles.mistake == .notDivided
      ? "softmax" : "softmax in tiles" + (sizes.count > 3 ? "" : " " + sizes.joined(separator: ", or "))
    let value = value(tiles)
    let greatest = { (tensor: Tensor<Double>) in tensor.values.reduce(0) { max($0, abs($1)) } }
    let factor = max(1, greatest(value) / max(greatest(right), .leastNormalMagnitude))
    return Reading.Guess("\(words): \(tiles.mistake.inWords)", granting: Fault.Grants(factor: factor)) { _ in
      value
    }
  }

  private func value(_ tiles: TiledSoftmax) -> Tensor<Double> {
    var value = right
    for head in 0..<scores.shape[0] {
      for query in 0..<tokens {
        let row = row(tiles, head, query)
        let first = isContext ? query * got.rowWidth + head * row.count : (head * tokens + query) * row.count
        value.values.replaceSubrange(first..<first + row.count, with: row)
      }
    }
    return value
  }
}
