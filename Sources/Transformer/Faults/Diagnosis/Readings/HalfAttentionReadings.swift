import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Reading {
  /// Attention that computes in a narrow type where nothing of it is recorded.
  static let halves: [Reading] = [
    Reading("attention.in-half", .precision, of: AttentionContext.self) { _, site, _ in
      guard site.termCount <= HalfAttention.greatestTermCount else { return [] }
      let hasWindow = site.visibility?.window != nil
      return HalfAttention.all.filter { hasWindow || !$0.seesAll }.map { attention in
        Guess(
          attention.inWords,
          granting: Fault.Grants(rounding: attention.roundsOnTheWay ? attention.format : nil)
        ) { site in
          attention.value(site)
        }
      }
    }
  ]
}

extension FaultSite {
  /// How many products of probabilities and values there are.
  fileprivate var termCount: Int { activations[0].count * activations[1].rowWidth }
}

/// What of fused attention is rounded to a narrow type.
private struct HalfAttention: Sendable {
  let format: NumberFormat
  let queries: Bool
  let keys: Bool
  let values: Bool
  /// Probabilities, divided already.
  let weights: Bool
  /// The sum of values after every key.
  let sums: Sums
  /// Whether queries are rounded after they are multiplied by the scale.
  var scalesFirst = false
  /// Whether the window is ignored.
  var seesAll = false

  /// How values are summed.
  enum Sums { case exactly, ofProbabilities, rescaled }

  static let greatestTermCount = 1 << 24

  /// All there are, those first that round least.
  static let all = [noWindow] + rounded

  /// Nothing is rounded, and every key before is seen.
  private static let noWindow = HalfAttention(
    format: .float16, queries: false, keys: false, values: false, weights: false, sums: .exactly,
    seesAll: true)

  private static let rounded: [HalfAttention] = [NumberFormat.float16, .bfloat16].flatMap { format in
    [
      (false, Sums.exactly), (true, .exactly), (false, .ofProbabilities), (true, .ofProbabilities),
      (false, .rescaled),
    ]
    .flatMap { weights, sums in
      [
        (false, true, true), (true, true, true), (true, true, false), (false, true, false),
        (false, false, true),
        (false, false, false),
      ].compactMap { queries, keys, values in
        queries || keys || values || weights || sums != .exactly
          ? HalfAttention(
            format: format, queries: queries, keys: keys, values: values, weights: weights, sums: sums) : nil
      }
    }
    .flatMap(\.withItsLikes)
  }

  /// As those that are fused do it which rescale their sums: the scale first, or the window ignored, too.
  private var withItsLikes: [HalfAttention] {
    guard queries, keys, sums == .rescaled else { return [self] }
    return [false, true].flatMap { seesAll in
      [false, true].map { scalesFirst in
        var other = self
        (other.seesAll, other.scalesFirst) = (seesAll, scalesFirst)
        return other
      }
    }
  }

  var roundsOnTheWay: Bool { weights || sums != .exactly }

  var inWords: String {
    let read = [
      (queries, scalesFirst ? "scaled queries" : "queries"), (keys, "keys"), (values, "values"),
      (weights, "probabilities"),
    ]
    .filter(\.0).map(\.1)
    let list =
      read.isEmpty
      ? "" : read.dropLast().joined(separator: ", ") + (read.count > 1 ? " and " : "") + (read.last ?? "")
    var parts = read.isEmpty ? [] : ["\(list) are rounded to \(format.name)"]
    if sums != .exactly {
      parts.append("the sum of values is held in \(format.name), rounded after every key")
      if sums == .rescaled { parts.append("and rescaled when the maximum grows") }
    }
    if seesAll { parts.append("the window is ignored") }
    return parts.joined(separator: "; ")
  }

  /// The context, computed like that.
  func value(_ site: FaultSite) -> Tensor<Double>? {
    guard var own = site.visibility else { return nil }
    if seesAll { own = Visibility(isCausal: own.isCausal) }
    if !queries, !keys, !seesAll, sums != .rescaled { return value(site, site.activations[0], own) }
    guard let weighing = site.maker(of: 0), let scores = scores(weighing) else { return nil }
    guard sums == .rescaled || seesAll else {
      return value(site, weighing.evaluated(activations: [scores]), own)
    }
    func stored(_ sum: Double) -> Double { sums == .rescaled ? format.round(sum) : sum }
    let values = values ? format.rounded(site.activations[1]) : site.activations[1]
    let (heads, tokens, width) = (scores.shape[0], site.inputs.count, values.rowWidth)
    return site.edited { y in
      for head in 0..<heads {
        let shared = head * values.shape[0] / heads
        for query in 0..<tokens {
          var (greatest, total) = (-Double.infinity, 0.0)
          var sum = [Double](repeating: 0, count: width)
          for key in 0..<tokens where site.inputs.isVisible(key: key, from: query, under: own) {
            let score = scores[head, query, key]
            if score > greatest {
              let by = greatest.isFinite ? exp(greatest - score) : 0
              if by != 0 { sum = sum.map { stored($0 * by) } }
              total *= by
              greatest = score
            }
            let weight = exp(score - greatest)
            total += weight
            for column in 0..<width {
              sum[column] = stored(sum[column] + weight * values[shared, key, column])
            }
          }
          for column in 0..<width where total > 0 { y[query, head * width + column] = sum[column] / total }
        }
      }
    }
  }

  /// What probabilities are made of, of rounded queries and keys.
  private func scores(_ weighing: FaultSite) -> Tensor<Double>? {
    var made: Tensor<Double>?
    for operation in weighing.graph.pairs(readBy: weighing.operation) {
      var read = operation.inputs.compactMap(weighing.activation)
      guard read.count == operation.inputs.count, operation.parameters.isEmpty else { return nil }
      if let made { read[0] = made }
      var kind = operation.kind
      if let scores = operation.kind.payload as? AttentionScores {
        if queries { read[0] = rounded(read[0], scale: scalesFirst ? scores.scale : 1) }
        if keys { read[1] = format.rounded(read[1]) }
        if seesAll {
          kind = .scores(
            AttentionScores(scale: scores.scale, visibility: Visibility(isCausal: scores.visibility.isCausal))
          )
        }
      }
      made = kind.value(Operands(read, parameters: []), in: weighing.inputs)
    }
    return made
  }

  /// What products read that are multiplied by a scale before they are rounded.
  private func rounded(_ queries: Tensor<Double>, scale: Double) -> Tensor<Double> {
    Tensor(queries.values.map { format.round($0 * scale) / scale }, shape: queries.shape)
  }

  /// The context of probabilities that are known.
  private func value(_ site: FaultSite, _ exact: Tensor<Double>, _ own: Visibility) -> Tensor<Double> {
    let values = values ? format.rounded(site.activations[1]) : site.activations[1]
    let weights = weights ? format.rounded(exact) : exact
    guard sums != .exactly else { return site.evaluated(activations: [weights, values]) }
    let (heads, tokens, width) = (weights.shape[0], site.inputs.count, values.rowWidth)
    return site.edited { y in
      for head in 0..<heads {
        let shared = head * values.shape[0] / heads
        for query in 0..<tokens {
          var sum = [Double](repeating: 0, count: width)
          for key in 0..<tokens where site.inputs.isVisible(key: key, from: query, under: own) {
            for column in 0..<width {
              sum[column] = format.round(
                sum[column] + weights[head, query, key] * values[shared, key, column])
            }
          }
          for column in 0..<width { y[query, head * width + column] = sum[column] }
        }
      }
    }
  }
}
