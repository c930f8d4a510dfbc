import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension AttentionProbabilities: Faulty {
  static let traits: FaultTraits = .softmax
  static let faults: [Fault] = visibilityFaults + maskingFaults + sinkFaults

  /// Other rules of which keys a query sees, by key and query.
  static let visibilities: [Visible] = [
    Visible("one-later", "each query also sees the next key", "j <= i + 1 for j <= i") { $0 <= $1 + 1 },
    Visible("one-earlier", "no query sees its own key", "j < i for j <= i") { $0 < max($1, 1) },
    Visible("none", "every query sees every key", "the causal mask is not applied") { _, _ in true },
    Visible("reversed", "queries see later keys instead of earlier ones", "triu for tril") { $0 >= $1 },
    Visible("window-4", "queries see the last four keys only", "a sliding window is on") {
      $0 <= $1 && $0 > $1 - 4
    },
    Visible("window-8", "queries see the last eight keys only", "a sliding window is on") {
      $0 <= $1 && $0 > $1 - 8
    },
    Visible(
      "blocks-of-4", "the mask is right to blocks of four only", "a tiled kernel masks whole tiles"
    ) { $0 / 4 <= $1 / 4 },
    Visible("first-key-hidden", "no query but the first sees the first key", "a loop starts at 1") {
      $0 <= $1 && $0 >= min($1, 1)
    },
  ]

  private static let visibilityFaults = visibilities.map { other in
    Fault(
      "mask.\(other.id)", other.name, .mask, of: AttentionProbabilities.self, practice: other.practice
    ) { _, site in site.probabilities(other.isVisible) }
  }

  private static let maskingFaults: [Fault] = [
    Fault(
      "mask.causal", "no query sees a later key", .mask,
      at: Place.of(AttentionProbabilities.self).filtered { operation, _ in
        (operation.kind.payload as? AttentionProbabilities)?.visibility.isCausal == false
      },
      practice: "the mask of a decoder is on"
    ) { site in
      guard let own = site.operation.kind.payload as? AttentionProbabilities else { return nil }
      return site.probabilities { $0 <= $1 && own.visibility.allows(key: $0, from: $1) }
    },
    Fault(
      "mask.padding-ignored", "masked keys are attended to", .mask, of: AttentionProbabilities.self,
      practice: "the padding mask is not handed to the kernel"
    ) { own, site in
      guard site.keyMask?.contains(false) == true else { return nil }
      return site.probabilities(ignoringPadding: true) { own.visibility.allows(key: $0, from: $1) }
    },
    Fault(
      "mask.padding-only", "the padding mask replaces the causal one", .mask, of: AttentionProbabilities.self,
      practice: "giving a mask switches the causal one off"
    ) { _, site in
      guard site.keyMask?.contains(false) == true else { return nil }
      return site.probabilities { _, _ in true }
    },
    Fault(
      "mask.minus-ten-thousand", "masked scores get −10,000 added instead of −∞", .mask,
      of: AttentionProbabilities.self, practice: "a finite mask from half-precision code"
    ) { own, site in site.probabilities(own, maskedBy: { $0 - 10_000 }) },
    Fault(
      "mask.by-multiplication", "masked scores are set to 0", .mask, of: AttentionProbabilities.self,
      practice: "the mask is multiplied instead of added"
    ) { own, site in site.probabilities(own, maskedBy: { _ in 0 }) },
    Fault(
      "mask.replaced", "masked scores are replaced by −10,000", .mask, of: AttentionProbabilities.self,
      practice: "a finite mask that is written over the scores"
    ) { own, site in site.probabilities(own, maskedBy: { _ in -10_000 }) },
    Fault(
      "mask.minus-one", "masked scores get −1 added", .mask, of: AttentionProbabilities.self,
      practice: "a mask of zeros and ones is added as it is"
    ) { own, site in site.probabilities(own, maskedBy: { $0 - 1 }) },
    Fault(
      "mask.after-softmax", "probabilities are masked but not normalised again", .mask,
      of: AttentionProbabilities.self, practice: "the mask is applied after softmax"
    ) { own, site in
      guard let all = site.probabilities({ _, _ in true }) else { return nil }
      let (tokens, keys) = (site.inputs.count, all.rowWidth)
      var masked = all
      for offset in masked.values.indices
      where !site.inputs.isVisible(
        key: offset % keys, from: offset / keys % tokens, under: own.visibility)
      {
        masked.values[offset] = 0
      }
      return masked
    },
  ]
}

extension AttentionProbabilities {
  fileprivate static let sinkFaults: [Fault] = [
    sink("missing", "heads have no sink", "a fused attention kernel knows none") { _, _ in nil },
    sink("zero", "the sinks are 0", "an off-by-one softmax, whose sum starts at e⁰") { _, _ in 0 },
    sink("of-first-head", "every head has the first head's sink", "a broadcast over heads") { sinks, _ in
      sinks[0]
    },
    sink("of-next-head", "each head has the next head's sink", "an index is off by one") { sinks, head in
      sinks[(head + 1) % sinks.count]
    },
    sink("negated", "the sinks are subtracted", "a sign") { sinks, head in -sinks[head] },
    Fault(
      "sink.scaled", "the sinks are scaled with the scores", .softmax, at: withSinks,
      practice: "they are joined to the products before those are scaled"
    ) { site in
      let made = site.graph.pairs(readBy: site.operation).first?.kind.payload as? AttentionScores
      return made.map { made in
        site.evaluated(changingParameter: 0) { $0.values = $0.values.map { $0 * made.scale } }
      }
    },
    Fault(
      "sink.with-a-value", "the weights add up to 1 without the sink", .softmax, at: withSinks,
      practice: "the sink's weight is dealt out to the keys"
    ) { site in
      site.edited { weights in
        for row in 0..<weights.rowCount {
          let total = weights.row(row).reduce(0, +)
          for column in 0..<weights.rowWidth where total > 0 { weights[row, column] /= total }
        }
      }
    },
  ]

  private static let withSinks = Place.of(AttentionProbabilities.self).filtered { operation, _ in
    !operation.parameters.isEmpty
  }

  /// Other sinks, by those of all heads and the head; nil for none.
  private static func sink(
    _ id: String, _ name: String, _ practice: String, _ other: @escaping @Sendable ([Double], Int) -> Double?
  ) -> Fault {
    Fault("sink.\(id)", name, .softmax, at: withSinks, practice: practice) { site in
      let sinks = site.parameters[0].values
      let others = sinks.indices.map { other(sinks, $0) ?? -.infinity }
      return site.evaluated(changingParameter: 0) { $0.values = others }
    }
  }
}

/// A rule of which keys a query sees.
struct Visible: Sendable {
  let id: String
  let name: String
  let practice: String
  /// By key and query.
  let isVisible: @Sendable (Int, Int) -> Bool

  init(
    _ id: String, _ name: String, _ practice: String, _ isVisible: @escaping @Sendable (Int, Int) -> Bool
  ) {
    self.id = id
    self.name = name
    self.practice = practice
    self.isVisible = isVisible
  }
}

extension FaultSite {
  /// Which keys may be attended to; nil where all may be.
  var keyMask: [Bool]? {
    let visibility = (operation.kind.payload as? AttentionProbabilities)?.visibility
    return visibility?.readsSource == true ? inputs.source?.attentionMask : inputs.attentionMask
  }

  /// Weights by a rule of one row of scores, among which the head's sink is where there is one.
  func weights(
    _ scores: [Double], row: Int, _ rule: ([Double]) -> [Double] = { $0.softmax() }
  ) -> [Double] {
    guard let sinks = site.operands.parameters.first, operation.kind.payload is AttentionProbabilities else {
      return rule(scores)
    }
    return rule(scores + [sinks[row / inputs.count]]).dropLast()
  }

  /// Every score, visible or not, as an implementation has it before it masks.
  func unmaskedScores() -> Tensor<Double>? {
    var pairs = graph.pairs(readBy: operation)[...]
    guard let products = pairs.popFirst(), var read = activations.first,
      let recorded = pairs.isEmpty ? read : activation(products.output),
      var scores = unmasked(recorded, products)
    else { return nil }
    // What is done to them before they become weights is done to all.
    for operation in pairs {
      let others = operation.inputs.dropFirst().compactMap(activation)
      guard others.count + 1 == operation.inputs.count, operation.parameters.isEmpty else { return nil }
      scores = operation.kind.value(Operands([scores] + others), in: inputs)
    }
    for offset in read.values.indices where !read.values[offset].isFinite {
      read.values[offset] = scores.values[offset]
    }
    return read
  }

  /// Products of queries and keys, computed where they are masked.
  private func unmasked(_ recorded: Tensor<Double>, _ operation: Operation) -> Tensor<Double>? {
    guard let made = operation.kind.payload as? AttentionScores, let query = activation(operation.inputs[0]),
      let key = activation(operation.inputs[1])
    else { return nil }
    let bias = operation.inputs.dropFirst(2).first.map(activation)
    if let bias, bias == nil { return nil }
    var scores = recorded
    let (tokens, keys) = (inputs.count, key.shape[1])
    for offset in scores.values.indices where !scores.values[offset].isFinite {
      let (head, row, column) = (offset / (tokens * keys), offset / keys % tokens, offset % keys)
      let keyHead = head * key.shape[0] / scores.shape[0]
      let (q, k) = (query.row(head * tokens + row), key.row(keyHead * keys + column))
      scores.values[offset] =
        made.scale * zip(q, k).reduce(0) { $0 + $1.0 * $1.1 } + (bias??.values[offset] ?? 0)
    }
    return scores
  }

  /// Attention probabilities under another mask, given as a predicate of key and query.
  func probabilities(
    ignoringPadding: Bool = false, _ isVisible: (Int, Int) -> Bool
  ) -> Tensor<Double>? {
    guard let scores = unmaskedScores() else { return nil }
    let (tokens, mask) = (inputs.count, keyMask)
    var probabilities = Tensor<Double>(repeating: 0, shape: scores.shape)
    for row in 0..<scores.rowCount {
      let visible = (0..<scores.rowWidth).filter { key in
        isVisible(key, row % tokens) && (ignoringPadding || mask?[key] ?? true)
      }
      for (column, weight) in zip(visible, weights(visible.map { scores[row, $0] }, row: row)) {
        probabilities[row, column] = weight
      }
    }
    return probabilities
  }

  /// Attention probabilities where masked scores are changed instead of left out.
  func probabilities(
    _ own: AttentionProbabilities, maskedBy change: (Double) -> Double
  ) -> Tensor<Double>? {
    guard let scores = unmaskedScores() else { return nil }
    let tokens = inputs.count
    let rows = (0..<scores.rowCount).flatMap { row in
      weights(
        (0..<scores.rowWidth).map { column in
          let score = scores[row, column]
          let isVisible = inputs.isVisible(key: column, from: row % tokens, under: own.visibility)
          return isVisible ? score : change(score)
        }, row: row)
    }
    return Tensor(rows, shape: scores.shape)
  }
}
