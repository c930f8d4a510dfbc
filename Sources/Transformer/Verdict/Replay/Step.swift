import TouchstoneGraph
import TouchstoneModel

/// One operation of a capture on its way to a finding.
struct Step: Sendable {
  /// What the operation makes.
  let activation: Activation
  /// The replay, where the capture holds enough for one.
  private(set) var replay: Replay?
  /// What can be said without a replay.
  private(set) var finding: Finding?
  /// Why nothing was compared, where nothing is.
  private(set) var obstacle = "no element of it can be compared"

  /// Looks at what the capture holds of one operation, and reads it.
  ///
  /// - Throws: what reading the capture throws.
  init(
    _ operation: Operation, _ capture: any ActivationSource, _ planner: ReplayPlanner, weights: Weights?,
    contract: Contract, floor: FloorComparison?
  ) throws {
    activation = operation.output
    guard let shape = capture.storedShape(of: activation) else {
      obstacle = "it is not recorded"
      return
    }
    guard let wanted = try capture.rightShape(of: activation) else {
      obstacle = "which tokens it has rows of is not recorded"
      return
    }
    guard shape == wanted else {
      finding = Finding(
        activation: activation, zone: .fail, ratio: .infinity,
        evidence: .shape(shape, due: wanted))
      return
    }
    let plan: ReplayPlan
    do throws(ReplayPlanner.Obstacle) {
      plan = try planner.plan(operation)
    } catch {
      finding = try floor?.judge(operation) ?? operation.findingOfNonFinite(in: capture)
      obstacle = error.why
      return
    }
    guard !operation.output.isGradient || !plan.spansBlocks() else {
      // From the tokens alone a gradient is as far as the whole model, once for each parameter.
      finding = try floor?.judge(operation) ?? operation.findingOfNonFinite(in: capture)
      obstacle = "blocks lie between it and what is recorded, where a golden with a noise floor judges"
      return
    }
    replay = try Replay(plan, of: capture, weights: weights, contract: contract)
  }
}

extension ActivationSource {
  /// Every operation of the model, and the reading of cached keys and values where the capture holds them apart.
  var judgedOperations: [Operation] { judgedOperations(of: nil) }

  /// The same of some layers; nil for all.
  func judgedOperations(of layers: LayerRange?) -> [Operation] {
    (layers.map(graph.operations(of:)) ?? graph.operations).flatMap { operation in
      let caches = operation.inputs.compactMap { input in
        input.cacheRead(by: operation).map { Operation(.identity(Identity()), $0, from: [input]) }
      }
      return caches.filter { storedShape(of: $0.output) != nil } + [operation]
    }
  }
}

extension ReplayPlanner {
  /// Plans for a capture.
  init(_ capture: SharedSource, hasWeights: Bool) {
    self.init(
      capture.judgedOperations, hasWeights: hasWeights, isUsable: { capture.hasRightShape($0) },
      isDerived: { capture.isDerived($0) }, decider: { capture.graph.selection(of: $0)?.decider })
  }
}

extension Operation {
  /// A finding where a tensor that cannot be judged otherwise holds an element that is not finite.
  fileprivate func findingOfNonFinite(in capture: any ActivationSource) throws -> Finding? {
    guard let tensor = try capture.tensor(output) else { return nil }
    let isJudged = judgedElements(capture.inputs, graph: capture.graph)
    guard let offset = tensor.values.indices.first(where: { isJudged($0) && !tensor.values[$0].isFinite })
    else { return nil }
    return Finding(
      activation: output, zone: .fail, ratio: .infinity, index: tensor.index(of: offset),
      axes: capture.graph.axes(of: output) ?? [],
      got: tensor.values[offset], evidence: .notFinite(tensor.values[offset]))
  }
}
