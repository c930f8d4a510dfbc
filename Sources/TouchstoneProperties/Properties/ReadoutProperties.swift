import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

extension ModelProperty {
  /// Chapters 8, 9 and 11.
  static let readout: [ModelProperty] = [
    ModelProperty(
      "a separate table that equals the embedding changes no bit", clauses: ["UNE-2", "UNE-3", "UNE-4"]
    ) { generated, engine in
      var tied = generated
      tied.tiesEmbeddings = true
      let model = try tied.model()
      var separate = model
      separate.configuration = try model.configuration.with(tiesEmbeddings: false)
      separate[.unembedding] = model[.tokenEmbedding]
      let (run, other) = (try engine.run(model, tied.inputs()), try engine.run(separate, tied.inputs()))
      return try other.difference(
        from: run, at: run.inputs.tokenIDs.indices, within: engine.allowance(model, run.inputs))
    },

    ModelProperty("equal rows of the table have equal logits", clauses: ["UNE-7", "SMX-5"]) {
      generated, engine in
      let model = try generated.model()
      let table: ParameterRole = model.configuration.tiesEmbeddings ? .tokenEmbedding : .unembedding
      let width = model.configuration.width
      let row = Array(model.value(table).converted(to: Float.self).row(0))
      let equal = model.changing(table) { value, index in
        index / width % 2 == 0 ? row[index % width] : value
      }
      let run = try engine.run(equal, generated.inputs())
      let allowance = try engine.allowance(equal, run.inputs)
      for point in [Activation.Point.logits, .probabilities] {
        let tensor = try run(point)
        for token in 0..<tensor.rowCount {
          let tolerance = allowance(Activation(point), row: token)
          for id in stride(from: 0, to: tensor.rowWidth, by: 2)
          where tensor[token, id] != tensor[token, 0]
            && !(abs(tensor[token, id] - tensor[token, 0]) <= tolerance)
          {
            return
              "\(point.rawValue)[\(token), \(id)] is \(tensor[token, id]), not \(tensor[token, 0]) as at id 0"
          }
        }
      }
      return nil
    },

    ModelProperty("doubling the table doubles the logits", clauses: ["UNE-8"]) { generated, engine in
      var separate = generated
      separate.tiesEmbeddings = false
      let model = try separate.model()
      let doubled = model.changing(.unembedding) { value, _ in 2 * value }
      let (run, other) = (
        try engine.run(model, separate.inputs()), try engine.run(doubled, separate.inputs())
      )
      let logits = try run(.logits)
      return inequality(
        "final/logits", try other(.logits), Tensor(logits.values.map { 2 * $0 }, shape: logits.shape))
    },

    ModelProperty(
      "the next token's probabilities are the softmax of its logits",
      clauses: ["SMX-1", "SMX-2", "SMX-3", "SMX-13", "UNE-6"]
    ) { generated, engine in
      let run = try engine.run(generated.model(), generated.inputs())
      let (logits, probabilities) = (try run(.logits), try run(.probabilities))
      for token in 0..<logits.rowCount {
        if let found = run.softmaxViolation(
          "final/probs[\(token)]", Array(probabilities.row(token)), scores: Array(logits.row(token)))
        {
          return found
        }
      }
      return nil
    },

    ModelProperty("a prediction depends on its text alone", clauses: ["ATT-26", "GEN-2", "GEN-10"]) {
      generated, engine in
      var plain = generated
      plain.masked = []
      let model = try plain.model()
      let ids = try plain.inputs().tokenIDs
      let inputs = try plain.inputs()
      let logits = try engine.run(model, inputs)(.logits)
      let allowance = try engine.allowance(model, inputs)
      guard var predictor = try engine.implementation(of: model) as? any NextTokenPredictor else {
        throw NotObserved(what: "the prediction after a text alone (NextTokenPredictor)")
      }
      // The text grows, is cut back, and grows again.
      let lengths = Array(1...ids.count) + [(ids.count + 1) / 2, ids.count]
      for length in lengths {
        let predicted = try predictor.nextTokenLogits(after: Array(ids.prefix(length)))
        if let found = inequality(
          "the prediction after \(length) tokens, ", Tensor(predicted, shape: [predicted.count]),
          Tensor(Array(logits.row(length - 1)), shape: [logits.rowWidth]),
          tolerance: { _ in allowance(Activation(.logits), row: length - 1) })
        {
          return found
        }
      }
      let other = ids.map { ($0 + 1) % plain.vocabularySize }
      let otherInputs = try plain.inputs(tokens: other)
      let fresh = try engine.run(model, otherInputs)(.logits)
      let otherAllowance = try engine.allowance(model, otherInputs)
      let predicted = try predictor.nextTokenLogits(after: other)
      return inequality(
        "the prediction after another text, ", Tensor(predicted, shape: [predicted.count]),
        Tensor(Array(fresh.row(ids.count - 1)), shape: [fresh.rowWidth])
      ) { _ in otherAllowance(Activation(.logits), row: ids.count - 1) }
    },
  ]
}
