import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

extension PlantedNumber {
  /// Routers, experts, sinks and latent attention with one thing changed, and what is to be read of it.
  static let ofExperts: [PlantedNumber] = ofRouters + ofMixtures + ofGatesAndSinks + ofLatentAttention

  /// Weights of a token by another rule of the logits and the ids.
  private static func weights(
    _ says: String, in family: String = "mixtral",
    _ rule: @escaping @Sendable (_ logits: [Double], _ ids: [Int]) -> [Double]
  ) -> PlantedNumber {
    PlantedNumber("router.other-weights", says, in: family, at: "layers/000/router_weights") { site in
      let (logits, ids) = (site.activations[0], site.activations[1])
      let rows = (0..<ids.rowCount).flatMap { rule(Array(logits.row($0)), ids.row($0).map { Int($0) }) }
      return Tensor(rows, shape: ids.shape)
    }
  }

  private static func sigma(_ x: Double) -> Double { ActivationFunction.Function.sigmoid(x) }

  private static let ofRouters: [PlantedNumber] = [
    PlantedNumber(
      "router.other-choice", "experts are counted from the last one", in: "mixtral",
      at: "layers/000/expert_ids"
    ) { site in site.edited { $0.values = $0.values.map { 4 - $0 } } },
    PlantedNumber(
      "router.other-choice", "choice 1 of every token is expert 3", in: "mixtral", at: "layers/000/expert_ids"
    ) { site in
      site.edited { ids in
        for token in 0..<ids.rowCount { ids[token, 1] = 3 }
      }
    },
    PlantedNumber(
      "router.other-choice", "the worst groups are kept", in: "deepseek_v3", at: "layers/000/expert_ids"
    ) { site in
      let correction = site.parameters[0].values
      let own = RouteIDs(2, by: .sigmoid)
      let logits = site.activations[0]
      let ids = (0..<logits.rowCount).flatMap { token -> [Double] in
        let scores = own.scores(Array(logits.row(token)), correction: correction)
        let sums = (0..<3).map { scores[2 * $0] + scores[2 * $0 + 1] }
        let kept = RouteIDs.best(2, of: sums.map { -$0 })
        let open = (0..<6).filter { kept.contains($0 / 2) }
        return RouteIDs.best(2, of: open.map { scores[$0] }).map { Double(open[$0]) }
      }
      return Tensor(ids, shape: [logits.rowCount, 2])
    },
    weights("weights are logistic functions, divided by the sum of all") { logits, ids in
      let all = logits.map(sigma)
      return ids.map { all[$0] / all.reduce(0, +) }
    },
    weights("0.25 is added to the sum of shares that divides") { logits, ids in
      let own = ids.map { logits.softmax()[$0] }
      return own.map { $0 / (own.reduce(0, +) + 0.25) }
    },
    weights("logits are divided by 3 before they become weights") { logits, ids in
      ids.map { logits[$0] / 3 }.softmax()
    },
    weights("weights are the square roots of those due") { logits, ids in
      ids.map { logits[$0] }.softmax().map { $0.squareRoot() }
    },
    weights("weights stand by the experts' numbers, the experts by their scores") { logits, ids in
      let own = ids.map { logits[$0] }.softmax()
      return ids.indices.sorted { ids[$0] < ids[$1] }.map { own[$0] }
    },
  ]

  private static let ofMixtures: [PlantedNumber] = [
    PlantedNumber(
      "experts.other-rows", "experts are given rows of layers/000/resid_mid instead of layers/000/ln_2",
      in: "mixtral", at: "layers/000/experts/001/input"
    ) { site in site.evaluated(reading: Activation("resid_mid", in: Activation.Block(0))) },
    PlantedNumber(
      "experts.other-rows", "rows are multiplied by 0.3 before the expert", in: "mixtral",
      at: "layers/000/experts/001/input"
    ) { site in site.edited { $0.values = $0.values.map { 0.3 * $0 } } },
    PlantedNumber(
      "experts.other-sum", "what expert 1 made is not added", in: "mixtral", at: "layers/000/mlp_out"
    ) { site in
      let ids = site.activations[0]
      return site.evaluated(changing: 1) { weights in
        for offset in weights.values.indices where ids.values[offset] == 1 { weights.values[offset] = 0 }
      }
    },
    PlantedNumber(
      "experts.other-sum", "what each expert makes of its first 2 tokens alone is added", in: "mixtral",
      at: "layers/000/mlp_out"
    ) { site in
      let ids = site.activations[0]
      return site.evaluated(changing: 1) { weights in
        var counts: [Double: Int] = [:]
        for offset in weights.values.indices {
          counts[ids.values[offset], default: 0] += 1
          if counts[ids.values[offset], default: 0] > 2 { weights.values[offset] = 0 }
        }
      }
    },
    PlantedNumber(
      "experts.other-sum", "the experts' last biases are added without their weights", in: "gpt_oss",
      at: "layers/000/mlp_out"
    ) { site in
      let (ids, weights) = (site.activations[0], site.activations[1])
      let name = "model.layers.0.mlp.experts.down_proj_bias"
      return site.parameter(Parameter(name, [5, 24])).map { biases in
        site.edited { y in
          for token in 0..<y.rowCount {
            for slot in 0..<ids.rowWidth {
              let bias = biases.row(Int(ids[token, slot]))
              for (column, bias) in bias.enumerated() {
                y[token, column] += (1 - weights[token, slot]) * bias
              }
            }
          }
        }
      }
    },
    PlantedNumber("linear.other-bias", "the bias has the entries", in: "gpt_oss", at: "layers/000/q") {
      site in
      let bias = site.parameters[1].values
      return site.evaluated(changingParameter: 1) { $0.values = bias.reversed() }
    },
  ]

  private static let ofGatesAndSinks: [PlantedNumber] = [
    PlantedNumber(
      "gate.other-factor", "0.4 is added to what passes the gate instead of nothing", in: "llama",
      at: "layers/000/mlp_gated"
    ) { site in site.evaluated(as: Product(plus: 0.4)) },
    PlantedNumber(
      "gate.other-factor", "what passes the gate is clipped at 0.3 instead of not at all", in: "llama",
      at: "layers/000/mlp_gated"
    ) { site in site.evaluated(as: Product(limit: 0.3)) },
    PlantedNumber(
      "activation.other-clip", "the gate is clipped, the argument of its logistic function is not",
      in: "gpt_oss", at: "layers/000/experts/001/mlp_act"
    ) { site in
      let x = site.activations[0]
      return Tensor(x.values.map { min($0, 0.25) * sigma(1.702 * $0) }, shape: x.shape)
    },
    PlantedNumber(
      "sink.other", "heads 0, 1, 2, 3 have the sinks of heads 3, 2, 1, 0", in: "gpt_oss",
      at: "layers/000/attn_probs"
    ) { site in site.evaluated(changingParameter: 0) { $0.values.reverse() } },
    PlantedNumber(
      "sink.other", "weights are multiplied by σ(sink)", in: "gpt_oss", at: "layers/001/attn_probs"
    ) { site in
      let (sinks, tokens) = (site.parameters[0].values, site.inputs.count)
      let scores = site.activations[0]
      return site.edited { weights in
        for row in 0..<weights.rowCount {
          let visible = 0...row % tokens
          let own = visible.map { scores[row, $0] }.softmax()
          for (key, weight) in zip(visible, own) { weights[row, key] = weight * sigma(sinks[row / tokens]) }
        }
      }
    },
    PlantedNumber(
      "sink.with-values", "the sink has values: the first key's", in: "gpt_oss",
      at: "layers/000/attn_context"
    ) { site in
      let (weights, values) = (site.activations[0], site.activations[1])
      let (tokens, width) = (site.inputs.count, values.rowWidth)
      return site.edited { context in
        for token in 0..<tokens {
          for column in 0..<context.rowWidth {
            let head = column / width
            let rest = 1 - weights.row(head * tokens + token).reduce(0, +)
            context[token, column] += rest * values[head / 2, 0, column % width]
          }
        }
      }
    },
    PlantedNumber(
      "mask.seen-keys", "queries see the last 3 keys only instead of the last 4", in: "gpt_oss",
      at: "layers/000/attn_probs"
    ) { site in
      let (scores, sinks, tokens) = (site.activations[0], site.parameters[0].values, site.inputs.count)
      return site.edited { weights in
        for row in 0..<weights.rowCount {
          let visible = max(0, row % tokens - 2)...row % tokens
          let own = (visible.map { scores[row, $0] } + [sinks[row / tokens]]).softmax()
          for key in 0..<tokens { weights[row, key] = 0 }
          for (key, weight) in zip(visible, own) { weights[row, key] = weight }
        }
      }
    },
  ]

  private static let ofLatentAttention: [PlantedNumber] = [
    PlantedNumber(
      "joined.times", "the shared columns are multiplied by 0.3", in: "deepseek_v3", at: "layers/000/k_rope"
    ) { site in site.evaluated(changing: 1) { $0.values = $0.values.map { 0.3 * $0 } } },
    PlantedNumber(
      "rotary.other-places", "neighbours are paired, and stay where they stand", in: "deepseek_v3",
      at: "layers/000/q_rope"
    ) { site in
      (site.operation.kind.payload as? Rotate).map { own in
        site.evaluated(
          as: Rotate(width: own.width, first: own.first, style: .interleaved, frequencies: own.frequencies))
      }
    },
  ]
}
