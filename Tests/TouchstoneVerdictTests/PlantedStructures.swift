import TouchstoneGraph
import TouchstoneModel

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

extension PlantedNumber {
  /// Operations whose numbers are others', stored otherwise, or in part wrong, and what is to be read of them.
  static let structures: [PlantedNumber] = ofValues + ofProducts + ofStorage + ofSumsAndNorms

  private static let ofValues: [PlantedNumber] = [
    PlantedNumber("values.other-rows", "rows 4 to 6 hold rows 0 to 2", in: "llama", at: "layers/000/mlp_out")
    {
      site in
      site.edited { y in
        let rows = (0..<3).map { Array(y.row($0)) }
        for row in 4...6 { y.setRow(row) { rows[row - 4][$0] } }
      }
    },
    PlantedNumber(
      "values.of-other-activation", "it holds the values of layers/000/attn_out", in: "llama",
      at: "layers/000/mlp_out"
    ) { site in site.activation(Activation("attn_out", in: Activation.Block(0))) },
    PlantedNumber(
      "values.constant", "nothing was written: values are 0, in units 3 to 5 alone", in: "llama",
      at: "layers/000/attn_out"
    ) { site in
      site.edited { y in
        for offset in y.values.indices where (3...5).contains(offset % y.rowWidth) { y.values[offset] = 0 }
      }
    },
    PlantedNumber("values.scaled", "multiplied by 0.3", in: "llama", at: "layers/001/mlp_out") { site in
      site.edited { $0.values = $0.values.map { 0.3 * $0 } }
    },
    PlantedNumber("values.shifted", "0.25 is added to every value", in: "llama", at: "layers/000/mlp_up") {
      site in
      site.edited { $0.values = $0.values.map { $0 + 0.25 } }
    },
    PlantedNumber(
      "values.vector-added", "off by the same vector", in: "llama", at: "layers/000/mlp_out"
    ) { site in
      site.edited { y in
        for offset in y.values.indices { y.values[offset] += 0.1 * Double(offset % y.rowWidth * 7 % 5) - 0.2 }
      }
    },
    PlantedNumber(
      "values.scaled-by-row", "a factor of its own (0.5 to 1.5)", in: "llama", at: "layers/000/mlp_out"
    ) { site in
      site.edited { y in
        for offset in y.values.indices { y.values[offset] *= 0.5 + 0.1 * Double(offset / y.rowWidth) }
      }
    },
  ]

  private static let ofProducts: [PlantedNumber] = [
    PlantedNumber(
      "linear.terms", "terms 5 to 8 of each sum are missing", in: "llama", at: "layers/000/mlp_out"
    ) {
      $0.evaluated(changing: 0) { x in
        for row in 0..<x.rowCount { for k in 5...8 { x[row, k] = 0 } }
      }
    },
    PlantedNumber(
      "linear.terms", "added twice, part 2 of 2", in: "llama", at: "layers/001/attn_out"
    ) {
      $0.evaluated(changing: 0) { x in
        for row in 0..<x.rowCount { for k in 12..<24 { x[row, k] *= 2 } }
      }
    },
    PlantedNumber("linear.bias-times", "added 3 times", in: "gpt2", at: "layers/000/mlp_out") {
      $0.evaluated(changingParameter: 1) { $0.values = $0.values.map { 3 * $0 } }
    },
    PlantedNumber("matrix.one-weight", "bit 20 is flipped", in: "gpt2", at: "layers/001/mlp_pre") { site in
      site.evaluated(changingParameter: 0) { matrix in
        matrix.values[57] = Double(Float(bitPattern: Float(matrix.values[57]).bitPattern ^ 1 << 20))
      }
    },
    PlantedNumber(
      "matrix.inputs-of-others", "inputs 3 and 9 are exchanged", in: "gpt2", at: "layers/000/attn_out"
    ) {
      $0.evaluated(changing: 0) { x in
        for row in 0..<x.rowCount { (x[row, 3], x[row, 9]) = (x[row, 9], x[row, 3]) }
      }
    },
    PlantedNumber(
      "matrix.one-input", "of input 6 are those of input 2", in: "gpt2", at: "layers/000/attn_out"
    ) {
      $0.evaluated(changingParameter: 0) { matrix in
        let other = Array(matrix.row(2))
        matrix.setRow(6) { other[$0] }
      }
    },
    PlantedNumber(
      "matrix.of-other", "the matrix is that of layers/001/attn_out, the bias its own", in: "gpt2",
      at: "layers/000/attn_out"
    ) { site in
      let other = site.graph.operations.first { $0.output.path == "layers/001/attn_out" }
      return other.flatMap { site.parameter($0.parameters[0].parameter) }.map { matrix in
        site.evaluated(changingParameter: 0) { $0 = matrix }
      }
    },
    PlantedNumber(
      "linear.other-outputs", "outputs of the matrix are in the order 0, 2, 1, 3, the bias in its own",
      in: "gpt2",
      at: "layers/000/attn_out"
    ) {
      $0.evaluated(changingParameter: 0) { matrix in
        for row in 0..<matrix.rowCount {
          for first in stride(from: 0, to: 24, by: 4) {
            matrix.values.swapAt(row * 24 + first + 1, row * 24 + first + 2)
          }
        }
      }
    },
  ]

  private static let ofStorage: [PlantedNumber] = [
    PlantedNumber(
      "norm.in-steps", "rounded to bfloat16 after every step", in: "gpt2", at: "layers/001/ln_2"
    ) { site in
      RoundedNorm(format: .bfloat16, parts: .steps).value(of: site).rounded(to: .bfloat16)
    },
    PlantedNumber(
      "linear.stored-in-fewer-bits", "the input and matrix are rounded to bfloat16", in: "llama",
      at: "layers/000/mlp_up"
    ) { site in
      site.evaluated(
        activations: site.activations.map { $0.rounded(to: .bfloat16) },
        parameters: site.parameters.map { $0.rounded(to: .bfloat16) })
    },
    PlantedNumber(
      "linear.stored-in-fewer-bits", "quantised to 5 bits by output, every one a step too low", in: "gpt2",
      at: "layers/000/attn_out"
    ) { site in
      let scheme = Quantisation(bits: 5, step: .symmetric, isStepInHalf: false, shift: -1)
      let weight = site.site.operands.parameters[0]
      let quantised = QuantisedMatrix(
        weight: weight, extents: MatrixExtents(weight), scheme: scheme, group: .inputs(24))
      let rows = (0..<24).map(quantised.row)
      return site.evaluated(changingParameter: 0) { matrix in
        for output in 0..<24 { for input in 0..<24 { matrix[input, output] = rows[output][input] } }
      }
    },
    PlantedNumber(
      "embedding.stored-in-fewer-bits", "the table is cut to bfloat16", in: "llama", at: "embed/token"
    ) { site in
      site.evaluated(changingParameter: 0) {
        $0.values = $0.values.map { NumberFormat.bfloat16.round($0, .towardZero) }
      }
    },
    PlantedNumber(
      "norm.rounded-steps", "the norm's mean and variance are rounded to bfloat16", in: "gpt2",
      at: "layers/000/ln_1"
    ) { site in
      site.normalised { row, _, epsilon in
        let (mean, variance) = (
          NumberFormat.bfloat16.round(row.mean), NumberFormat.bfloat16.round(row.variance)
        )
        return row.values.map { ($0 - mean) / (variance + epsilon).squareRoot() }
      }
    },
  ]
}
