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
      for role in [Parameter.Role.layerNorm1Weight, .layerNorm2Weight, .finalLayerNormWeight] {
        model = model.changing(role) { _, _ in 0 }
      }
      for role in [Parameter.Role.layerNorm1Bias, .layerNorm2Bias, .finalLayerNormBias] {
        model = model.changing(role) { value, index in (value * 900).rounded() + Float(index % 7) }
      }
      for role in Parameter.Role.allCases where role.isProduct {
        model = model.changing(role) { value, _ in (value * 8).rounded() }
      }
      let run = try engine.run(model, whole.inputs())
      for operation in model.configuration.operations {
        let x: Tensor<Double>
        switch operation.kind {
        case .headProjection, .unembedding: x = try run(operation.inputs[0])
        case .linear where operation.output.point == .feedForwardInput: x = try run(operation.inputs[0])
        default: continue
        }
        let y = try run(operation.output)
        for token in 0..<x.rowCount {
          for (column, got) in y.rows(of: token).joined().enumerated() {
            let want = model.wholeSum(operation, x.row(token), column)
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

extension Parameter.Role {
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

extension Model {
  /// One output of a product of whole numbers; float64 holds every partial sum exactly.
  fileprivate func wholeSum(_ operation: Operation, _ x: ArraySlice<Double>, _ column: Int) -> Double {
    let weight = value(operation.parameters[0])
    var total = 0.0
    var place = column
    if case .headProjection(let part, _) = operation.kind { place += part * configuration.width }
    let isTransposed = operation.kind == .unembedding
    for (k, element) in x.enumerated() {
      total += element * (isTransposed ? weight[place, k] : weight[k, place])
    }
    if !isTransposed { total += value(operation.parameters[1]).values[place] }
    return total
  }
}
