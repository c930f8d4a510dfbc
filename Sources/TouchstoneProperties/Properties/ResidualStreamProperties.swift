import TouchstoneGraph
import TouchstoneModel

extension ModelProperty {
  /// Chapter 7.
  static let residualStream: [ModelProperty] = [
    ModelProperty(
      "the stream runs through the blocks and only grows by sums",
      clauses: ["RES-1", "RES-2", "RES-3", "RES-4"]
    ) { generated, engine in
      let model = try generated.model()
      let run = try engine.run(model, generated.inputs())
      var before = Activation(.embeddingSum)
      for layer in 0..<model.configuration.layerCount {
        func at(_ point: Activation.Point) -> Activation { Activation(point, layer: layer) }
        if let found = inequality("\(at(.residualIn))", try run(at(.residualIn)), try run(before)) {
          return found
        }
        if let found = try run.sumDifference(
          at(.residualMiddle), of: at(.residualIn), and: at(.attentionOutput))
        {
          return found
        }
        if let found = try run.sumDifference(
          at(.residualOut), of: at(.residualMiddle), and: at(.feedForwardOutput))
        {
          return found
        }
        before = at(.residualOut)
      }
      return nil
    },

    ModelProperty("a block that adds nothing is the identity", clauses: ["RES-6"]) { generated, engine in
      let model = try generated.model().neutralising(
        .attentionOutputWeight, .attentionOutputBias, .feedForwardOutputWeight, .feedForwardOutputBias)
      let run = try engine.run(model, generated.inputs())
      let last = Activation(.residualOut, layer: model.configuration.layerCount - 1)
      return inequality("\(last)", try run(last), try run(.embeddingSum))
    },

    ModelProperty("activations come in order, each once, each in its shape", clauses: ["RES-8"]) {
      generated, engine in
      let model = try generated.model()
      let graph = model.configuration.graph
      let order = graph.operations.map(\.output)
      var remaining = order[...]
      var problem: String?
      try engine.implementation(of: model).forwardPoints(generated.inputs()) { activation, shape in
        guard let wanted = graph.shape(of: activation, tokenCount: generated.tokens.count) else {
          problem = problem ?? "\(activation) is made by no operation of the model"
          return
        }
        if shape != wanted, problem == nil { problem = "\(activation) has the shape \(shape), not \(wanted)" }
        guard order.contains(activation) else { return }
        guard let place = remaining.firstIndex(of: activation) else {
          problem = problem ?? "\(activation) comes twice or late"
          return
        }
        remaining = remaining[(place + 1)...]
      }
      return problem
    },

    ModelProperty("a block reads its own parameters", clauses: ["RES-9"]) { generated, engine in
      var deep = generated
      deep.layerCount = max(2, generated.layerCount)
      let last = deep.layerCount - 1
      let model = try deep.model()
      var changed = model
      for parameter in model.configuration.parameters where parameter.layer == last {
        changed.parameters[parameter]?.values[0] += 1
      }
      let (run, other) = (try engine.run(model, deep.inputs()), try engine.run(changed, deep.inputs()))
      let earlier = run.observed.filter { ($0.layer ?? last) < last || $0.path.hasPrefix("embed") }
      return try other.difference(from: run, at: run.inputs.tokenIDs.indices, activations: earlier)
        .map { $0 + " by a parameter of a later block" }
    },

    ModelProperty("running again and observing less change no bit", clauses: ["RES-10", "RES-11", "NUM-11"]) {
      generated, engine in
      let model = try generated.model()
      let implementation = try engine.implementation(of: model)
      let inputs = try generated.inputs()
      let run = Run(activations: try RecordedActivations(of: implementation, inputs: inputs))
      let again = Run(activations: try RecordedActivations(of: implementation, inputs: inputs))
      if let found = try again.difference(from: run, at: inputs.tokenIDs.indices) {
        return found + " in a second run"
      }
      guard var predictor = implementation as? any NextTokenPredictor, inputs.attentionMask == nil else {
        return nil
      }
      let logits = try run(.logits)
      let predicted = try predictor.nextTokenLogits(after: inputs.tokenIDs)
      let allowance = try engine.allowance(model, inputs)
      return inequality(
        "the last row of final/logits, unobserved,", Tensor(predicted, shape: [predicted.count]),
        Tensor(Array(logits.row(logits.rowCount - 1)), shape: [logits.rowWidth])
      ) { _ in allowance(Activation(.logits), row: logits.rowCount - 1) }
    },
  ]
}

extension Transformer {
  /// Hands the place and shape of every activation to `observe`.
  fileprivate func forwardPoints(_ inputs: Inputs, observe: (Activation, [Int]) -> Void) throws {
    try forward(inputs) { activation, tensor in observe(activation, tensor.shape) }
  }
}
