import Foundation
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

extension ModelProperty {
  /// Chapter 6.
  static let feedForward: [ModelProperty] = [
    ModelProperty(
      "every product is the sum of its terms and its bias",
      clauses: ["ATT-18", "FFN-1", "FFN-12", "UNE-1", "NUM-4"]
    ) { generated, engine in
      let model = try generated.model()
      let run = try engine.run(model, generated.inputs())
      for operation in model.configuration.graph.operations {
        guard let product = operation.kind.payload as? Linear, product.heads == nil else { continue }
        let (x, y) = (try run(operation.inputs[0]), try run(operation.output))
        let weight = model.values(operation.parameters[0])
        let bias = operation.parameters.dropFirst().first.map(model.values)
        for token in 0..<x.rowCount {
          for column in 0..<y.rowWidth {
            let terms = x.row(token).enumerated().map { k, value in value * weight[column, k] }
            if let found = run.sumViolation(
              "\(operation.output)[\(token), \(column)]", y[token, column],
              terms + (bias.map { [$0[column]] } ?? []))
            {
              return found
            }
          }
        }
      }
      return nil
    },

    ModelProperty(
      "the nonlinearity is the one that the configuration names",
      clauses: ["FFN-3", "FFN-4", "FFN-5", "FFN-6", "FFN-7", "FFN-10", "FFN-11", "NUM-6"]
    ) { generated, engine in
      // Points from −6 to 6 at which the functions differ, besides those that come about.
      let model = try generated.model()
      let points = model.changing(.feedForwardInputWeight) { value, index in index % 2 == 0 ? value : 0 }
        .changing(.feedForwardInputBias) { value, index in value * 6 }
      for model in [model, points] {
        let run = try engine.run(model, generated.inputs())
        for layer in 0..<model.configuration.layerCount {
          let (x, y) = (try run(.feedForwardInput, layer), try run(.feedForwardActivation, layer))
          let wanted = Tensor(
            x.values.map { definition(model.configuration.activationFunction, $0) }, shape: x.shape)
          if let found = inequality(
            "layers/\(layer)/mlp_act", y, wanted,
            tolerance: { 40 * run.roundoff * abs(x.values[$0]) + 0x1p-126 })
          {
            return found
          }
        }
      }
      return nil
    },

    ModelProperty("a GELU at x and at −x differ by x", clauses: ["FFN-8"]) { generated, engine in
      var paired = generated
      if paired.function == .relu { paired.function = .geluTanh }
      paired.feedForwardWidth *= 2
      let width = paired.feedForwardWidth
      var model = try paired.model()
      for (parameter, tensor) in model.parameters
      where parameter.role == .feedForwardInputWeight || parameter.role == .feedForwardInputBias {
        var mirrored = tensor
        for index in tensor.values.indices where index % width >= width / 2 {
          mirrored.values[index] = -tensor.values[index - width / 2]
        }
        model.parameters[parameter] = mirrored
      }
      let run = try engine.run(model, paired.inputs())
      let (x, y) = (try run(.feedForwardInput, 0), try run(.feedForwardActivation, 0))
      for token in 0..<x.rowCount {
        for column in 0..<width / 2 {
          let (value, mirror) = (x[token, column], x[token, column + width / 2])
          // Equal bits of opposite sign, unless an engine rounds differently by column.
          guard value == -mirror else { continue }
          let got = y[token, column] - y[token, column + width / 2]
          guard abs(got - value) <= 80 * run.roundoff * abs(value) + 0x1p-125 else {
            return "gelu(\(value)) − gelu(\(mirror)) is \(got)"
          }
        }
      }
      return nil
    },

    ModelProperty("equal elements have equal activations wherever they stand", clauses: ["FFN-7"]) {
      generated, engine in
      let value = Float(Int(generated.seed % 97)) / 16 - 3
      let model = try generated.model().neutralising(.feedForwardInputWeight)
        .changing(.feedForwardInputBias) { _, _ in value }
      let run = try engine.run(model, generated.inputs())
      let y = try run(.feedForwardActivation, 0)
      // The end of a row may be computed by another routine than its beginning.
      let tolerance = engine.isStrict ? 0 : 80 * run.roundoff * abs(Double(value))
      return inequality("layers/000/mlp_act", y, Tensor(repeating: y.values[0], shape: y.shape)) { _ in
        tolerance
      }
    },

    ModelProperty("a token thinks alone", clauses: ["FFN-13", "LN-5"]) { generated, engine in
      let model = try generated.model()
        .neutralising(.positionEmbedding, .attentionOutputWeight, .attentionOutputBias)
      let run = try engine.run(model, generated.inputs())
      let alone = run.observed.filter { $0.point?.isAlone ?? true }
      for (token, id) in run.inputs.tokenIDs.enumerated() {
        let inputs = try Inputs(tokenIDs: [id], configuration: model.configuration)
        let (single, allowance) = (try engine.run(model, inputs), try engine.allowance(model, inputs))
        for activation in alone {
          if let found = try single.difference(
            activation, token: 0, from: run, token: token, within: allowance)
          {
            return found + " in company"
          }
        }
      }
      return nil
    },

    ModelProperty("doubling the second product doubles its output", clauses: ["FFN-14"]) {
      generated, engine in
      let model = try generated.model()
      let doubled = model.changing(.feedForwardOutputWeight) { value, _ in 2 * value }
        .changing(.feedForwardOutputBias) { value, _ in 2 * value }
      let (run, other) = (
        try engine.run(model, generated.inputs()), try engine.run(doubled, generated.inputs())
      )
      let output = try run(.feedForwardOutput, 0)
      let wanted = Tensor(output.values.map { 2 * $0 }, shape: output.shape)
      return inequality("layers/000/mlp_out", try other(.feedForwardOutput, 0), wanted)
    },
  ]

  /// The nonlinearities as the papers write them.
  private static func definition(_ function: ActivationFunction.Function, _ x: Double) -> Double {
    switch function {
    case .relu: x > 0 ? x : 0
    case .reluSquared: x > 0 ? x * x : 0
    case .silu: x / (1 + exp(-x))
    case .quickGELU: x / (1 + exp(-1.702 * x))
    case .tanh: Foundation.tanh(x)
    case .sigmoid: 1 / (1 + exp(-x))
    case .geluTanh: tanhForm(x, (2 / Double.pi).squareRoot())
    case .geluFast: tanhForm(x, 0.7978845608)
    case .geluBloom: tanhForm(x, 0.79788456)
    case .geluErf: 0.5 * x * (1 + erf(x / 2.0.squareRoot()))
    }
  }

  private static func tanhForm(_ x: Double, _ factor: Double) -> Double {
    0.5 * x * (1 + Foundation.tanh(factor * (x + 0.044715 * x * x * x)))
  }
}

extension Activation.Point {
  /// Whether the value of a token comes from its own vector, where attention says nothing.
  fileprivate var isAlone: Bool {
    switch self {
    case .attentionScores, .attentionProbabilities, .attentionContext, .keyCache, .valueCache: false
    default: true
    }
  }
}
