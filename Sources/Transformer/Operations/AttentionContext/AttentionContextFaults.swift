import TouchstoneGraph
import TouchstoneModel

extension AttentionContext: Faulty {
  static let traits: FaultTraits = .contraction
  static let faults: [Fault] = [
    Fault(
      "heads.context-reversed", "heads are joined in reverse order", .heads, at: .of(AttentionContext.self),
      practice: "a layout is written from its end"
    ) { site in site.rearrangedContext { head, column, heads, width in (heads - 1 - head) * width + column }
    },
    Fault(
      "heads.context-interleaved", "heads are joined column by column", .heads,
      at: .of(AttentionContext.self),
      practice: "[T, d, H] is written where [T, H, d] is read"
    ) { site in site.rearrangedContext { head, column, heads, width in column * heads + head } },
    Fault(
      "attention.value-of-next-head", "each head reads the next head's values", .attention,
      at: .of(AttentionContext.self), practice: "an index of grouped heads is off by one"
    ) { site in site.withHeads(of: 1) { ($0 + 1) % $1 } },
    Fault(
      "attention.value-of-first-head", "every head reads the first head's values", .attention,
      at: .of(AttentionContext.self), practice: "multi-query code runs a model that has one value per head"
    ) { site in site.withHeads(of: 1) { _, _ in 0 } },
    Fault(
      "attention.value-of-head-modulo", "heads share values in turns instead of in groups", .attention,
      at: Place.of(AttentionContext.self).filtered { $1.sharesHeads($0) },
      practice: "values are repeated as a whole instead of each by itself"
    ) { site in site.withHeadsInTurns(of: 1, count: site.activations[0].shape[0]) },
    Fault(
      "attention.value-of-last-repeated", "the last head reads the values of the one before", .attention,
      at: Place.of(AttentionContext.self).filtered { $1.sharesHeads($0) },
      practice: "one head of values too few"
    ) { site in site.withHeads(of: 1) { min($0, $1 - 2) } },
    Fault(
      "attention.probabilities-transposed", "probabilities are read transposed", .attention,
      at: .of(AttentionContext.self), practice: "row and column strides are exchanged"
    ) { site in
      guard site.activations[0].shape[1] == site.activations[0].shape[2] else { return nil }
      return site.rawContext { probabilities, head, row, column in probabilities[head, column, row] }
    },
    Fault(
      "attention.mean-of-values", "the context is divided by the number of keys", .attention,
      at: .of(AttentionContext.self), practice: "a mean is taken for a weighted sum"
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
  /// The context with heads joined by another rule.
  fileprivate func rearrangedContext(_ target: (Int, Int, Int, Int) -> Int) -> Tensor<Double>? {
    let (heads, width) = (activations[0].shape[0], activations[1].rowWidth)
    guard heads > 1 else { return nil }
    return edited { context in
      let original = context
      for row in 0..<context.rowCount {
        for head in 0..<heads {
          for column in 0..<width {
            context[row, target(head, column, heads, width)] = original[row, head * width + column]
          }
        }
      }
    }
  }

  /// The context with probabilities read through `weight`, whatever the mask says.
  func rawContext(
    _ weight: (_ probabilities: Tensor<Double>, _ head: Int, _ row: Int, _ column: Int) -> Double
  ) -> Tensor<Double> {
    let (probabilities, value) = (activations[0], activations[1])
    let (heads, tokens, width) = (probabilities.shape[0], probabilities.shape[1], value.shape[2])
    var context = Tensor<Double>(repeating: 0, shape: [tokens, heads * width])
    for head in 0..<heads {
      let valueHead = head * value.shape[0] / heads
      for row in 0..<tokens {
        for column in 0..<value.shape[1] {
          let factor = weight(probabilities, head, row, column)
          guard factor != 0 else { continue }
          for unit in 0..<width {
            context[row, head * width + unit] += factor * value[valueHead, column, unit]
          }
        }
      }
    }
    return context
  }
}
