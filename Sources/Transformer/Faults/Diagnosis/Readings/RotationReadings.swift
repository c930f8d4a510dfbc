import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

extension Reading {
  /// Which columns turn, how fast and by what they are scaled, read off the angles between what goes in and what comes out.
  static let rotations: [Reading] = [
    Reading("rotary.other-frequencies", .embedding, of: Rotate.self) { own, site, got in
      own.shapes(of: site.activations[0].rowWidth).compactMap { shape in
        TurnReading(shape, from: site.activations[0], to: got, at: site.inputs.positionIDs)
      }.flatMap { turn in
        turn.kinds(own).map { other in
          Guess(inWords(other, instead: own), numbers: other.readCount) { site in site.evaluated(as: other) }
        }
      }
    },
    Reading("rotary.other-positions", .embedding, of: Rotate.self) { own, site, got in
      guard let read = site.positions(read: got, own) else { return [] }
      return [
        Guess("tokens stand at " + words(read, instead: site.inputs.positionIDs)) { site in
          let inputs = try? Inputs(
            tokenIDs: site.inputs.tokenIDs, positionIDs: read, attentionMask: site.inputs.attentionMask,
            graph: site.graph)
          return inputs.map { own.kind.value(Operands(site.activations, parameters: []), in: $0) }
        }
      ]
    },
  ]

  /// What is different about a rotation.
  private static func inWords(_ other: Rotate, instead own: Rotate) -> String {
    var parts: [String] = []
    if (other.width, other.first) != (own.width, own.first) {
      parts.append(
        "columns \(other.first) to \(other.first + other.width - 1) of a head turn instead of "
          + "\(own.first) to \(own.first + own.width - 1)")
    }
    if other.style != own.style {
      parts.append(other.style == .half ? "halves are paired" : "neighbours are paired")
    }
    if other.frequencies != own.frequencies { parts.append(speed(of: other, instead: own)) }
    if other.magnitude != own.magnitude {
      parts.append(
        "cosine and sine are scaled by \(words(other.magnitude)) instead of \(words(own.magnitude))")
    }
    return parts.isEmpty ? "the rotation is another" : parts.joined(separator: ", and ")
  }

  /// What is different about how fast the pairs turn.
  private static func speed(of other: Rotate, instead own: Rotate) -> String {
    let (theta, due) = (other.frequencies.theta, own.frequencies.theta)
    let wasStretched = own.frequencies.scaling != .none
    if wasStretched, other.frequencies.scaling == own.frequencies.scaling {
      return "the base is \(words(theta)) instead of \(words(due))"
    }
    if let factor = other.frequencies.scaling.blended, let own = own.frequencies.scaling.blended {
      return "frequencies are stretched by \(words(factor)) instead of \(words(own))"
    }
    if theta == due, other.frequencies.scaling == .none { return "frequencies are not stretched" }
    switch other.frequencies.scaling {
    case .none:
      let power = log(due) / log(theta) * Double(other.width)
      if theta != due, abs(power - power.rounded()) < 1e-3, power > 0, power.rounded() < 4096 {
        return "frequencies are \(words(due))^(−2p/\(words(power.rounded())))"
          + (wasStretched ? ", not stretched" : "")
      }
      return "the base is \(words(theta)) instead of \(words(due))" + (wasStretched ? ", not stretched" : "")
    case .linear(let factor):
      return "the base is \(words(theta)) and all frequencies are divided by \(words(factor))"
    default:
      let turns = other.frequencies.values(pairs: other.width / 2, sequenceLength: 1)
      return "pairs turn by \(words(turns)) a position"
    }
  }
}

extension Rotate {
  /// How many numbers were read at most to tell it.
  fileprivate var readCount: Int {
    if case .longrope = frequencies.scaling { return width / 2 + 1 }
    return 3
  }

  /// Itself first, then rotations of other columns and other pairs.
  fileprivate func shapes(of columns: Int) -> [Rotate] {
    let widths = [width] + stride(from: 2, through: columns, by: 2).filter { $0 != width }.reversed()
    let styles: [Style] = style == .half ? [.half, .interleaved] : [style, .half]
    return widths.flatMap { width in
      styles.flatMap { style in
        Set([min(first, columns - width), 0, columns - width]).sorted().map { first in
          Rotate(
            width: width, first: first, style: style, frequencies: frequencies, magnitude: magnitude,
            isTransposed: isTransposed)
        }
      }
    }
  }
}

/// How fast the pairs of some columns turn and by what they are scaled, as captured numbers tell.
private struct TurnReading {
  let shape: Rotate
  /// ω of each pair.
  let frequencies: [Double]
  let magnitude: Double

  /// nil where these are not the columns that turn, each pair as fast at every position.
  init?(_ shape: Rotate, from x: Tensor<Double>, to y: Tensor<Double>, at positions: [Int]) {
    let (heads, tokens) = (x.shape[0], x.shape[1])
    let turning = shape.first..<shape.first + shape.width
    for row in 0..<x.rowCount {
      for column in 0..<x.rowWidth where !turning.contains(column) {
        guard x[row, column] == y[row, column] else { return nil }
      }
    }
    let order = positions.indices.sorted { positions[$0] < positions[$1] }
    var (frequencies, magnitudes): ([Double], [Double]) = ([], [])
    for pair in 0..<shape.width / 2 {
      let (from, to) = shape.columns(of: pair)
      var turns: [(position: Int, angle: Double)] = []
      for token in order where token < tokens {
        var (real, imaginary, inside, outside) = (0.0, 0.0, 0.0, 0.0)
        for head in 0..<heads {
          let (a, b) = (x[head, token, from.0], x[head, token, from.1])
          let (c, d) = (y[head, token, to.0], y[head, token, to.1])
          real += a * c + b * d
          imaginary += a * d - b * c
          inside += a * a + b * b
          outside += c * c + d * d
        }
        guard inside > 0 else { continue }
        let length = (real * real + imaginary * imaginary).squareRoot() / inside
        // All heads of a token turn alike.
        guard abs(length * length * inside - outside) <= 1e-2 * outside else { return nil }
        magnitudes.append(length)
        turns.append((positions[token], atan2(imaginary, real)))
      }
      // A pair that stays as it is does not turn.
      guard let frequency = Self.frequency(turns), frequency != 0 else { return nil }
      frequencies.append(frequency)
    }
    guard let least = magnitudes.min(), let greatest = magnitudes.max(), greatest - least <= 1e-2 * greatest
    else { return nil }
    self.shape = shape
    self.frequencies = frequencies
    magnitude = magnitudes.reduce(0, +) / Double(magnitudes.count)
  }

  /// The angle a position, from near positions to far ones, which tell it more precisely; nil where there is none.
  private static func frequency(_ turns: [(position: Int, angle: Double)]) -> Double? {
    let distinct = turns.indices.filter { $0 == 0 || turns[$0].position != turns[$0 - 1].position }
      .map { turns[$0] }
    guard let first = distinct.first, distinct.count > 1 else { return nil }
    // Of neighbours, the nearest: what turns by more than half a turn between them cannot be told.
    let steps = zip(distinct, distinct.dropFirst()).map { ($1.position - $0.position, $1.angle - $0.angle) }
    guard let (gap, step) = steps.min(by: { $0.0 < $1.0 }) else { return nil }
    var frequency = remainder(step, 2 * .pi) / Double(gap)
    var (product, square) = (0.0, 0.0)
    for turn in distinct.dropFirst() {
      let distance = Double(turn.position - first.position)
      let rest = remainder(turn.angle - first.angle - frequency * distance, 2 * .pi)
      guard abs(rest) < 1 else { return nil }
      product += distance * (frequency * distance + rest)
      square += distance * distance
      frequency = product / square
    }
    return frequency
  }

  /// Rotations that turn like that, the simplest numbers first.
  func kinds(_ own: Rotate) -> [Rotate] {
    let magnitudes = abs(magnitude - own.magnitude) < 1e-4 ? [own.magnitude] : plainNumbers(near: magnitude)
    var frequencies: [RotaryFrequencies] = [own.frequencies]
    let count = self.frequencies.count
    if count > 1, self.frequencies.allSatisfy({ $0 > 0 }) {
      let first = self.frequencies[0]
      // θ by the pair that tells most of it: an angle's error is about the same for each.
      let read = self.frequencies
      let telling = (1..<count).max { Double($0) * read[$0] < Double($1) * read[$1] } ?? 1
      let base = pow(first / self.frequencies[telling], Double(count) / Double(telling))
      frequencies += stretched(own, unstretched: base)
      for theta in [own.frequencies.theta] + plainNumbers(near: base) where theta > 0 {
        if abs(first - 1) < 1e-3 { frequencies.append(RotaryFrequencies(theta: theta)) }
        for factor in plainNumbers(near: 1 / first) where factor != 1 && factor > 0 {
          frequencies.append(RotaryFrequencies(theta: theta, scaling: .linear(factor: factor)))
        }
      }
      let inverse = self.frequencies.map { 1 / $0 }
      frequencies.append(
        RotaryFrequencies(theta: 1, scaling: .longrope(short: inverse, long: inverse, original: 1)))
    }
    return frequencies.flatMap { frequencies in
      magnitudes.map { magnitude in
        Rotate(
          width: shape.width, first: shape.first, style: shape.style, frequencies: frequencies,
          magnitude: magnitude, isTransposed: shape.isTransposed)
      }
    }
    .filter { $0 != own && (try? $0.frequencies.check(pairs: $0.width / 2)) != nil }
  }
}

extension RotaryFrequencies.Scaling {
  /// The factor of a stretch that leaves some pairs as they are; nil for another.
  fileprivate var blended: Double? {
    switch self {
    case .llama3(let factor, _, _, _), .yarn(let factor, _, _, _, _): factor
    default: nil
    }
  }

  fileprivate func with(factor: Double) -> Self {
    switch self {
    case .llama3(_, let low, let high, let original):
      .llama3(factor: factor, low: low, high: high, original: original)
    case .yarn(_, let fast, let slow, let original, let truncates):
      .yarn(factor: factor, fast: fast, slow: slow, original: original, truncates: truncates)
    default: self
    }
  }
}

extension TurnReading {
  /// Not stretched, or in the same way from another base or by another factor, as the slowest pair tells: first what is
  /// told by the fewest digits.
  fileprivate func stretched(_ own: Rotate, unstretched: Double) -> [RotaryFrequencies] {
    let scaling = own.frequencies.scaling
    guard let factor = scaling.blended, let slowest = frequencies.last, slowest > 0 else { return [] }
    let pairs = frequencies.count
    func read(_ range: ClosedRange<Double>, _ made: (Double) -> RotaryFrequencies) -> Double {
      var (low, high) = (range.lowerBound, range.upperBound)
      for _ in 0..<80 {
        let middle = (low * high).squareRoot()
        let turn = made(middle).values(pairs: pairs, sequenceLength: 1).last ?? 0
        if turn > slowest { low = middle } else { high = middle }
      }
      return (low * high).squareRoot()
    }
    let theta = own.frequencies.theta
    let base = read(1.5...1e9) { RotaryFrequencies(theta: $0, scaling: scaling) }
    let stretch = read(1e-3...1e6) { RotaryFrequencies(theta: theta, scaling: scaling.with(factor: $0)) }
    let others =
      plainNumbers(near: unstretched).map { ($0, RotaryFrequencies(theta: $0)) }
      + plainNumbers(near: base).map { ($0, RotaryFrequencies(theta: $0, scaling: scaling)) }
      + plainNumbers(near: stretch).filter { abs($0 / factor - 1) > 1e-6 }
      .map { ($0, RotaryFrequencies(theta: theta, scaling: scaling.with(factor: $0))) }
    let digits = others.map { number, _ in
      words(number).prefix { $0 != "e" }.filter(\.isNumber).trimmingCharacters(in: ["0"]).count
    }
    return [RotaryFrequencies(theta: theta)]
      + others.indices.filter { others[$0].0 > 0 }.sorted { (digits[$0], $0) < (digits[$1], $1) }
      .map { others[$0].1 }
  }
}

extension FaultSite {
  /// Where each token stands by the angles of its heads, within a few positions beyond those that there are.
  fileprivate func positions(read got: Tensor<Double>, _ own: Rotate) -> [Int]? {
    let known = inputs.positionIDs
    let greatest = 2 * ((known.max() ?? 0) + inputs.count) + 8
    let x = activations[0]
    guard greatest * inputs.count * own.width < 1 << 24 else { return nil }
    let frequencies = own.frequencies.values(
      pairs: own.width / 2, sequenceLength: (known.max() ?? 0) + 1)
    return known.indices.map { token in
      func error(_ position: Int) -> Double {
        frequencies.enumerated().reduce(0) { sum, entry in
          let (from, to) = own.columns(of: entry.offset)
          let angle = own.direction * Double(position) * entry.element
          let (cosine, sine) = (own.magnitude * cos(angle), own.magnitude * sin(angle))
          let (a, b) = (x[0, token, from.0], x[0, token, from.1])
          let c = a * cosine - b * sine - got[0, token, to.0]
          let d = b * cosine + a * sine - got[0, token, to.1]
          return sum + c * c + d * d
        }
      }
      return (0...greatest).min { error($0) < error($1) } ?? known[token]
    }
  }
}
