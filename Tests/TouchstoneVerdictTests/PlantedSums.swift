import TouchstoneGraph
import TouchstoneModel

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

extension PlantedNumber {
  /// Sums of other addends, norms of other statistics, and numbers that are cut or kept in few bits.
  static let ofSumsAndNorms: [PlantedNumber] = [
    PlantedNumber(
      "sum.addend-times", "layers/000/mlp_out is multiplied by 0.7 before it is added", in: "llama",
      at: "layers/000/resid_out"
    ) { $0.evaluated(changing: 1) { $0.values = $0.values.map { 0.7 * $0 } } },
    PlantedNumber("sum.all-times", "the sum is multiplied by 1.25", in: "llama", at: "layers/001/resid_mid") {
      $0.edited { $0.values = $0.values.map { 1.25 * $0 } }
    },
    PlantedNumber(
      "sum.other-addend", "it adds layers/000/resid_mid instead of layers/001/resid_in", in: "llama",
      at: "layers/001/resid_mid"
    ) { site in
      site.activation(Activation("resid_mid", in: Activation.Block(0))).map { other in
        site.evaluated(changing: 0) { $0 = other }
      }
    },
    PlantedNumber(
      "sum.addend-of-other-rows", "what layers/000/mlp_out has 1 row before", in: "llama",
      at: "layers/000/resid_out"
    ) {
      $0.evaluated(changing: 1) { x in
        for row in (1..<x.rowCount).reversed() { x.setRow(row) { [x] in x[row - 1, $0] } }
      }
    },
    PlantedNumber(
      "norm.other-statistics", "those of the first 9 columns", in: "llama", at: "layers/000/ln_1"
    ) { site in
      site.normalised { row, _, epsilon in
        row.values.map { $0 / (row.prefix(9).variance + epsilon).squareRoot() }
      }
    },
    PlantedNumber(
      "norm.other-statistics", "every 12 columns are normalised by themselves", in: "gpt2", at: "final/ln_f"
    ) {
      site in
      site.normalised { row, _, epsilon in
        [0, 12].flatMap { first in
          let half = NormRow(values: Array(row.values[first..<first + 12]), subtractsMean: true)
          return half.scaled(1 / (half.variance + epsilon).squareRoot())
        }
      }
    },
    PlantedNumber(
      "norm.other-formula", "divided by the length of the row instead of √(variance + ε)", in: "gpt2",
      at: "layers/000/ln_2"
    ) { site in
      site.normalised { row, _, epsilon in
        row.scaled(1 / (row.variance * Double(row.values.count) + epsilon).squareRoot())
      }
    },
    PlantedNumber(
      "norm.other-formula",
      "the mean of each row is subtracted, each row is divided by the mean magnitude instead of",
      in: "llama", at: "layers/001/ln_1"
    ) { site in
      site.normalised { row, _, epsilon in
        let mean = row.values.reduce(0, +) / Double(row.values.count)
        let magnitude = row.values.reduce(0) { $0 + abs($1 - mean) } / Double(row.values.count)
        return row.values.map { ($0 - mean) / (magnitude + epsilon) }
      }
    },
    PlantedNumber(
      "values.in-fewer-bits", "what is stored is rounded to 14 significant bits", in: "llama",
      at: "layers/001/mlp_act"
    ) { site in
      let format = NumberFormat(
        name: "", significandBits: 14, leastExponent: -126,
        greatestFinite: NumberFormat.float32.greatestFinite)
      return site.edited { $0 = format.rounded($0) }
    },
    PlantedNumber(
      "linear.matrix-scaled", "the bias alone is written, no product", in: "gpt2", at: "layers/001/mlp_pre"
    ) { $0.evaluated(changingParameter: 0) { $0.values = $0.values.map { 0 * $0 } } },
    PlantedNumber(
      "linear.matrix-scaled", "the matrix is multiplied by 1.5", in: "gpt2", at: "layers/000/mlp_out"
    ) { $0.evaluated(changingParameter: 0) { $0.values = $0.values.map { 1.5 * $0 } } },
    PlantedNumber(
      "norm.parameters-moved", "the norm's weight is moved by 1", in: "llama", at: "layers/000/ln_2"
    ) {
      $0.evaluated(changingParameter: 0) { gain in
        let own = gain.values
        for place in own.indices { gain.values[place] = own[(place + own.count - 1) % own.count] }
      }
    },
    PlantedNumber(
      "wiring.normed-input", "once it is normalised, as by layers/000/ln_2", in: "llama",
      at: "layers/000/attn_out"
    ) { site in
      let norm = site.graph.operations.first { $0.output.path == "layers/000/ln_2" }
      return norm.flatMap { site.value(of: $0, reading: site.activations[0]) }.map { value in
        site.evaluated(changing: 0) { $0 = value }
      }
    },
    PlantedNumber("linear.bias-moved", "the bias is moved by -1", in: "gpt2", at: "layers/000/mlp_out") {
      $0.evaluated(changingParameter: 1) { bias in
        let own = bias.values
        for place in own.indices { bias.values[place] = own[(place + 1) % own.count] }
      }
    },
    PlantedNumber(
      "linear.accumulator", "cut to 12 bits after every 4 terms", in: "gpt2", at: "layers/000/attn_out"
    ) { site in
      (site.operation.kind.payload as? Linear).flatMap { ReadProduct($0, site, site.evaluated()) }.map {
        product in
        let format = NumberFormat(name: "", significandBits: 12, leastExponent: -126, greatestFinite: 1e38)
        return NarrowAccumulator(format: format, isCut: true, step: 4).value(of: product)
      }
    },
    PlantedNumber("values.cut", "cut to bfloat16 where they are stored", in: "llama", at: "layers/000/mlp_up")
    {
      $0.edited { $0.values = $0.values.map { NumberFormat.bfloat16.round($0, .towardZero) } }
    },
    PlantedNumber(
      "logits.penalty-of-repetition", "in the prompt are divided by 1.3", in: "llama", at: "final/logits"
    ) { site in
      let seen = Set(site.inputs.tokenIDs)
      return site.edited { y in
        for offset in y.values.indices where seen.contains(offset % y.rowWidth) {
          y.values[offset] *= y.values[offset] > 0 ? 1 / 1.3 : 1.3
        }
      }
    },
  ]
}
