import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Fault {
  /// Rotations of the right positions: by other angles, of other columns, or of something else.
  static let rotaryFaults = angleFaults + pairFaults + rotaryPrecisionFaults + placeFaults

  private static let angleFaults: [Fault] = [
    rotation(
      "exponent-halved", "ω is θ^(−p/r)", "pairs are counted where columns are, and the 2 is left out"
    ) { own in
      own.with(RotaryFrequencies(theta: own.frequencies.theta.squareRoot(), scaling: own.frequencies.scaling))
    },
    rotation("exponent-doubled", "ω is θ^(−4p/r)", "half the width is taken for the width") { own in
      let theta = own.frequencies.theta
      return own.with(RotaryFrequencies(theta: theta * theta, scaling: own.frequencies.scaling))
    },
    pairs("next-frequency", "each pair turns as fast as the next", "frequencies are counted from 1") { pair in
      pair.turned(by: pair.position * pair.frequencies[min(pair.index + 1, pair.frequencies.count - 1)])
    },
    pairs("frequencies-reversed", "the first pair turns slowest", "a table is filled from its end") { pair in
      pair.turned(by: pair.position * pair.frequencies[pair.frequencies.count - 1 - pair.index])
    },
    pairs(
      "ramp-reversed", "what is to be stretched is not, and the reverse", "the ends of a blend are exchanged"
    ) {
      pair in
      let (own, count) = (pair.kind.frequencies, Double(pair.frequencies.count))
      switch own.scaling {
      case .llama3(let factor, _, _, _), .yarn(let factor, _, _, _, _):
        let plain = pow(own.theta, -Double(pair.index) / count)
        return pair.turned(by: pair.position * (plain + plain / factor - pair.frequencies[pair.index]))
      default: return nil
      }
    },
    pairs("by-row", "tokens stand where they are in the sequence", "position ids are not read") { pair in
      pair.turned(by: Double(pair.token) * pair.frequencies[pair.index])
    },
    pairs("by-head", "angles grow with the head", "two axes are exchanged") { pair in
      pair.turned(by: Double(pair.head) * pair.frequencies[pair.index])
    },
    pairs("partial", "half of the pairs stay as they are", "an option of another model family is on") {
      pair in
      pair.index < pair.frequencies.count / 2 ? pair.turned(by: pair.angle) : (pair.a, pair.b)
    },
  ]

  private static let pairFaults: [Fault] = [
    pairs(
      "sine-unsigned", "both products with the sine are added", "the minus of the turned half is left out"
    ) {
      let (cosine, sine) = $0.factors($0.angle)
      return ($0.a * cosine + $0.b * sine, $0.b * cosine + $0.a * sine)
    },
    pairs("cosine-sine-exchanged", "cosine and sine are exchanged", "two tables in the wrong order") {
      let (cosine, sine) = $0.factors($0.angle)
      return ($0.a * sine - $0.b * cosine, $0.b * sine + $0.a * cosine)
    },
    pairs("cosine-alone", "only the products with the cosine are taken", "a kernel is half finished") {
      let (cosine, _) = $0.factors($0.angle)
      return ($0.a * cosine, $0.b * cosine)
    },
    pairs(
      "table-interleaved", "the table of angles has the other layout than the pairs",
      "each frequency is repeated where all are, or the reverse"
    ) { pair in
      let count = pair.frequencies.count
      func angle(_ column: Int) -> Double {
        pair.position * pair.frequencies[pair.isInHalves ? column / 2 : column % count]
      }
      let (first, second) = pair.isInHalves ? (0, count) : (pair.index, pair.index + 1)
      return (
        pair.turned(by: angle(pair.index + first)).0, pair.turned(by: angle(pair.index + second)).1
      )
    },
    Fault(
      "rotary.columns-shifted", "pairs begin one column late", .embedding, of: Rotate.self,
      practice: "an offset into a head is off by one"
    ) { own, site in
      guard own.width == site.activations[0].rowWidth else { return nil }
      return site.evaluated(changing: 0) { $0 = $0.turningColumns(by: 1) }.turningColumns(by: -1)
    },
    pairs("magnitude-squared", "cosine and sine are scaled twice", "table and kernel both apply the factor") {
      $0.magnitude == 1 ? nil : scaled($0.turned(by: $0.angle), by: $0.magnitude)
    },
    pairs("magnitude-on-cosine", "only the cosine is scaled", "one of two tables is forgotten") {
      guard $0.magnitude != 1 else { return nil }
      let (cosine, sine) = $0.factors($0.angle)
      return ($0.a * cosine - $0.b * sine / $0.magnitude, $0.b * cosine + $0.a * sine / $0.magnitude)
    },
  ]

  private static let rotaryPrecisionFaults: [Fault] = [
    ("half", NumberFormat.float16), ("bfloat16", .bfloat16),
  ]
  .flatMap { id, format in
    [
      pairs(
        "table-in-\(id)", "cosines and sines are rounded to \(format.name)", "a table is cast", .precision
      ) {
        let (cosine, sine) = $0.factors($0.angle)
        let (c, s) = (format.round(cosine), format.round(sine))
        return ($0.a * c - $0.b * s, $0.b * c + $0.a * s)
      },
      pairs(
        "products-in-\(id)", "the products with cosine and sine are rounded to \(format.name)",
        "each step is stored in the type of the model", .precision
      ) {
        let (cosine, sine) = $0.factors($0.angle)
        func product(_ x: Double, _ y: Double) -> Double { format.round(x * y) }
        return (
          product($0.a, cosine) - product($0.b, sine), product($0.b, cosine) + product($0.a, sine)
        )
      },
    ]
  }

  /// Where what is rotated is read.
  private static let placeFaults: [Fault] = [
    Fault(
      "cache.key-before-rotation", "keys: read as they were before the rotation", .cache, at: rotatedScores,
      practice: "the cache is written before the rotation, and its reader does not rotate"
    ) { site in site.unrotated(1) },
    Fault(
      "rotary.query-before-rotation", "queries are read as they were before the rotation", .embedding,
      at: rotatedScores, practice: "the rotated copy is not used"
    ) { site in site.unrotated(0) },
    Fault(
      "cache.key-rotated-again", "keys: rotated when they are read, too", .cache, at: rotatedScores,
      practice: "the cache holds rotated keys, and its reader rotates"
    ) { site in
      guard let rotate = site.graph.rotation(of: site.operation.inputs[1]) else { return nil }
      return site.evaluated(changing: 1) {
        $0 = rotate.value(Operands([$0], parameters: []), in: site.inputs)
      }
    },
    Fault(
      "rotary.of-values", "values are rotated, too", .embedding, at: rotatedContexts,
      practice: "the joint projection is rotated whole"
    ) { site in
      guard let scores = site.graph.scores(of: site.operation),
        let rotate = site.graph.rotation(of: scores.inputs[1]), rotate.width <= site.activations[1].rowWidth
      else { return nil }
      return site.evaluated(changing: 1) {
        $0 = rotate.value(Operands([$0], parameters: []), in: site.inputs)
      }
    },
    Fault(
      "attention.scale-by-magnitude", "scores are scaled by the rotation's factor besides", .attention,
      at: rotatedScores.filtered { operation, graph in
        graph.rotation(of: operation.inputs[1])?.magnitude ?? 1 != 1
      },
      practice: "DeepSeek's way with yarn in a model that scales cosine and sine"
    ) { site in
      let magnitude = site.graph.rotation(of: site.operation.inputs[1])?.magnitude ?? 1
      return site.edited { $0.values = $0.values.map { $0 * magnitude * magnitude } }
    },
  ]

  private static let rotatedScores = Place.of(AttentionScores.self).filtered { operation, graph in
    operation.inputs.contains { graph.rotation(of: $0) != nil }
  }

  private static let rotatedContexts = Place.of(AttentionContext.self).filtered { operation, graph in
    graph.scores(of: operation).map { rotatedScores.contains($0, graph) } ?? false
  }

  private static func scaled(_ pair: (Double, Double), by factor: Double) -> (Double, Double) {
    (pair.0 * factor, pair.1 * factor)
  }

  /// Another rotation.
  private static func rotation(
    _ id: String, _ name: String, _ practice: String, _ other: @escaping @Sendable (Rotate) -> Rotate
  ) -> Fault {
    Fault("rotary.\(id)", name, .embedding, of: Rotate.self, practice: practice) { own, site in
      site.evaluated(as: other(own))
    }
  }

  /// Another rule for every pair; nil where it cannot be.
  private static func pairs(
    _ id: String, _ name: String, _ practice: String, _ family: Family = .embedding,
    _ rule: @escaping @Sendable (RotaryPair) -> (Double, Double)?
  ) -> Fault {
    Fault("rotary.\(id)", name, family, of: Rotate.self, practice: practice) { own, site in
      site.rotated(own, rule)
    }
  }
}

/// Two numbers of a head that turn together.
private struct RotaryPair {
  let (a, b): (Double, Double)
  let (token, head, index): (Int, Int, Int)
  let position: Double
  /// ω of every pair.
  let frequencies: [Double]
  let kind: Rotate

  var magnitude: Double { kind.magnitude }
  /// Whether the two stand half the columns apart.
  var isInHalves: Bool { kind.style == .half }
  var angle: Double { kind.direction * position * frequencies[index] }

  func factors(_ angle: Double) -> (cosine: Double, sine: Double) {
    (magnitude * cos(angle), magnitude * sin(angle))
  }

  func turned(by angle: Double) -> (Double, Double) {
    let (cosine, sine) = factors(angle)
    return (a * cosine - b * sine, b * cosine + a * sine)
  }
}

extension FaultSite {
  /// The rotation with every pair made by another rule.
  fileprivate func rotated(_ own: Rotate, _ rule: (RotaryPair) -> (Double, Double)?) -> Tensor<Double>? {
    let (x, positions) = (activations[0], inputs.positionIDs)
    let frequencies = own.frequencies.values(
      pairs: own.width / 2, sequenceLength: (positions.max() ?? 0) + 1)
    var y = x
    for head in 0..<x.shape[0] {
      for token in 0..<x.shape[1] {
        for pair in 0..<own.width / 2 {
          let (from, to) = own.columns(of: pair)
          let numbers = RotaryPair(
            a: x[head, token, from.0], b: x[head, token, from.1], token: token, head: head, index: pair,
            position: Double(positions[token]), frequencies: frequencies, kind: own)
          guard let turned = rule(numbers) else { return nil }
          (y[head, token, to.0], y[head, token, to.1]) = turned
        }
      }
    }
    return y
  }

  /// The scores where one of the two is read before its rotation.
  fileprivate func unrotated(_ index: Int) -> Tensor<Double>? {
    guard let rotate = graph.operation(making: operation.inputs[index]), rotate.kind.payload is Rotate,
      let before = rotate.inputs.first.flatMap(activation)
    else { return nil }
    return evaluated(changing: index) { $0 = before }
  }
}

extension Graph {
  /// The rotation that makes an activation.
  fileprivate func rotation(of activation: Activation) -> Rotate? {
    operation(making: activation)?.kind.payload as? Rotate
  }

  /// The scores behind what a context weighs by.
  fileprivate func scores(of context: TouchstoneGraph.Operation) -> TouchstoneGraph.Operation? {
    source(of: context).flatMap { $0.kind.payload is AttentionScores ? $0 : source(of: $0) }
  }
}

extension Tensor<Double> {
  /// Every row with its columns moved round by so many places.
  fileprivate func turningColumns(by count: Int) -> Tensor<Double> {
    var turned = self
    for row in 0..<rowCount {
      turned.setRow(row) { self[row, ($0 + count + rowWidth) % rowWidth] }
    }
    return turned
  }
}
