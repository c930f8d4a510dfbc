import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

extension ModelProperty {
  /// What changes nothing, and what changes things in a known way.
  static let attentionInvariances: [ModelProperty] = [
    ModelProperty("a later token changes no bit of an earlier one", clauses: ["ATT-19", "NUM-10"]) {
      generated, engine in
      let model = try generated.model()
      let last = generated.tokens.count - 1
      var tokens = generated.tokens
      tokens[last] += 1
      let run = try engine.run(model, generated.inputs())
      let other = try engine.run(model, generated.inputs(tokens: tokens))
      if let found = try other.difference(from: run, at: 0..<last) { return found + " by a later token" }
      // A NaN that reaches a row through a weight of 0 shows where a comparison of numbers does not.
      let poisoned = try model.poisoning(position: last)
      let spoilt = try engine.run(poisoned, generated.inputs())
      return try spoilt.difference(from: run, at: 0..<last).map { $0 + " by a NaN in a later token" }
    },

    ModelProperty("a prompt's beginning computes the beginning", clauses: ["ATT-20"]) { generated, engine in
      let model = try generated.model()
      let whole = try engine.run(model, generated.inputs())
      for count in Set([1, (generated.tokens.count + 1) / 2]) {
        var beginning = generated
        beginning.tokens = Array(generated.tokens.prefix(count))
        beginning.masked = generated.masked.filter { $0 < count }
        let inputs = try Inputs(
          tokenIDs: Array(whole.inputs.tokenIDs.prefix(count)),
          attentionMask: whole.inputs.attentionMask.map { Array($0.prefix(count)) },
          configuration: model.configuration)
        let part = try engine.run(model, inputs)
        let allowance = try engine.allowance(model, inputs)
        if let found = try part.difference(from: whole, at: 0..<count, within: allowance) {
          return found + " when \(count) tokens stand alone"
        }
      }
      return nil
    },

    ModelProperty("an excluded key changes no other row", clauses: ["ATT-21", "ATT-8", "ATT-15"]) {
      generated, engine in
      var padded = generated
      if padded.masked.isEmpty { padded.masked = [padded.tokens.count / 2] }
      let model = try padded.model()
      let run = try engine.run(model, padded.inputs())
      let others = padded.tokens.indices.filter { !padded.masked.contains($0) }
      let changed = padded.tokens.enumerated().map {
        padded.masked.contains($0.offset) ? $0.element + 1 : $0.element
      }
      let other = try engine.run(model, padded.inputs(tokens: changed))
      if let found = try other.difference(from: run, at: others) { return found + " by an excluded token" }
      let poisoned = try padded.masked.reduce(model) { try $0.poisoning(position: $1) }
      let spoilt = try engine.run(poisoned, padded.inputs())
      return try spoilt.difference(from: run, at: others).map { $0 + " by a NaN in an excluded token" }
    },

    ModelProperty("heads may change places together with their projections", clauses: ["ATT-22"]) {
      generated, engine in
      let model = try generated.model()
      let (run, other) = (
        try engine.run(model, generated.inputs()), try engine.run(model.reversingHeads(), generated.inputs())
      )
      let heads = model.configuration.headCount
      let allowance = try engine.allowance(model, generated.inputs())
      for point in [Activation.Point.query, .key, .value, .attentionScores, .attentionProbabilities] {
        let (tensor, reversed) = (try run(point, 0), try other(point, 0))
        let size = tensor.count / heads
        let wanted = (0..<heads).reversed().flatMap { tensor.values[$0 * size..<($0 + 1) * size] }
        if let found = inequality(
          "layers/000/" + point.rawValue, reversed, Tensor(wanted, shape: tensor.shape),
          tolerance: { index in
            let row = index / tensor.rowWidth
            let (head, token) = row.quotientAndRemainder(dividingBy: tensor.shape[1])
            return allowance(Activation(point, layer: 0), row: (heads - 1 - head) * tensor.shape[1] + token)
          })
        {
          return found + " when the heads are reversed"
        }
      }
      let (mixed, again) = (try run(.attentionOutput, 0), try other(.attentionOutput, 0))
      let weight = model.value(.attentionOutputWeight, layer: 0).values.map(abs).max() ?? 0
      let context = try run(.attentionContext, 0).values.map(abs).max() ?? 0
      let width = Double(model.configuration.width)
      return inequality("layers/000/attn_out", again, mixed) { index in
        2 * (width + 2) * run.roundoff * (width * weight * context + abs(mixed.values[index]) + 1)
      }
    },

    ModelProperty("equal keys are heard equally", clauses: ["ATT-23", "SMX-8"]) { generated, engine in
      let width = generated.headCount * generated.headWidth
      let model = try generated.model().changing(.attentionInputWeight) { value, index in
        (width..<2 * width).contains(index % (3 * width)) ? 0 : value
      }
      let run = try engine.run(model, generated.inputs())
      for layer in 0..<model.configuration.layerCount {
        let probabilities = try run(.attentionProbabilities, layer)
        for (head, i, j) in run.visiblePairs {
          let want = 1 / Double((0...i).count { run.inputs.isVisible(key: $0, from: i) })
          guard abs(probabilities[head, i, j] - want) <= 4 * run.roundoff * want else {
            return
              "attn_probs[\(head), \(i), \(j)] of layer \(layer) is \(probabilities[head, i, j]), not \(want)"
          }
        }
      }
      return nil
    },

    ModelProperty("the key bias changes no probability", clauses: ["ATT-24", "SMX-4"]) { generated, engine in
      let width = generated.headCount * generated.headWidth
      let model = try generated.model()
      let biased = model.changing(.attentionInputBias) { value, index in
        (width..<2 * width).contains(index) ? value + Float(index % 3) - 1 : value
      }
      let (run, other) = (
        try engine.run(model, generated.inputs()), try engine.run(biased, generated.inputs())
      )
      // The biased parameters are rounded to float32, whatever the engine computes in.
      let range = 1 + run.scoreRange + other.scoreRange + run.scoreSize + other.scoreSize
      let tolerance = 8 * Double(width + 8) * max(run.roundoff, 0x1p-24) * range
      let probabilities = try run(.attentionProbabilities, 0)
      return inequality("layers/000/attn_probs", try other(.attentionProbabilities, 0), probabilities) {
        min(1, tolerance) * probabilities.values[$0] * 4 + 0x1p-126
      }
    },

    ModelProperty("the value bias is added to every context", clauses: ["ATT-25"]) { generated, engine in
      let width = generated.headCount * generated.headWidth
      let model = try generated.model()
      let biased = model.changing(.attentionInputBias) { value, index in
        index >= 2 * width ? value + 4 : value
      }
      let (run, other) = (
        try engine.run(model, generated.inputs()), try engine.run(biased, generated.inputs())
      )
      let context = try run(.attentionContext, 0)
      let wanted = Tensor(
        context.values.enumerated().map { index, value in
          run.inputs.hasVisibleKey(from: index / width) ? value + 4 : 0
        }, shape: context.shape)
      let size = try run(.layerNorm1, 0).values.map(abs).max() ?? 0
      let tolerance =
        8 * Double(width + run.inputs.count + 8) * max(run.roundoff, 0x1p-24) * (8 + Double(width) * size * 3)
      return inequality("layers/000/attn_context", try other(.attentionContext, 0), wanted) { _ in tolerance }
    },

    ModelProperty("doubling the projection out doubles its output", clauses: ["ATT-27", "ATT-18"]) {
      generated, engine in
      let model = try generated.model()
      let doubled = model.changing(.attentionOutputWeight) { value, _ in 2 * value }
        .changing(.attentionOutputBias) { value, _ in 2 * value }
      let (run, other) = (
        try engine.run(model, generated.inputs()), try engine.run(doubled, generated.inputs())
      )
      let output = try run(.attentionOutput, 0)
      let wanted = Tensor(output.values.map { 2 * $0 }, shape: output.shape)
      return inequality("layers/000/attn_out", try other(.attentionOutput, 0), wanted)
    },
  ]
}

extension Inputs {
  /// Whether a model of the GPT-2 form lets the token at `query` attend to the token at `key`.
  func isVisible(key: Int, from query: Int) -> Bool { isVisible(key: key, from: query, under: .causal) }

  /// Whether a query sees any key.
  func hasVisibleKey(from query: Int) -> Bool {
    (0...query).contains { isVisible(key: $0, from: query) }
  }
}

extension Run {
  /// The greatest possible absolute value of a score of the first block, d·max|q|·max|k|·scale.
  var scoreSize: Double {
    guard let query = activations.tensors[Activation(.query, layer: 0)],
      let key = activations.tensors[Activation(.key, layer: 0)]
    else { return 0 }
    let greatest = [query, key].map { $0.values.map(abs).max() ?? 0 }
    return greatest[0] * greatest[1] * Double(query.rowWidth).squareRoot()
  }
}

extension Model {
  /// The same with a NaN in the position vector of one place.
  func poisoning(position: Int) throws -> Model {
    let width = configuration.width
    return changing(.positionEmbedding) { value, index in index / width == position ? .nan : value }
  }

  /// The same with the heads in the opposite order, in every projection that knows of them.
  func reversingHeads() -> Model {
    let (width, headWidth) = (configuration.width, configuration.headWidth)
    func mirrored(_ column: Int) -> Int {
      (configuration.headCount - 1 - column / headWidth) * headWidth + column % headWidth
    }
    var model = self
    for (parameter, tensor) in parameters {
      var reversed = tensor
      switch parameter.role {
      case .attentionInputWeight, .attentionInputBias:
        for row in 0..<tensor.rowCount {
          for part in 0..<3 {
            for column in 0..<width {
              reversed[row, part * width + column] = tensor[row, part * width + mirrored(column)]
            }
          }
        }
      case .attentionOutputWeight:
        for row in 0..<width {
          for column in 0..<width { reversed[row, column] = tensor[mirrored(row), column] }
        }
      default: continue
      }
      model.parameters[parameter] = reversed
    }
    return model
  }
}
