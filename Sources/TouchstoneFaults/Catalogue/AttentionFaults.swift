import Foundation
import TouchstoneModel

extension Fault {
  static let attentionFaults: [Fault] = [
    scaleFaults, productFaults,
  ].flatMap { $0 }

  private static let scaleFaults: [Fault] = [
    ("no-scale", "scores are not divided by √d", "the scale is expected inside a kernel that has none"),
    (
      "scale-by-width", "scores are divided by √D instead of √d",
      "the model's width is taken for the head's"
    ),
    ("scale-twice", "scores are divided by √d twice", "queries are scaled, and the kernel scales again"),
    ("scale-without-root", "scores are divided by d instead of √d", "the square root is forgotten"),
    ("scale-by-layer", "scores are divided by the layer's number too", "an option of another model is on"),
    ("scale-in-half", "1/√d is rounded to float16", "the constant is kept in half precision"),
    ("scale-by-length", "scores are divided by √T instead of √d", "the wrong axis's extent is taken"),
  ].map { id, name, practice in
    Fault("attention.\(id)", name, .attention, at: [.attentionScores], practice: practice) { site in
      let right = 1 / Double(site.configuration.headWidth).squareRoot()
      return switch id {
      case "no-scale": site.scores(scale: 1)
      case "scale-by-width": site.scores(scale: 1 / Double(site.configuration.width).squareRoot())
      case "scale-twice": site.scores(scale: right * right)
      case "scale-without-root": site.scores(scale: 1 / Double(site.configuration.headWidth))
      case "scale-by-layer": site.scores(scale: right / Double((site.operation.output.layer ?? 0) + 1))
      case "scale-in-half": site.scores(scale: NumberFormat.float16.round(right))
      default: site.scores(scale: 1 / Double(site.inputs.count).squareRoot())
      }
    }
  }

  private static let productFaults: [Fault] = [
    Fault(
      "attention.key-not-transposed", "keys are read as if stored transposed", .attention,
      at: [.attentionScores], practice: "a layout of [H, d, T] is assumed where [H, T, d] is stored"
    ) { site in
      site.evaluated(changing: 1) { key in
        let (tokens, width) = (key.shape[1], key.shape[2])
        let original = key
        for offset in key.values.indices {
          let (head, within) = (offset / (tokens * width), offset % (tokens * width))
          let transposed = within % width * tokens + within / width
          key.values[offset] = original.values[head * tokens * width + transposed]
        }
      }
    },
    Fault(
      "attention.query-key-exchanged", "queries and keys are exchanged", .attention, at: [.attentionScores],
      practice: "the two arguments of a product are in the wrong order"
    ) { site in site.evaluated(activations: [site.activations[1], site.activations[0]]) },
    Fault(
      "attention.key-of-next-head", "each head reads the next head's keys", .attention,
      at: [.attentionScores], practice: "an index of grouped heads is off by one"
    ) { site in site.withHeads(of: 1) { ($0 + 1) % $1 } },
    Fault(
      "attention.key-of-first-head", "every head reads the first head's keys", .attention,
      at: [.attentionScores], practice: "multi-query code runs a model that has one key per head"
    ) { site in site.withHeads(of: 1) { _, _ in 0 } },
    Fault(
      "attention.key-of-head-pair", "two heads share the keys of the first of them", .attention,
      at: [.attentionScores], practice: "grouped-query code with the wrong number of groups"
    ) { site in site.withHeads(of: 1) { head, _ in head / 2 * 2 } },
    Fault(
      "attention.value-of-next-head", "each head reads the next head's values", .attention,
      at: [.attentionContext], practice: "an index of grouped heads is off by one"
    ) { site in site.withHeads(of: 1) { ($0 + 1) % $1 } },
    Fault(
      "attention.value-of-first-head", "every head reads the first head's values", .attention,
      at: [.attentionContext], practice: "multi-query code runs a model that has one value per head"
    ) { site in site.withHeads(of: 1) { _, _ in 0 } },
    Fault(
      "attention.soft-cap-50", "scores are capped by 50·tanh(s/50)", .attention, at: [.attentionScores],
      practice: "an option of another model family is on"
    ) { site in site.edited { $0.values = $0.values.map { $0.isFinite ? 50 * tanh($0 / 50) : $0 } } },
    Fault(
      "attention.alibi", "scores carry a penalty for distance", .attention, at: [.attentionScores],
      practice: "the positions of another model family are on"
    ) { site in
      site.edited { scores in
        for offset in scores.values.indices {
          let index = scores.index(of: offset)
          let slope = exp2(-8 * Double(index[0] + 1) / Double(scores.shape[0]))
          scores.values[offset] -= slope * Double(abs(index[1] - index[2]))
        }
      }
    },
    Fault(
      "attention.rotary", "queries and keys are rotated by their positions", .attention,
      at: [.attentionScores], practice: "the positions of another model family are on"
    ) { site in
      guard site.configuration.headWidth > 1 else { return nil }
      return site.evaluated(
        activations: site.activations.map { $0.rotated(by: site.inputs.positionIDs) })
    },
    Fault(
      "attention.probabilities-transposed", "probabilities are read transposed", .attention,
      at: [.attentionContext], practice: "row and column strides are exchanged"
    ) { site in
      site.rawContext { probabilities, head, row, column in probabilities[head, column, row] }
    },
    Fault(
      "attention.mean-of-values", "the context is divided by the number of keys", .attention,
      at: [.attentionContext], practice: "a mean is taken for a weighted sum"
    ) { site in
      site.edited { context in
        for row in 0..<context.rowCount {
          for column in 0..<context.rowWidth { context[row, column] /= Double(row + 1) }
        }
      }
    },
  ]

}

extension FaultSite {
  /// The factor on q·k, where the operation makes scores.
  var scale: Double? {
    if case .attentionScores(let scale) = operation.kind { scale } else { nil }
  }

  /// Scores with another factor.
  func scores(scale: Double) -> Tensor<Double>? {
    evaluated(kind: .attentionScores(scale: scale))
  }

  /// The operation's value where head h reads another head of one input; nil with a single head.
  func withHeads(of index: Int, _ source: (Int, Int) -> Int) -> Tensor<Double>? {
    let original = activations[index]
    let (heads, size) = (original.shape[0], original.shape[1] * original.shape[2])
    guard heads > 1 else { return nil }
    return evaluated(changing: index) { changed in
      for head in 0..<heads {
        let from = min(source(head, heads), heads - 1) * size
        for offset in 0..<size { changed.values[head * size + offset] = original.values[from + offset] }
      }
    }
  }

  /// The context with probabilities read through `weight`, whatever the mask says.
  func rawContext(
    _ weight: (_ probabilities: Tensor<Double>, _ head: Int, _ row: Int, _ column: Int) -> Double
  ) -> Tensor<Double> {
    let (probabilities, value) = (activations[0], activations[1])
    let (heads, tokens, width) = (value.shape[0], value.shape[1], value.shape[2])
    var context = Tensor<Double>(repeating: 0, shape: [tokens, heads * width])
    for head in 0..<heads {
      for row in 0..<tokens {
        for column in 0..<tokens {
          let factor = weight(probabilities, head, row, column)
          guard factor != 0 else { continue }
          for unit in 0..<width { context[row, head * width + unit] += factor * value[head, column, unit] }
        }
      }
    }
    return context
  }
}

extension Tensor<Double> {
  /// Rotary positions (Su and others 2021) in the half-split layout, on [H, T, d].
  func rotated(by positions: [Int]) -> Tensor<Double> {
    let half = shape[2] / 2
    var result = self
    for head in 0..<shape[0] {
      for token in 0..<shape[1] {
        for index in 0..<half {
          let angle = Double(positions[token]) * pow(10000, -Double(index) / Double(half))
          let (first, second) = (self[head, token, index], self[head, token, index + half])
          result[head, token, index] = first * cos(angle) - second * sin(angle)
          result[head, token, index + half] = second * cos(angle) + first * sin(angle)
        }
      }
    }
    return result
  }
}
