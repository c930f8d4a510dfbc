import TouchstoneModel
import TouchstoneReference

extension Fault {
  static let attentionFaults: [Fault] = [
    Fault(
      "attention.no-scale", "scores are not divided by √d", .attention, at: [.attentionScores],
      practice: "the scale is forgotten, or expected inside a kernel that does not apply it"
    ) { $0.scores(scale: 1) },
    Fault(
      "attention.scale-by-width", "scores are divided by √D instead of √d", .attention,
      at: [.attentionScores],
      practice: "the model's width is taken for the head's"
    ) { site in site.scores(scale: 1 / Double(site.configuration.width).squareRoot()) },
    Fault(
      "attention.scale-twice", "scores are divided by √d twice", .attention, at: [.attentionScores],
      practice: "queries are scaled, and the kernel scales again"
    ) { site in site.scale.flatMap { site.scores(scale: $0 * $0) } },
    Fault(
      "attention.scale-without-root", "scores are divided by d instead of √d", .attention,
      at: [.attentionScores], practice: "the square root is forgotten"
    ) { site in site.scores(scale: 1 / Double(site.configuration.headWidth)) },
    Fault(
      "attention.key-not-transposed", "keys are read as if stored transposed", .attention,
      at: [.attentionScores], practice: "a layout of [H, d, T] is assumed where [H, T, d] is stored"
    ) { site in
      site.evaluated(changing: 1) { key in
        let (tokens, width) = (key.shape[1], key.shape[2])
        let original = key
        for head in 0..<key.shape[0] {
          let first = head * tokens * width
          for token in 0..<tokens {
            for column in 0..<width {
              key.values[first + token * width + column] = original.values[first + column * tokens + token]
            }
          }
        }
      }
    },
  ]

  static let maskFaults: [Fault] = [
    Fault(
      "mask.one-later", "each query also sees the next key", .mask, at: [.attentionProbabilities],
      practice: "j <= i + 1 for j <= i, or a mask shifted by the length of the cache"
    ) { $0.probabilities { key, query in key <= query + 1 } },
    Fault(
      "mask.one-earlier", "no query sees its own key", .mask, at: [.attentionProbabilities],
      practice: "j < i for j <= i"
    ) { $0.probabilities { key, query in key < max(query, 1) } },
  ]

  static let headFaults: [Fault] = [
    Fault(
      "heads.interleaved", "head h takes every H-th column instead of consecutive ones", .heads,
      at: [.query, .key, .value], practice: "[T, d, H] is assumed where [T, H, d] is stored"
    ) { site in
      guard site.configuration.headCount > 1, site.configuration.headWidth > 1 else { return nil }
      var value = site.evaluated()
      let original = value
      let (heads, tokens, width) = (value.shape[0], value.shape[1], value.shape[2])
      for head in 0..<heads {
        for token in 0..<tokens {
          for column in 0..<width {
            let flat = column * heads + head
            value[head, token, column] = original[flat / width, token, flat % width]
          }
        }
      }
      return value
    }
  ]

  static let cacheFaults: [Fault] = [
    Fault(
      "cache.stale-key", "the last key is that of the token before", .cache, at: [.attentionScores],
      practice: "the cache is read before the new row is written"
    ) { site in
      guard site.inputs.count > 1 else { return nil }
      return site.evaluated(changing: 1) {
        $0.copyRow(from: site.inputs.count - 2, to: site.inputs.count - 1)
      }
    },
    Fault(
      "cache.stale-value", "the last value is that of the token before", .cache, at: [.attentionContext],
      practice: "the cache is read before the new row is written"
    ) { site in
      guard site.inputs.count > 1 else { return nil }
      return site.evaluated(changing: 1) {
        $0.copyRow(from: site.inputs.count - 2, to: site.inputs.count - 1)
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

  /// The score of a pair, visible or not, as an implementation has it before it masks.
  func unmaskedScores() -> Tensor<Double>? {
    guard let query = sibling(.query), let key = sibling(.key), var scores = activations.first else {
      return nil
    }
    let scale = configuration.scoreScale(layer: operation.output.layer ?? 0)
    for offset in scores.values.indices where !scores.values[offset].isFinite {
      let index = scores.index(of: offset)
      let (q, k) = (
        query.row(index[0] * inputs.count + index[1]), key.row(index[0] * inputs.count + index[2])
      )
      scores.values[offset] = scale * zip(q, k).reduce(0) { $0 + $1.0 * $1.1 }
    }
    return scores
  }

  /// Attention probabilities under another mask.
  ///
  /// - Parameter isVisible: of a key and a query, the padding mask aside.
  func probabilities(_ isVisible: (Int, Int) -> Bool) -> Tensor<Double>? {
    guard let scores = unmaskedScores() else { return nil }
    let tokens = inputs.count
    var probabilities = Tensor<Double>(repeating: 0, shape: scores.shape)
    for row in 0..<scores.rowCount {
      let visible = (0..<tokens).filter { isVisible($0, row % tokens) && inputs.attentionMask?[$0] ?? true }
      for (column, weight) in zip(visible, softmax(visible.map { scores[row, $0] })) {
        probabilities[row, column] = weight
      }
    }
    return probabilities
  }
}

extension Tensor<Double> {
  /// Copies one row of every head of a [H, T, d] tensor over another.
  mutating func copyRow(from source: Int, to target: Int) {
    for head in 0..<shape[0] {
      for column in 0..<shape[2] { self[head, target, column] = self[head, source, column] }
    }
  }
}
