import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension ModelProperty {
  /// Chapters 2 and 3.
  static let embedding: [ModelProperty] = [
    ModelProperty("a token's vector is its row of the table", clauses: ["EMB-1", "EMB-3", "EMB-8"]) {
      generated, engine in
      let model = try generated.model()
      let run = try engine.run(model, generated.inputs())
      let table = model.value(.tokenEmbedding)
      let rows = run.inputs.tokenIDs.flatMap { table.row($0) }
      return inequality(
        "embed/token", try run(.tokenEmbedding), Tensor(rows, shape: [run.inputs.count, table.rowWidth]))
    },

    ModelProperty("a position's vector is its row of the table", clauses: ["POS-1", "POS-2"]) {
      generated, engine in
      let model = try generated.model()
      let run = try engine.run(model, generated.inputs())
      let table = model.value(.positionEmbedding)
      let rows = run.inputs.tokenIDs.indices.flatMap { table.row($0) }
      return inequality(
        "embed/position", try run(.positionEmbedding),
        Tensor(rows, shape: [run.inputs.count, table.rowWidth]))
    },

    ModelProperty("positions may jump, repeat and run backwards", clauses: ["POS-1", "POS-6"]) {
      generated, engine in
      let model = try generated.model()
      let context = model.configuration.contextLength
      let positions = generated.tokens.indices.map { (context - 1) - ($0 * 2) % context }
      let plain = try generated.inputs()
      let inputs = try Inputs(
        tokenIDs: plain.tokenIDs, positionIDs: positions, attentionMask: plain.attentionMask,
        configuration: model.configuration)
      // The same vectors at the places 0, 1, 2, … of a rearranged table.
      var rearranged = model
      let table = model.value(.positionEmbedding)
      let rows = (0..<context).flatMap { table.row($0 < positions.count ? positions[$0] : $0) }
      rearranged[.positionEmbedding] =
        Tensor(rows, shape: table.shape).converted(to: Float.self)
      let (run, other) = (try engine.run(model, inputs), try engine.run(rearranged, plain))
      return try run.difference(from: other, at: plain.tokenIDs.indices)
    },

    ModelProperty("token and position are added once", clauses: ["POS-3"]) { generated, engine in
      let run = try engine.run(generated.model(), generated.inputs())
      return try run.sumDifference(
        Activation(.embeddingSum), of: Activation(.tokenEmbedding), and: Activation(.positionEmbedding))
    },

    ModelProperty("relabelling the vocabulary permutes the logits alone", clauses: ["EMB-7"]) {
      generated, engine in
      let model = try generated.model()
      let count = model.configuration.vocabularySize
      func relabelled(_ id: Int) -> Int { count - 1 - id }
      var other = model
      for role in [ParameterRole.tokenEmbedding, .unembedding] {
        guard let table = model[role] else { continue }
        let rows = (0..<count).flatMap { table.row(relabelled($0)) }
        other[role] = Tensor(rows, shape: table.shape)
      }
      let run = try engine.run(model, generated.inputs())
      let twin = try engine.run(
        other, generated.inputs(tokens: generated.tokens.map { relabelled($0 % count) }))
      let inner = run.observed.filter { $0.point != .logits && $0.point != .probabilities }
      let allowance = try engine.allowance(other, twin.inputs)
      if let found = try twin.difference(
        from: run, at: run.inputs.tokenIDs.indices, activations: inner, within: allowance)
      {
        return found
      }
      let (logits, permuted) = (try run(.logits), try twin(.logits))
      let wanted = (0..<logits.rowCount).flatMap { logits.row($0).reversed() }
      return inequality("final/logits", permuted, Tensor(wanted, shape: logits.shape)) {
        allowance(Activation(.logits), row: $0 / logits.rowWidth)
      }
    },

    ModelProperty("left padding changes no real token", clauses: ["POS-9", "ATT-8"]) { generated, engine in
      var real = generated
      real.masked = []
      let padding = 1 + Int(generated.seed % 3)
      real.spareContext = max(real.spareContext, padding)
      let model = try real.model()
      let ids = try real.inputs().tokenIDs
      let padded = try Inputs(
        tokenIDs: [Int](repeating: ids[0], count: padding) + ids,
        positionIDs: [Int](repeating: 0, count: padding) + ids.indices,
        attentionMask: [Bool](repeating: false, count: padding) + ids.map { _ in true },
        configuration: model.configuration)
      let (run, other) = (try engine.run(model, real.inputs()), try engine.run(model, padded))
      let allowance = try engine.allowance(model, run.inputs)
      for activation in run.observed {
        for token in ids.indices {
          if let found = try run.difference(
            activation, token: token, from: other, token: token + padding, shift: padding, within: allowance)
          {
            return found + " by \(padding) tokens of padding"
          }
        }
      }
      return nil
    },

    ModelProperty("without positions the order of the past is not heard", clauses: ["POS-7"]) {
      generated, engine in
      var one = generated
      one.layerCount = 1
      one.masked = []
      let model = try one.model().neutralising(.positionEmbedding)
      let last = one.tokens.count - 1
      let reordered = Array(one.tokens[..<last].reversed()) + [one.tokens[last]]
      let (run, other) = (
        try engine.run(model, one.inputs()), try engine.run(model, one.inputs(tokens: reordered))
      )
      let (context, again) = (try run(.attentionContext, 0), try other(.attentionContext, 0))
      let greatest = try run(.value, 0).values.map(abs).max() ?? 0
      let tolerance =
        8 * Double(one.tokens.count + one.headWidth) * run.roundoff * (greatest + 1) * (1 + run.scoreRange)
      for (value, want) in zip(context.row(last), again.row(last)) where !(abs(value - want) <= tolerance) {
        return "the last token hears \(value) in one order and \(want) in another"
      }
      return nil
    },
  ]
}

extension Run {
  /// The greatest absolute value among the finite scores.
  var scoreRange: Double {
    activations.tensors.filter { $0.key.point == .attentionScores }
      .flatMap(\.value.values).lazy.filter(\.isFinite).map(abs).max() ?? 0
  }

  /// Where an activation is not the sum of two others, each element rounded once.
  func sumDifference(_ sum: Activation, of first: Activation, and second: Activation) throws(NotObserved)
    -> String?
  {
    let (a, b) = (try self(first), try self(second))
    guard a.shape == b.shape else {
      return "\(first) and \(second) have the shapes \(a.shape) and \(b.shape)"
    }
    let wanted = Tensor(zip(a.values, b.values).map { $0 + $1 }, shape: a.shape)
    return inequality("\(sum)", try self(sum), wanted) { abs(wanted.values[$0]) * self.roundoff + 0x1p-149 }
  }
}
