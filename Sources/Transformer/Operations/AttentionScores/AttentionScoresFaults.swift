import Foundation
import TouchstoneGraph
import TouchstoneModel

extension AttentionScores: Faulty {
  static let traits: FaultTraits = .contraction
  static let faults: [Fault] = scaleFaults + productFaults + biasFaults + sourceFaults

  private static let scaleFaults: [Fault] = [
    scale("no-scale", "scores are not divided by √d", "the scale is expected inside a kernel that has none") {
      _ in 1
    },
    scale(
      "scale-by-width", "scores are divided by √D instead of √d",
      "the model's width is taken for the head's"
    ) { site in 1 / Double(site.activations[0].shape[0] * site.headWidth).squareRoot() },
    scale("scale-twice", "scores are divided by √d twice", "queries are scaled, and the kernel scales again")
    {
      $0.rightScale * $0.rightScale
    },
    scale(
      "scale-without-root", "scores are divided by d instead of √d", "the square root is forgotten"
    ) { 1 / Double($0.headWidth) },
    scale(
      "scale-by-layer", "scores are divided by the layer's number too", "an option of another model is on"
    ) { $0.rightScale / Double(($0.operation.output.block?.index ?? 0) + 1) },
    scale("scale-in-half", "1/√d is rounded to float16", "the constant is kept in half precision") {
      NumberFormat.float16.round($0.rightScale)
    },
    scale(
      "scale-by-length", "scores are divided by √T instead of √d", "the wrong axis's extent is taken"
    ) { 1 / Double($0.inputs.count).squareRoot() },
  ]

  /// Scores with another factor.
  private static func scale(
    _ id: String, _ name: String, _ practice: String, _ factor: @escaping @Sendable (FaultSite) -> Double
  ) -> Fault {
    Fault("attention.\(id)", name, .attention, of: AttentionScores.self, practice: practice) { scores, site in
      site.evaluated(as: AttentionScores(scale: factor(site), visibility: scores.visibility))
    }
  }

  private static let productFaults: [Fault] = [
    Fault(
      "attention.key-not-transposed", "keys are read as if stored transposed", .attention,
      at: .of(AttentionScores.self), practice: "a layout of [H, d, T] is assumed where [H, T, d] is stored"
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
      "attention.query-key-exchanged", "queries and keys are exchanged", .attention,
      at: .of(AttentionScores.self),
      practice: "the two arguments of a product are in the wrong order"
    ) { site in
      guard site.activations[0].shape == site.activations[1].shape else { return nil }
      return site.evaluated(
        activations: [site.activations[1], site.activations[0]] + site.activations.dropFirst(2))
    },
    Fault(
      "attention.key-of-next-head", "each head reads the next head's keys", .attention,
      at: .of(AttentionScores.self), practice: "an index of grouped heads is off by one"
    ) { site in site.withHeads(of: 1) { ($0 + 1) % $1 } },
    Fault(
      "attention.key-of-first-head", "every head reads the first head's keys", .attention,
      at: .of(AttentionScores.self), practice: "multi-query code runs a model that has one key per head"
    ) { site in site.withHeads(of: 1) { _, _ in 0 } },
    Fault(
      "attention.key-of-head-pair", "two heads share the keys of the first of them", .attention,
      at: .of(AttentionScores.self), practice: "grouped-query code with the wrong number of groups"
    ) { site in site.withHeads(of: 1) { head, _ in head / 2 * 2 } },
    Fault(
      "attention.key-of-head-modulo", "heads share keys in turns instead of in groups", .attention,
      at: Place.of(AttentionScores.self).filtered { $1.sharesHeads($0) },
      practice: "keys are repeated as a whole instead of each by itself"
    ) { site in site.withHeadsInTurns(of: 1, count: site.activations[0].shape[0]) },
    Fault(
      "attention.key-of-last-repeated", "the last head reads the keys of the one before", .attention,
      at: Place.of(AttentionScores.self).filtered { $1.sharesHeads($0) },
      practice: "one head of keys too few"
    ) { site in site.withHeads(of: 1) { min($0, $1 - 2) } },
    Fault(
      "attention.scale-by-model-head", "scores are divided by √(D/H) instead of √d", .attention,
      at: Place.of(AttentionScores.self).filtered { operation, graph in
        let query = operation.inputs.first.flatMap { graph.shape(of: $0, tokenCount: 1) } ?? []
        return query.count == 3 && query[0] * query[2] != graph.streamWidth
      },
      practice: "head_dim is not read"
    ) { site in
      let scale = (Double(site.activations[0].shape[0]) / Double(site.graph.streamWidth)).squareRoot()
      return (site.operation.kind.payload as? AttentionScores).map {
        site.evaluated(as: AttentionScores(scale: scale, visibility: $0.visibility))
      }
    },
    Fault(
      "attention.soft-cap-50", "scores are capped by 50·tanh(s/50)", .attention,
      at: .of(AttentionScores.self),
      practice: "an option of another model family is on"
    ) { site in site.edited { $0.values = $0.values.map { $0.isFinite ? 50 * tanh($0 / 50) : $0 } } },
    Fault(
      "attention.alibi", "scores carry a penalty for distance", .attention, at: .of(AttentionScores.self),
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
      at: .of(AttentionScores.self), practice: "the positions of another model family are on"
    ) { site in
      guard site.headWidth > 1, !site.operation.readsSource else { return nil }
      return site.evaluated(
        activations: site.activations.prefix(2).map { $0.rotated(by: site.inputs.positionIDs) }
          + site.activations.dropFirst(2))
    },
  ]
}

extension Graph {
  /// The bias by distance of the stack that attends to a source.
  fileprivate var distances: (operation: TouchstoneGraph.Operation, kind: RelativeBias)? {
    operations.lazy.compactMap { operation in
      guard case .relativeBias(let kind) = operation.kind, !kind.ofSource else { return nil }
      return (operation, kind)
    }.first
  }
}

extension AttentionScores {
  /// Of attention to the source, in models whose own scores have a bias by distance.
  fileprivate static let sourceFaults: [Fault] = [
    distances("bias-on-source", "the bias by distance is added to scores of the source too") { $0 },
    distances(
      "bias-on-source-both-ways", "the bias by distance is added to scores of the source too, both ways"
    ) {
      RelativeBias(
        buckets: $0.buckets, greatestDistance: $0.greatestDistance, isBothWays: !$0.isBothWays,
        ofSource: false)
    },
  ]

  private static func distances(
    _ id: String, _ name: String, _ kind: @escaping @Sendable (RelativeBias) -> RelativeBias
  ) -> Fault {
    let place = Place.of(AttentionScores.self).filtered { $0.readsSource && $1.distances != nil }
    return Fault("attention.\(id)", name, .attention, at: place, practice: "one module attends to both") {
      site in
      guard let distances = site.graph.distances,
        let table = site.parameter(distances.operation.parameters[0].parameter)
      else { return nil }
      let kind = kind(distances.kind)
      guard kind.exact > 0, kind.greatestDistance > kind.exact else { return nil }
      return site.edited { scores in
        for offset in scores.values.indices {
          let index = scores.index(of: offset)
          scores.values[offset] += table[kind.bucket(of: index[2] - index[1]), index[0]]
        }
      }
    }
  }

  /// Of what is added to the scaled products.
  fileprivate static let biasFaults: [Fault] = [
    bias("missing", "the bias is not added", "a fused attention kernel takes none") { _, _ in 0 },
    bias("scaled", "the bias is scaled with the products", "(q·k + b)/√d for q·k/√d + b") { $1.scale * $0 },
    bias("twice", "the bias is added twice", "mask and kernel both hold it") { bias, _ in 2 * bias },
    bias("subtracted", "the bias is subtracted", "a sign") { bias, _ in -bias },
    bias("in-bfloat16", "the bias is rounded to bfloat16", "it is kept in the type of a mask") { bias, _ in
      NumberFormat.bfloat16.round(bias)
    },
    Fault(
      "attention.bias-of-first-head", "every head takes the first head's bias", .attention, at: biased,
      practice: "a broadcast over heads"
    ) { site in
      guard site.activations[2].shape[0] > 1 else { return nil }
      return site.evaluated(changing: 2) { bias in
        let size = bias.count / bias.shape[0]
        bias.values = (0..<bias.count).map { bias.values[$0 % size] }
      }
    },
  ]

  private static let biased = Place.of(AttentionScores.self).filtered { operation, _ in
    operation.inputs.count == 3
  }

  private static func bias(
    _ id: String, _ name: String, _ practice: String,
    _ change: @escaping @Sendable (Double, AttentionScores) -> Double
  ) -> Fault {
    Fault("attention.bias-\(id)", name, .attention, at: biased, practice: practice) { site in
      guard let own = site.operation.kind.payload as? AttentionScores else { return nil }
      return site.evaluated(changing: 2) { $0.values = $0.values.map { change($0, own) } }
    }
  }
}

extension FaultSite {
  /// d: how many numbers a query has.
  fileprivate var headWidth: Int { activations[0].rowWidth }

  /// 1/√d, the factor that most models have.
  fileprivate var rightScale: Double { 1 / Double(headWidth).squareRoot() }

  /// The operation's value where head h of `count` reads head h mod KV of one input instead of ⌊h·KV/H⌋.
  func withHeadsInTurns(of index: Int, count: Int) -> Tensor<Double> {
    evaluated(changing: index) { shared in
      let size = shared.shape[1] * shared.shape[2]
      let values = (0..<count).flatMap { head in
        shared.values[head % shared.shape[0] * size..<(head % shared.shape[0] + 1) * size]
      }
      shared = Tensor(values, shape: [count] + shared.shape[1...])
    }
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

extension AttentionScores {
  static let readings: [Reading] = [
    Reading("attention.other-scale", .attention, of: AttentionScores.self) { own, site, got in
      let products = site.evaluated(
        as: AttentionScores(scale: 1, visibility: own.visibility),
        activations: Array(site.activations.prefix(2)))
      let bias = site.activations.dropFirst(2).first
      let scaled = bias.map { zip(got.values, $0.values).map { $0 - $1 } } ?? got.values
      guard let scale = quotient(of: scaled, on: products.values), scale != 0 else { return [] }
      let layer = Double((site.operation.output.block?.index ?? 0) + 1)
      let ofHead = 1 / Double(site.activations[0].rowWidth).squareRoot()
      if layer > 1, abs(own.scale * layer / ofHead - 1) < 1e-9, abs(scale / ofHead - 1) < 1e-4 {
        return [
          Reading.Guess("scores are not divided by the layer's number") { site in
            site.evaluated(as: AttentionScores(scale: ofHead, visibility: own.visibility))
          }
        ]
      }
      return Reading.factors(near: scale).map { name, scale in
        Reading.Guess("scores are scaled by \(name) instead of \(words(own.scale))", numbers: 1) { site in
          site.evaluated(as: AttentionScores(scale: scale, visibility: own.visibility))
        }
      }
    },
    Reading("attention.other-bias-scale", .attention, of: AttentionScores.self) { own, site, got in
      guard let bias = site.activations.dropFirst(2).first else { return [] }
      let products = site.evaluated(activations: Array(site.activations.prefix(2)))
      let rest = zip(got.values, products.values).map { $0 - $1 }
      guard let scale = quotient(of: rest, on: bias.values) else { return [] }
      return Reading.factors(near: scale).map { name, scale in
        Reading.Guess("the bias on scores is multiplied by \(name)", numbers: 1) { site in
          site.evaluated(changing: 2) { $0.values = $0.values.map { $0 * scale } }
        }
      }
    },
  ]
}
