import TouchstoneGraph
import TouchstoneModel

extension ModelProperty {
  /// Chapter 4.
  static let layerNorm: [ModelProperty] = [
    ModelProperty(
      "a normalised row has mean 0, mean square v/(v + ε), and the row's proportions",
      clauses: ["LN-1", "LN-2", "LN-3", "LN-4", "LN-10", "RES-5", "RES-7"]
    ) { generated, engine in
      let model = try generated.model()
      let run = try engine.run(model, generated.inputs())
      for operation in model.configuration.graph.operations {
        guard let norm = operation.kind.payload as? LayerNorm else { continue }
        let (x, y) = (try run(operation.inputs[0]), try run(operation.output))
        let (gain, shift) = (model.values(operation.parameters[0]), model.values(operation.parameters[1]))
        for token in 0..<x.rowCount {
          let row = Array(x.row(token))
          let mean = row.reduce(0, +) / Double(row.count)
          let deviations = row.map { $0 - mean }
          let variance = deviations.map { $0 * $0 }.reduce(0, +) / Double(row.count)
          let spread = (variance + norm.epsilon).squareRoot()
          let size = 1 + row.map(abs).reduce(0, max) / spread
          for column in row.indices {
            let want = deviations[column] / spread * gain[column] + shift[column]
            let tolerance =
              8 * Double(row.count + 4) * run.roundoff * size * (abs(gain[column]) + abs(want))
            guard abs(y[token, column] - want) <= tolerance else {
              return "\(operation.output)[\(token), \(column)] is \(y[token, column]), not \(want)"
            }
          }
        }
      }
      return nil
    },

    ModelProperty("doubling the stream is dividing epsilon by four", clauses: ["LN-9"]) { generated, engine in
      let model = try generated.model()
      var doubled = model.changing(.tokenEmbedding) { value, _ in 2 * value }
        .changing(.positionEmbedding) { value, _ in 2 * value }
      doubled.configuration = try model.configuration.with(epsilon: 4 * generated.epsilon)
      let (run, other) = (
        try engine.run(model, generated.inputs()), try engine.run(doubled, generated.inputs())
      )
      return inequality("layers/000/ln_1", try other(.layerNorm1, 0), try run(.layerNorm1, 0))
    },

    ModelProperty("a constant added to the stream is not seen", clauses: ["LN-8"]) { generated, engine in
      let model = try generated.model()
      let shifted = model.changing(.positionEmbedding) { value, _ in value + 16 }
      let (run, other) = (
        try engine.run(model, generated.inputs()), try engine.run(shifted, generated.inputs())
      )
      let (x, y) = (try run(.embeddingSum), try run(.layerNorm1, 0))
      let gain = model.value(.layerNorm1Weight, layer: 0)
      // The shifted parameters are rounded to float32, whatever the engine computes in.
      let roundoff = max(run.roundoff, 0x1p-24)
      return inequality("layers/000/ln_1", try other(.layerNorm1, 0), y) { index in
        let row = x.row(index / x.rowWidth)
        let mean = row.reduce(0, +) / Double(row.count)
        let variance = row.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(row.count)
        let spread = (variance + generated.epsilon).squareRoot()
        // A variance in one pass loses what the mean has over the deviations, squared.
        let offset = engine.isStrict ? 1 : 1 + (abs(mean) + 16) * (abs(mean) + 16) / spread
        let error = 40 * Double(row.count + 4) * roundoff * offset / spread
        return (abs(gain.values[index % x.rowWidth]) + 1) * error
          * (1 + Double(row.count).squareRoot() * error)
      }
    },

    ModelProperty("a row of equal elements gives the shift", clauses: ["LN-6"]) { generated, engine in
      let model = try generated.model().neutralising(.positionEmbedding)
      let width = model.configuration.width
      let constant = model.changing(.tokenEmbedding) { _, index in Float(index / width % 5) - 2 }
      let run = try engine.run(constant, generated.inputs())
      let y = try run(.layerNorm1, 0)
      let shift = constant.value(.layerNorm1Bias, layer: 0)
      let wanted = Tensor((0..<y.count).map { shift.values[$0 % width] }, shape: y.shape)
      // Small integers have an exact mean in any order of summation.
      return inequality("layers/000/ln_1", y, wanted) { 4 * run.roundoff * abs(wanted.values[$0]) }
    },

    ModelProperty("a row of one element gives the shift", clauses: ["LN-7"]) { generated, engine in
      var narrow = generated
      (narrow.headCount, narrow.headWidth) = (1, 1)
      let model = try narrow.model()
      let run = try engine.run(model, narrow.inputs())
      let shift = model.value(.layerNorm1Bias, layer: 0).values[0]
      let y = try run(.layerNorm1, 0)
      return inequality("layers/000/ln_1", y, Tensor(repeating: shift, shape: y.shape))
    },

    ModelProperty("no element exceeds √(D − 1)", clauses: ["LN-11"]) { generated, engine in
      let model = try generated.model().neutralising(.layerNorm1Weight, .layerNorm1Bias)
      let run = try engine.run(model, generated.inputs())
      let width = Double(model.configuration.width)
      let bound = (width - 1).squareRoot() * (1 + 8 * (width + 4) * run.roundoff) + 1e-30
      for layer in 0..<model.configuration.layerCount {
        let values = try run(.layerNorm1, layer).values
        if let large = values.first(where: { !(abs($0) <= bound) }) {
          return "layers/\(layer)/ln_1 holds \(large), beyond \(bound)"
        }
      }
      return nil
    },
  ]
}
