import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Reading {
  /// Attention that computes in a narrow type where nothing of it is recorded.
  static let halves: [Reading] = [
    Reading("attention.in-half", .precision, of: AttentionContext.self) { _, site, _ in
      guard site.termCount <= HalfAttention.greatestTermCount else { return [] }
      return HalfAttention.all.map { attention in
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

  /// How values are summed.
  enum Sums { case exactly, ofProbabilities, rescaled }

  static let greatestTermCount = 1 << 24

  /// All there are, those first that round least.
  static let all: [HalfAttention] = [NumberFormat.float16, .bfloat16].flatMap { format in
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
  }

  var roundsOnTheWay: Bool { weights || sums != .exactly }

  var inWords: String {
    let read = [(queries, "queries"), (keys, "keys"), (values, "values"), (weights, "probabilities")]
      .filter(\.0).map(\.1)
    let list =
      read.isEmpty
      ? "" : read.dropLast().joined(separator: ", ") + (read.count > 1 ? " and " : "") + (read.last ?? "")
    var parts = read.isEmpty ? [] : ["\(list) are rounded to \(format.name)"]
    if sums != .exactly {
      parts.append("the sum of values is held in \(format.name), rounded after every key")
      if sums == .rescaled { parts.append("and rescaled when the maximum grows") }
    }
    return parts.joined(separator: "; ")
  }

  /// The context, computed like that.
  func value(_ site: FaultSite) -> Tensor<Double>? {
    guard let own = site.visibility else { return nil }
    if !queries, !keys, sums != .rescaled { return value(site, site.activations[0], own) }
    guard let weighing = site.maker(of: 0), let scores = scores(weighing) else { return nil }
    guard sums == .rescaled else { return value(site, weighing.evaluated(activations: [scores]), own) }
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
              if by != 0 { sum = sum.map { format.round($0 * by) } }
              total *= by
              greatest = score
            }
            let weight = exp(score - greatest)
            total += weight
            for column in 0..<width {
              sum[column] = format.round(sum[column] + weight * values[shared, key, column])
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
      if operation.kind.payload is AttentionScores {
        if queries { read[0] = format.rounded(read[0]) }
        if keys { read[1] = format.rounded(read[1]) }
      }
      made = operation.kind.value(Operands(read, parameters: []), in: weighing.inputs)
    }
    return made
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
