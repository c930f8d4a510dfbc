import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

extension ModelProperty {
  /// Chapter 12.
  static let numerics: [ModelProperty] = [
    ModelProperty("sums of small whole numbers are exact in any order", clauses: ["NUM-7", "FFN-12"]) {
      generated, engine in
      // With gain 0 every normalised row is the shift, so each product's operands are known whole numbers: large ones
      // on the one side, so that operands of half the precision show.
      var whole = generated
      whole.function = .relu
      var model = try whole.model()
      for role in [ParameterRole.layerNorm1Weight, .layerNorm2Weight, .finalLayerNormWeight] {
        model = model.changing(role) { _, _ in 0 }
      }
      for role in [ParameterRole.layerNorm1Bias, .layerNorm2Bias, .finalLayerNormBias] {
        model = model.changing(role) { value, index in (value * 900).rounded() + Float(index % 7) }
      }
      for role in ParameterRole.allCases where role.isProduct {
        model = model.changing(role) { value, _ in (value * 8).rounded() }
      }
      let run = try engine.run(model, whole.inputs())
      for operation in model.configuration.graph.operations {
        guard operation.kind.payload is Linear,
          model.configuration.graph.operation(making: operation.inputs[0])?.kind.payload is LayerNorm
        else { continue }
        let (x, y) = (try run(operation.inputs[0]), try run(operation.output))
        let weight = model.values(operation.parameters[0])
        let bias = operation.parameters.dropFirst().first.map(model.values)
        for token in 0..<x.rowCount {
          for (column, got) in y.rows(of: token).joined().enumerated() {
            // Of whole numbers; float64 holds every partial sum exactly.
            let want = x.row(token).enumerated().reduce(bias?[column] ?? 0) { total, term in
              total + term.element * weight[column, term.offset]
            }
            if want != got {
              return "\(operation.output) of token \(token) holds \(got), not \(want), at \(column)"
            }
          }
        }
      }
      return nil
    }
  ]
}

extension ParameterRole {
  /// Whether it is a factor of a product, or its bias.
  fileprivate var isProduct: Bool {
    switch self {
    case .layerNorm1Weight, .layerNorm1Bias, .layerNorm2Weight, .layerNorm2Bias, .finalLayerNormWeight,
      .finalLayerNormBias, .positionEmbedding:
      false
    default: true
    }
  }
}
