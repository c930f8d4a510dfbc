import TouchstoneGraph

/// What a verdict on some layers says besides, so that it can be joined with those on the others.
package struct ShardFacts: Sendable, Equatable {
  /// The layers that were judged.
  package let layers: LayerRange
  /// How many the model has.
  package let layerCount: Int
  /// How many operations the model has.
  package let operationCount: Int
  /// Whether the parameters were at hand.
  package let hasWeights: Bool
  /// Whether a partial capture is accepted.
  package let acceptsPartial: Bool
  /// Operations of other layers that its findings cover.
  package let coveredElsewhere: [Activation]
  /// The first activation of these layers beyond the golden's noise floor, where nothing else is flagged in them: said of
  /// a model some of whose operations cannot be replayed by themselves.
  package let drift: Finding?

  package init(
    layers: LayerRange, layerCount: Int, operationCount: Int, hasWeights: Bool, acceptsPartial: Bool,
    coveredElsewhere: [Activation], drift: Finding?
  ) {
    self.layers = layers
    self.layerCount = layerCount
    self.operationCount = operationCount
    self.hasWeights = hasWeights
    self.acceptsPartial = acceptsPartial
    self.coveredElsewhere = coveredElsewhere
    self.drift = drift
  }

  /// Reads them off a verdict.
  ///
  /// - Throws: what reading the capture or the golden throws.
  init(
    _ layers: LayerRange, _ verdict: Verdict, by judge: Judge, of graph: Graph, floor: FloorComparison?,
    _ operations: [Operation]
  ) throws {
    let own = Set(operations.map(\.output))
    let isUnflagged = verdict.findings.allSatisfy { $0.zone == .consistent || $0.evidence == .drift }
    self.init(
      layers: layers, layerCount: graph.layerCount, operationCount: graph.operations.count,
      hasWeights: judge.weights != nil, acceptsPartial: judge.acceptsPartial,
      coveredElsewhere: Coverage.covered(by: verdict.findings, of: graph).subtracting(own)
        .sorted { $0.path < $1.path },
      drift: isUnflagged && floor?.availability == .present ? try floor?.firstDrift(operations) : nil)
  }
}
