import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Fault {
  /// Mistakes of families whose blocks differ, that normalise heads or what a half makes, and that store several
  /// projections in one matrix.
  static let familyFaults = windowFaults + rotationFaults + headNormFaults + fusedFaults

  private static let windowFaults: [Fault] = [
    window("longer", "windows are one key longer", "i − j <= w for i − j < w") {
      $0 < .max ? $0 + 1 : nil
    },
    window("shorter", "windows are one key shorter", "a query is not counted as a key of its own") {
      $0 > 1 ? $0 - 1 : nil
    },
    window("missing", "there is no window", "sliding_window is not read") { _ in .max },
    Fault(
      "mask.window-everywhere", "a block without a window looks through another's", .mask,
      at: Place.of(AttentionProbabilities.self).filtered { operation, graph in
        operation.window == nil && graph.anyWindow != nil
      },
      practice: "one window for all blocks"
    ) { site in site.graph.anyWindow.flatMap { site.probabilities(through: $0) } },
  ]

  private static let rotationFaults: [Fault] = [
    Fault(
      "rotary.of-other-block", "heads are turned as another block's are", .embedding,
      at: Place.of(Rotate.self).filtered { $1.otherRotation(than: $0) != nil },
      practice: "one base for all blocks"
    ) { site in site.graph.otherRotation(than: site.operation).map { site.evaluated(as: $0) } },
    Fault(
      "rotary.before-norm", "heads are turned before they are normalised", .embedding,
      at: Place.of(Rotate.self).filtered { $1.source(of: $0)?.kind.payload is RMSNorm },
      practice: "the two steps are in the wrong order"
    ) { site in
      guard let norm = site.graph.source(of: site.operation),
        let before = norm.inputs.first.flatMap(site.activation)
      else { return nil }
      return site.value(of: norm, reading: site.evaluated(activations: [before]))
    },
    Fault(
      "attention.scale-of-head", "scores are divided by √d instead of the model's own number", .attention,
      at: Place.of(AttentionScores.self).filtered { operation, graph in
        guard let own = operation.kind.payload as? AttentionScores, let query = graph.source(of: operation),
          query.kind.payload is Rotate, let width = graph.shape(of: query.output, tokenCount: 1)?.last
        else { return false }
        return own.scale != 1 / Double(width).squareRoot()
      },
      practice: "query_pre_attn_scalar is not read"
    ) { site in
      (site.operation.kind.payload as? AttentionScores).map {
        site.evaluated(
          as: AttentionScores(
            scale: 1 / Double(site.activations[0].rowWidth).squareRoot(), visibility: $0.visibility))
      }
    },
  ]

  private static let headNormFaults: [Fault] = [
    Fault(
      "norm.heads-together", "all heads of a token are normalised together", .layerNorm,
      at: headNorms.filtered { operation, _ in !operation.isJoinedNorm },
      practice: "the norm stands before the heads are split, as in another model family"
    ) { site in site.headsNormalised(together: true) },
    Fault(
      "norm.heads-apart", "each head is normalised by itself", .layerNorm,
      at: headNorms.filtered { operation, _ in operation.isJoinedNorm },
      practice: "the norm stands behind the split into heads, as in another model family"
    ) { site in site.headsNormalised(together: false) },
    Fault(
      "norm.after-rotation", "heads are turned before they are normalised", .layerNorm, at: rotatedNorms,
      practice: "the two steps are in the wrong order"
    ) { site in site.rotatedFirst().map { site.evaluated(activations: [$0]) } },
    Fault(
      "norm.rotation-in-its-place", "heads are turned where they are to be normalised", .layerNorm,
      at: rotatedNorms, practice: "the two steps are in the wrong order, and recorded in that order"
    ) { site in site.rotatedFirst() },
    Fault(
      "norm.gains-of-first-head", "every head has the gains of the first", .layerNorm,
      at: headNorms.filtered { operation, _ in operation.isJoinedNorm },
      practice: "one gain for all heads is assumed"
    ) { site in
      let width = site.activations[0].rowWidth
      return site.evaluated(changingParameter: 0) { gain in
        let first = Array(gain.values.prefix(width))
        for place in gain.values.indices { gain.values[place] = first[place % width] }
      }
    },
    Fault(
      "residual.norm-outside", "the sum is normalised instead of what is added", .wiring,
      at: Place.residuals.filtered { $1.normOfBranch($0) != nil },
      practice: "the norm behind a half is taken for one on the stream"
    ) { site in
      guard let norm = site.graph.normOfBranch(site.operation),
        let branch = norm.inputs.first.flatMap(site.activation)
      else { return nil }
      return site.value(
        of: norm, reading: site.evaluated(activations: [site.activations[0], branch]))
    },
  ]

  private static let fusedFaults: [Fault] = [
    Fault(
      "linear.other-half", "the other half of the joint projection is read", .weights,
      at: Place.products.filtered { operation, _ in operation.half != nil },
      practice: "gate and up are stored in the other order"
    ) { site in site.operation.half.map { site.evaluated(selecting: .part(1 - $0, of: 2)) } },
    Fault(
      "heads.fused-by-group", "the joint projection is read as groups of queries, a key and a value", .heads,
      at: Place.headProjections.filtered { $1.selectionByGroup(of: $0) != nil },
      practice: "the layout of another model family is assumed"
    ) { site in
      site.graph.selectionByGroup(of: site.operation).map { site.evaluated(selecting: $0) }
    },
    Fault(
      "heads.fused-exchanged", "keys are read where values stand in the joint projection, or the reverse",
      .heads, at: Place.headProjections.filtered { $1.selectionOfSibling(of: $0) != nil },
      practice: "the order of query, key and value is another"
    ) { site in
      site.graph.selectionOfSibling(of: site.operation).map { site.evaluated(selecting: $0) }
    },
  ]

  private static let headNorms = Place.norms.filtered { operation, graph in
    let shape = operation.inputs.first.flatMap { graph.shape(of: $0, tokenCount: 1) } ?? []
    return shape.count == 3 && shape[0] > 1
  }

  private static let rotatedNorms = Place.norms.filtered { $1.rotation(reading: $0.output) != nil }

  /// A window of another size, `Int.max` for none.
  private static func window(
    _ id: String, _ name: String, _ practice: String, _ other: @escaping @Sendable (Int) -> Int?
  ) -> Fault {
    Fault(
      "mask.window-\(id)", name, .mask,
      at: Place.of(AttentionProbabilities.self).filtered { operation, _ in operation.window != nil },
      practice: practice
    ) { site in site.operation.window.flatMap(other).flatMap { site.probabilities(through: $0) } }
  }
}

extension FaultSite {
  /// Attention probabilities through a window of another size.
  fileprivate func probabilities(through window: Int) -> Tensor<Double>? {
    let isCausal = (operation.kind.payload as? AttentionProbabilities)?.visibility.isCausal ?? true
    let rule = Visibility(isCausal: isCausal, window: window == .max ? nil : window)
    return probabilities { rule.allows(key: $0, from: $1) }
  }

  /// What an operation that reads one activation makes of another.
  func value(of operation: Operation, reading x: Tensor<Double>) -> Tensor<Double>? {
    let parameters = operation.parameters.compactMap { view in
      parameter(view.parameter).map { ParameterValues($0, view) }
    }
    guard parameters.count == operation.parameters.count else { return nil }
    return operation.kind.value(Operands([x], parameters: parameters), in: inputs)
  }

  /// A norm of heads with the statistics of other runs of numbers, and its own gains.
  fileprivate func headsNormalised(together: Bool) -> Tensor<Double>? {
    bareRows(isJoined: together).flatMap { withGains($0) }
  }

  /// The rotation that reads what a norm of heads makes, of the norm's own input.
  fileprivate func rotatedFirst() -> Tensor<Double>? {
    graph.rotation(reading: operation.output).map {
      $0.value(Operands([activations[0]], parameters: []), in: inputs)
    }
  }
}

extension Graph {
  /// The rotation that reads an activation.
  fileprivate func rotation(reading activation: Activation) -> Rotate? {
    operations.lazy.filter { $0.inputs == [activation] }.compactMap { $0.kind.payload as? Rotate }.first
  }
}
