import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension AttentionProbabilities {
  /// Sinks that are others, or take part otherwise.
  static let readings: [Reading] = [
    Reading("sink.other", .softmax, of: AttentionProbabilities.self) { own, site, got in
      guard let sinks = site.parameters.first?.values else { return [] }
      return forms(own) + otherSinks(site) + (SinkReading(own, site, got)?.guesses(sinks, site) ?? [])
    }
  ]

  /// A rule of weights: from what visible keys weigh beside the greatest of them, which is 1, that greatest score, and the sink.
  private typealias Rule = @Sendable (_ powers: [Double], _ greatest: Double, _ sink: Double) -> [Double]

  private static func forms(_ own: AttentionProbabilities) -> [Reading.Guess] {
    func guess(_ name: String, _ rule: @escaping Rule) -> Reading.Guess {
      Reading.Guess(name) { site in site.weights(own, rule) }
    }
    func divided(_ name: String, _ sink: @escaping @Sendable (_ greatest: Double, _ sink: Double) -> Double)
      -> Reading.Guess
    {
      guess(name) { powers, greatest, z in
        let total = powers.reduce(0, +) + sink(greatest, z)
        return powers.map { $0 / total }
      }
    }
    func gated(
      _ name: String,
      _ gate: @escaping @Sendable (_ greatest: Double, _ logOfSum: Double, _ sink: Double) -> Double
    )
      -> Reading.Guess
    {
      guess(name) { powers, greatest, z in
        let total = powers.reduce(0, +)
        let factor = ActivationFunction.Function.sigmoid(gate(greatest, log(total), z))
        return powers.map { $0 / total * factor }
      }
    }
    let tiles = [2, 4, 8, 16, 32, 64, 128].map { size in
      guess("the sink counts once in every tile of \(size) keys") { powers, greatest, z in
        let count = Double((powers.count + size - 1) / size)
        let total = powers.reduce(0, +) + count * exp(z - greatest)
        return powers.map { $0 / total }
      }
    }
    return [
      divided("the greatest score is not taken from the sink") { exp($1) },
      divided("the sink counts as e⁰, as if it were the greatest score") { _, _ in 1 },
      divided("the sink is added to the sum as it is, without its exponential") { $1 },
      gated("weights are multiplied by σ(sink)") { $2 },
      gated("weights are multiplied by σ(sink − log of the sum), a sign") { $2 - $1 - $0 },
      gated("the sum of the sink's gate has lost its greatest score") { $1 - $2 },
      gated("the sink's gate is that of the greatest score alone") { $0 - $2 },
      guess("the sink's weight is taken from every weight") { powers, greatest, z in
        let (total, sink) = (powers.reduce(0, +), exp(z - greatest))
        return powers.map { $0 / total - sink / (total + sink) }
      },
      guess("the sink stands in the place of the first key") { powers, greatest, z in
        let sink = exp(z - greatest)
        let total = powers.dropFirst().reduce(sink, +)
        return [0] + powers.dropFirst().map { $0 / total }
      },
      Reading.Guess("the sink is added to the first key's score") { site in
        guard let sinks = site.parameters.first?.values else { return nil }
        let (scores, tokens) = (site.activations[0], site.inputs.count)
        return site.edited { weights in
          for row in 0..<weights.rowCount {
            let visible = (0..<weights.rowWidth).filter {
              site.inputs.isVisible(key: $0, from: row % tokens, under: own.visibility)
            }
            let all = visible.map { scores[row, $0] + ($0 == 0 ? sinks[row / tokens] : 0) }.softmax()
            for (key, weight) in zip(visible, all) { weights[row, key] = weight }
          }
        }
      },
      Reading.Guess("the first column is dropped instead of the sink's") { site in
        guard let sinks = site.parameters.first?.values else { return nil }
        let scores = site.activations[0]
        let tokens = site.inputs.count
        return site.edited { weights in
          for row in 0..<weights.rowCount {
            let keys = (0..<weights.rowWidth).map { weights[row, $0] }
            let visible = keys.indices.filter {
              site.inputs.isVisible(key: $0, from: row % tokens, under: own.visibility)
            }
            let all = (visible.map { scores[row, $0] } + [sinks[row / tokens]]).softmax()
            for column in keys.indices.dropLast() { weights[row, column] = keys[column + 1] }
            weights[row, keys.count - 1] = all.last ?? 0
          }
        }
      },
    ] + tiles
  }

  /// Sinks of other layers, or rounded.
  private static func otherSinks(_ site: FaultSite) -> [Reading.Guess] {
    let own = site.operation.parameters[0]
    let layers = site.graph.operations.filter {
      $0.kind.payload is AttentionProbabilities && $0.output != site.operation.output
        && $0.parameters.first?.parameter.shape == own.parameter.shape
    }
    return layers.map { other in
      Reading.Guess("the sinks are those of \(other.output)") { site in
        site.parameter(other.parameters[0].parameter).map { stored in
          site.evaluated(changingParameter: 0) { $0.values = stored.values }
        }
      }
    }
      + [NumberFormat.bfloat16, .float16].map { format in
        Reading.Guess("the sinks are rounded to \(format.name)") { site in
          site.evaluated(changingParameter: 0) { $0.values = $0.values.map { format.round($0) } }
        }
      }
  }
}

/// The sink of each head, by what is missing from the sums of its rows.
private struct SinkReading {
  let sinks: [Double]

  init?(_ own: AttentionProbabilities, _ site: FaultSite, _ got: Tensor<Double>) {
    let (scores, tokens) = (site.activations[0], site.inputs.count)
    var read: [Double] = []
    for head in 0..<got.shape[0] {
      var found: [(sink: Double, share: Double)] = []
      for query in 0..<tokens {
        let row = head * tokens + query
        let visible = (0..<got.rowWidth).filter {
          site.inputs.isVisible(key: $0, from: query, under: own.visibility)
        }
        let total = visible.reduce(0) { $0 + got[row, $1] }
        guard !visible.isEmpty, total > 1e-6, total < 1 - 1e-6 else { continue }
        let greatest = visible.reduce(-.infinity) { max($0, scores[row, $1]) }
        let sum = visible.reduce(0) { $0 + exp(scores[row, $1] - greatest) }
        found.append((greatest + log(sum * (1 / total - 1)), min(total, 1 - total)))
      }
      // A share near the half tells it best.
      guard let best = found.max(by: { $0.share < $1.share }),
        found.allSatisfy({ abs($0.sink - best.sink) <= 1e-4 / $0.share })
      else { return nil }
      read.append(best.sink)
    }
    sinks = read
  }

  func guesses(_ due: [Double], _ site: FaultSite) -> [Reading.Guess] {
    guard due.count == sinks.count else { return [] }
    func guess(_ name: String, numbers count: Int = 0, _ change: @escaping @Sendable ([Double]) -> [Double])
      -> Reading.Guess
    {
      Reading.Guess(name, numbers: count) { site in
        site.evaluated(changingParameter: 0) { $0.values = change($0.values) }
      }
    }
    var found: [Reading.Guess] = []
    let order = sinks.map { read in due.indices.min { abs(due[$0] - read) < abs(due[$1] - read) } ?? 0 }
    if zip(order, sinks).allSatisfy({ abs(due[$0] - $1) <= 1e-3 }), order != Array(due.indices) {
      found.append(
        guess("heads \(words(due.indices)) have the sinks of heads \(words(order))") { sinks in
          order.allSatisfy(sinks.indices.contains) ? order.map { sinks[$0] } : sinks
        })
    }
    let mean = due.reduce(0, +) / Double(due.count)
    if sinks.allSatisfy({ abs($0 - mean) <= 1e-3 }) {
      found.append(
        guess("every head has the mean of all sinks") { sinks in
          sinks.map { _ in sinks.reduce(0, +) / Double(sinks.count) }
        })
    }
    found.append(
      guess("the sinks' logarithms count, as if they were exponentials already") { $0.map { log(abs($0)) } })
    let scale = (site.graph.pairs(readBy: site.operation).first?.kind.payload as? AttentionScores)?.scale
    let known =
      [("ln 2", log(2.0)), ("log2 e", 1 / log(2.0))]
      + (scale.map { [("1/scale of the scores", 1 / $0)] } ?? [])
    if let read = quotient(of: sinks, on: due), zip(sinks, due).allSatisfy({ abs($0 - read * $1) <= 1e-3 }) {
      for (name, factor) in known.map({ ($0.0, $0.1) }) where abs(read / factor - 1) < 1e-3 {
        found.append(guess("the sinks are multiplied by \(name)") { $0.map { $0 * factor } })
      }
      found += Reading.factors(near: read).map { name, factor in
        guess("the sinks are multiplied by \(name)", numbers: 1) { $0.map { $0 * factor } }
      }
    }
    let shift = zip(sinks, due).reduce(0) { $0 + $1.0 - $1.1 } / Double(due.count)
    if zip(sinks, due).allSatisfy({ abs($0 - $1 - shift) <= 1e-3 }) {
      let times = exp(shift)
      if abs(times - times.rounded()) < 1e-3, times > 1.5 {
        found.append(
          guess("each sink counts \(Int(times.rounded())) times") { $0.map { $0 + log(times.rounded()) } })
      }
      found += plainNumbers(near: shift).map { shift in
        guess("\(words(shift)) is added to the sinks", numbers: 1) { $0.map { $0 + shift } }
      }
    }
    if Set(sinks.map { ($0 * 1e3).rounded() }).count == 1 {
      found += plainNumbers(near: sinks[0]).map { sink in
        guess("every head has a sink of \(words(sink))", numbers: 1) { $0.map { _ in sink } }
      }
    }
    let read = sinks
    found.append(
      guess("the sinks are \(words(read)) instead of \(words(due))", numbers: read.count) { sinks in
        sinks.count == read.count ? read : sinks
      })
    return found
  }
}

extension AttentionContext {
  /// A sink that is given a row of values.
  static let readings: [Reading] = [
    Reading("sink.with-values", .softmax, of: AttentionContext.self) { _, site, got in
      guard let maker = site.graph.operation(making: site.operation.inputs[0]), !maker.parameters.isEmpty,
        maker.kind.payload is AttentionProbabilities
      else { return [] }
      let known: [(String, @Sendable (_ values: Tensor<Double>, _ head: Int, _ column: Int) -> Double)] = [
        ("the first key's", { $0[$1, 0, $2] }),
        ("the last key's", { $0[$1, $0.shape[1] - 1, $2] }),
        (
          "the mean of all keys'",
          { values, head, column in
            (0..<values.shape[1]).reduce(0) { $0 + values[head, $1, column] } / Double(values.shape[1])
          }
        ),
      ]
      let right = site.evaluated()
      let parts = site.sinkParts(of: got)
      let errors = zip(got.values, right.values).map { $0 - $1 }
      let constants = quotient(of: errors, on: parts).map { plainNumbers(near: $0) } ?? []
      return known.map { name, value in
        Reading.Guess("the sink has values: \(name)") { site in site.context(withSink: value) }
      }
        + constants.map { constant in
          Reading.Guess("the sink has values: \(words(constant)) everywhere", numbers: 1) { site in
            site.context { _, _, _ in constant }
          }
        }
    }
  ]
}

extension FaultSite {
  /// Weights by a rule of each row's visible keys, which are handed over as exponentials beside the greatest.
  fileprivate func weights(
    _ own: AttentionProbabilities, _ rule: ([Double], Double, Double) -> [Double]
  ) -> Tensor<Double>? {
    guard let sinks = parameters.first?.values else { return nil }
    let (scores, tokens) = (activations[0], inputs.count)
    return edited { weights in
      for row in 0..<weights.rowCount {
        let visible = (0..<weights.rowWidth).filter {
          inputs.isVisible(key: $0, from: row % tokens, under: own.visibility)
        }
        guard !visible.isEmpty else { continue }
        let greatest = visible.reduce(-.infinity) { max($0, scores[row, $1]) }
        let powers = visible.map { exp(scores[row, $0] - greatest) }
        for (key, weight) in zip(visible, rule(powers, greatest, sinks[row / tokens])) {
          weights[row, key] = weight
        }
      }
    }
  }

  /// What of each query's weights goes to the sink, for every column of the context.
  fileprivate func sinkParts(of context: Tensor<Double>) -> [Double] {
    let weights = activations[0]
    let (heads, tokens, width) = (weights.shape[0], inputs.count, activations[1].rowWidth)
    return context.values.indices.map { offset in
      let (token, column) = (offset / context.rowWidth, offset % context.rowWidth)
      let row = min(column / width, heads - 1) * tokens + token
      return 1 - weights.row(row).reduce(0, +)
    }
  }

  /// The context with a row of values for the sink.
  fileprivate func context(withSink value: (Tensor<Double>, Int, Int) -> Double) -> Tensor<Double> {
    let values = activations[1]
    let (heads, width) = (activations[0].shape[0], values.rowWidth)
    return edited { context in
      let parts = sinkParts(of: context)
      for offset in context.values.indices {
        let column = offset % context.rowWidth
        let head = column / width * values.shape[0] / heads
        context.values[offset] += parts[offset] * value(values, head, column % width)
      }
    }
  }
}
