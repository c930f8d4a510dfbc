import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

extension PlantedNumber {
  /// Softmax, nonlinearities and half precision.
  static let ofFunctions = exponentials + activations + halves

  /// Another softmax of each row of visible scores.
  private static func softmax(
    _ reading: String, _ says: String, _ rule: @escaping @Sendable ([Double]) -> [Double]
  ) -> PlantedNumber {
    PlantedNumber(reading, says, in: "llama", at: "layers/000/attn_probs") { site in
      let tokens = site.inputs.count
      return site.edited { y in
        for row in 0..<y.rowCount {
          let made = rule((0...row % tokens).map { site.activations[0][row, $0] })
          for (column, value) in made.enumerated() { y[row, column] = value }
        }
      }
    }
  }

  private static let exponentials: [PlantedNumber] = [
    .softmax("softmax.other-temperature", "scores are multiplied by 0.7 before softmax") { row in
      row.map { 0.7 * $0 }.softmax()
    },
    .softmax("softmax.one-more", "one more term, as of a score of 0") {
      Array(($0 + [0]).softmax().dropLast())
    },
    .softmax("softmax.in-steps", "rounded to bfloat16 after every step") { row in
      let format = NumberFormat.bfloat16
      let greatest = row.max() ?? 0
      let powers = row.map { format.round(exp(format.round($0 - greatest))) }
      let sum = format.round(powers.reduce(0, +))
      return powers.map { format.round($0 / sum) }
    },
    .softmax("softmax.other-exponential", "exp is approximated, by a function of its argument alone") { row in
      let greatest = row.max() ?? 0
      let powers = row.map { exp($0 - greatest) * (1 + 1e-3 * sin(5 * ($0 - greatest))) }
      let sum = powers.reduce(0, +)
      return powers.map { $0 / sum }
    },
    PlantedNumber(
      "nan.no-key", "softmax of queries 2, 3 is NaN in all heads", in: "llama", at: "layers/000/attn_probs"
    ) { site in
      site.edited { y in
        for row in 0..<y.rowCount where [2, 3].contains(row % 11) { y.setRow(row) { _ in .nan } }
      }
    },
  ]

  /// Another function in the place of a nonlinearity, told by its input and what is due.
  private static func function(
    _ reading: String, _ says: String, in family: String = "llama",
    _ rule: @escaping @Sendable (Double, Double) -> Double
  ) -> PlantedNumber {
    PlantedNumber("activation.\(reading)", says, in: family, at: "layers/000/mlp_act") { site in
      let right = site.evaluated()
      return Tensor(zip(site.activations[0].values, right.values).map(rule), shape: right.shape)
    }
  }

  private static let silu = ActivationFunction.Function.silu

  private static let activations: [PlantedNumber] = [
    .function("clamped", "inputs above 0.4 are clamped") { x, _ in silu(min(x, 0.4)) },
    .function("clamped", "inputs below -0.3 are clamped") { x, _ in silu(max(x, -0.3)) },
    .function("cut-off", "inputs above 0.5 are handed on as they are, and below -0.5 give 0") { x, right in
      x > 0.5 ? x : x < -0.5 ? 0 : right
    },
    .function("leak", "negative inputs are multiplied by 0.03") { x, right in x < 0 ? 0.03 * x : right },
    .function("other-constants", "x·σ(1.1·x) instead of x·σ(x)") { x, _ in x / (1 + exp(-1.1 * x)) },
    .function("other-constants", "0.044715 is 0.05", in: "gemma3_text") { x, _ in
      0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.05 * x * x * x)))
    },
    PlantedNumber(
      "activation.not-applied", "columns from 8 on are not activated", in: "llama", at: "layers/000/mlp_act"
    ) { site in
      site.edited { y in
        for row in 0..<y.rowCount {
          for column in 8..<11 { y[row, column] = site.activations[0][row, column] }
        }
      }
    },
    .function("not-finite", "an exponential overflows: NaN wherever the input is above") { x, right in
      x > 0.6 ? .nan : right
    },
    .function("other-function", "SiLU is approximated, by a function of its input alone, off by at most 0.01")
    {
      x, right in
      right + 0.01 * sin(6 * x)
    },
  ]

  private static let halves: [PlantedNumber] = [
    PlantedNumber(
      "attention.in-half", "keys and values are rounded to float16", in: "llama",
      at: "layers/000/attn_context",
      hiding: ["attn_scores", "attn_probs"]
    ) { site in
      guard let weighing = site.maker(of: 0), let scoring = weighing.maker(of: 0) else { return nil }
      let scores = scoring.evaluated(changing: 1) { $0 = NumberFormat.float16.rounded($0) }
      let weights = weighing.evaluated(activations: [scores])
      return site.evaluated(activations: [weights, NumberFormat.float16.rounded(site.activations[1])])
    },
    PlantedNumber(
      "attention.in-half", "probabilities are rounded to bfloat16", in: "mpt", at: "layers/001/attn_context",
      hiding: ["attn_scores", "attn_probs"]
    ) { site in
      site.evaluated(activations: [NumberFormat.bfloat16.rounded(site.activations[0]), site.activations[1]])
    },
  ]
}
