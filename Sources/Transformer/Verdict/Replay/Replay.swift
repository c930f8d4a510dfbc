import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// One planned operation with everything that it takes to recompute it in float64 from the capture's own
/// activations, read and ready to be judged on any thread.
struct Replay: Sendable {
  let plan: ReplayPlan
  /// The way in which it is recomputed; nil for the plain one.
  private(set) var alternative: Alternative?
  var recorded: [Activation: RecordedTensor]
  let weights: Weights?
  var rounding: Rounding { didSet { kept = kept.map { _ in KeptEstimates() } } }
  /// Whether parameters are read rounded to the type, and nothing else is rounded before the output is stored.
  var isSharp = false
  /// How parameters are read, where that is not as the alternative says.
  var parameterReading: Alternative.Parameters?
  /// Whether findings say how their errors are spread.
  var surveysErrors = false
  /// Whether this is the replay of the last rows alone.
  var isOfFewRows = false
  /// What it keeps of what it computes; nil where no more than one output is held against it.
  private var kept: KeptEstimates?
  let inputs: Inputs
  let graph: Graph
  /// In what products with a matrix read their inputs.
  let productInputs: ProductInputs

  /// Reads what a plan needs.
  ///
  /// - Throws: what reading the capture throws.
  init(
    _ plan: ReplayPlan, by alternative: Alternative? = nil, of capture: any ActivationSource,
    weights: Weights?,
    contract: Contract
  ) throws {
    self.plan = plan
    self.alternative = alternative
    self.weights = weights
    self.rounding = Rounding(capture.precision, contract: contract)
    self.inputs = capture.inputs
    self.graph = capture.graph
    self.productInputs = capture.productInputs
    var recorded: [Activation: RecordedTensor] = [:]
    let ofMixed = alternative.map { $0.passes == .all ? [] : plan.operation.inputs } ?? []
    let deciders = plan.steps.compactMap { capture.graph.selection(of: $0.operation.output)?.decider }
    for activation in plan.recorded + deciders + [plan.operation.output] + ofMixed
    where recorded[activation] == nil {
      guard let tensor = try capture.tensor(activation) else {
        throw BadInput(place: activation.path, problem: "cannot be read", remedy: "record it anew")
      }
      recorded[activation] = RecordedTensor(
        tensor, type: capture.storedType(of: activation) ?? capture.precision.type, of: capture.precision)
    }
    self.recorded = recorded
  }

  /// What a replay finds.
  struct Result {
    /// The verdict on the output; nil where no element could be compared.
    var finding: Finding?
    /// What could not be compared; nil where all of it could.
    var gap: ComparisonGap?
  }

  /// Judges the output.
  ///
  /// - Parameter level: what a wrong weight that only all rows show must exceed; nil to look for none.
  func result(_ level: EvidenceLevel? = nil) -> Result {
    defer {
      for view in plan.steps.flatMap(\.operation.parameters) {
        weights?.stored[view.parameter.name]?.release()
      }
    }
    guard let got = recorded[plan.operation.output] else { return Result() }
    let isJudged = plan.judgedElements(inputs, graph: graph)
    let want = want()
    let greatest = rounding.greatestFinite(stored: got.type)
    let (width, seesAnyKey) = (got.values.rowWidth, seesAnyKey)
    let comparison = ElementComparison(
      got: got.values, want: want, greatest: greatest,
      isExempt: { !seesAnyKey[$0 / width % seesAnyKey.count] }, isJudged: isJudged)
    var finding = finding(got, want, comparison, level, isJudged)
    if surveysErrors, let method = finding?.method {
      finding?.survey = survey(got.values, want, by: method, greatest: greatest, isJudged: isJudged)
    }
    return Result(
      finding: finding,
      gap: ComparisonGap(comparison, got.values, want.values, greatest: greatest))
  }

  private func finding(
    _ got: RecordedTensor, _ want: Estimate, _ comparison: ElementComparison, _ level: EvidenceLevel?,
    _ isJudged: (Int) -> Bool
  ) -> Finding? {
    let operation = plan.operation
    guard comparison.comparedCount > 0 else { return nil }
    if comparison.zone == .consistent, plan.hidesMuch(except: alternative?.unrounded ?? []),
      let finding = findingByFloor(got, want.values, comparison, isJudged)
    {
      return finding
    }
    let search =
      comparison.zone == .consistent ? level.flatMap { weightSearch(got.values, want)?.found($0) } : nil
    let evidence = search?.best.flatMap { $0.isConclusive ? $0 : nil }
    let told =
      evidence.map { .weight($0) } ?? comparison.evidence
      ?? (comparison.zone == .consistent ? nil : operation.kind.bounded.evidence(self))
    var finding = Finding(
      activation: operation.output, hidden: hidden, policy: alternative?.policy,
      zone: evidence == nil ? comparison.zone : .suspect,
      ratio: evidence.map { $0.deviations / $0.threshold } ?? comparison.ratio,
      index: comparison.worst.map(got.values.index(of:)) ?? [], axes: axes,
      got: comparison.worst.map { got.values.values[$0] } ?? .nan,
      want: comparison.worst.map { want.values.values[$0] } ?? .nan, evidence: told)
    finding.searched = search?.searched
    if operation.making == .decided, finding.zone == .consistent {
      finding.decidedOtherwise = (0..<got.values.rowCount).filter {
        got.values.row($0) != want.values.row($0)
      }
    }
    return finding
  }

  var axes: [Axis] { graph.axes(of: plan.operation.output) ?? [] }

  /// What lies between and is not recorded.
  var hidden: [Activation] {
    plan.hidden.filter { alternative?.unrounded.contains($0) != true }
  }

  /// Where much is hidden, bounds passed through it may be wide: what is computed is held against its own noise as well.
  private func findingByFloor(
    _ got: RecordedTensor, _ want: Tensor<Double>, _ comparison: ElementComparison,
    _ isJudged: (Int) -> Bool
  ) -> Finding? {
    let noise = kept?.noise { noiseDistribution(isJudged) } ?? noiseDistribution(isJudged)
    guard let worst = noise.worst(got.values),
      worst.ratio > comparison.ratio || plan.spansBlocks(except: alternative?.unrounded ?? [])
    else { return nil }
    return Finding(
      activation: plan.operation.output, hidden: hidden, policy: alternative?.policy, method: .localFloor,
      zone: worst.ratio <= 1 ? .consistent : .fail, ratio: worst.ratio,
      index: got.values.index(of: worst.offset), axes: axes, got: got.values.values[worst.offset],
      want: want.values[worst.offset])
  }

  /// The search for one wrong weight that the errors of all rows show together.
  ///
  /// Only in float32 and wider: where weights are rounded before they are read, every one of them is wrong. Nor where inputs
  /// are multiples of steps of blocks: so are the weights then, of which a wrong one shows in every element that it is in, and
  /// sums of whole numbers are rounded seldom.
  private func weightSearch(_ got: Tensor<Double>, _ want: Estimate) -> WeightSearch? {
    let operation = plan.operation
    guard plan.hidden.isEmpty, rounding.precision.type.unitRoundoff <= ScalarType.float32.unitRoundoff,
      productInputs.format(of: operation)?.hasSteps != true, let weights,
      let input = operation.inputs.first, let read = recorded[input],
      // What a record has lost is no error of arithmetic.
      [read.type, recorded[operation.output]?.type].allSatisfy({ $0 != nil && $0?.isNarrow == false })
    else { return nil }
    return WeightSearch(
      operation, input: read.values,
      parameters: operation.parameters.map { weights.storedFloat32($0.parameter) }, got: got,
      want: want, contract: rounding.contract)
  }

  /// The same replay, which computes once what all outputs are held against.
  var keepingEstimates: Replay {
    var keeping = self
    keeping.kept = KeptEstimates()
    return keeping
  }

  /// The same operation in another way that reads the same records.
  func recomputed(by alternative: Alternative) -> Replay {
    var other = self
    other.alternative = alternative
    other.kept = kept.map { _ in KeptEstimates() }
    return other
  }

  /// The same replay, another output held against it: of the same shape, in the same type.
  func judging(_ output: Tensor<Double>) -> Replay {
    var other = self
    other.recorded[plan.operation.output] = recorded[plan.operation.output]?.holding(output)
    return other
  }

  /// The value by the definition, and its bounds as it is stored.
  func want() -> Estimate {
    // What a decision is held against depends on what it is.
    plan.operation.making == .decided
      ? computedWant() : kept?.estimate(kind(isStored: true), computedWant) ?? computedWant()
  }

  private func kind(isStored: Bool) -> KeptEstimates.Kind {
    KeptEstimates.Kind(
      isOfFewRows: isOfFewRows, isSharp: isSharp, parameters: parameterReading, isStored: isStored)
  }

  private func computedWant() -> Estimate {
    guard !plan.spansBlocks(except: alternative?.unrounded ?? []) else {
      let values = definition().last ?? Tensor(repeating: 0, shape: [0, 0])
      return Estimate(values: values, bounds: [Bound](repeating: Bound(.infinity), count: values.count))
    }
    let computed = computedOutput()
    let isStored = alternative?.steps.isEmpty == false
    return isStored ? computed : stored(computed, as: recorded[plan.operation.output]?.type ?? .float32)
  }

  /// The output before it is stored; in an alternative that says how, as it is stored.
  func computedOutput() -> Estimate {
    plan.operation.making == .decided
      ? recomputedOutput() : kept?.estimate(kind(isStored: false), recomputedOutput) ?? recomputedOutput()
  }

  private func recomputedOutput() -> Estimate {
    var replayed: [Activation: Operand] = [:]
    for step in plan.steps.dropLast() {
      let estimate = estimate(step, replayed)
      let isStored =
        !step.operation.making.isExact && alternative?.unrounded.contains(step.operation.output) != true
      let errors =
        isStored
        ? zip(estimate.bounds, estimate.values.values).map { bound, value in
          rounding.stored(bound, value, as: rounding.precision.type)
        } : estimate.bounds
      replayed[step.operation.output] = Operand(values: estimate.values, error: errors)
    }
    return estimate(plan.last, replayed)
  }

  private func estimate(_ step: ReplayPlan.Step, _ replayed: [Activation: Operand]) -> Estimate {
    let projections = fusedProjections(of: step, replayed)
    if !projections.isEmpty {
      return rounding.fusedEstimate(step.sources.map { operand($0, replayed) }, projections)
    }
    let output = step.operation.output
    let own = inputs(of: step.operation)
    var site = JudgedSite(
      operation: step.operation,
      activations: step.sources.map {
        operand($0, replayed, readBy: step.operation, multipliedBy: step.operation)
      },
      parameters: parameters(of: step.operation), inputs: own, storedType: storedType(of: output))
    if output == plan.operation.output { site.output = recorded[output]?.values }
    let ofStep = output == plan.operation.output ? alternative : alternative?.ofHidden
    if let ofStep,
      let estimate = step.operation.kind.bounded.estimate(
        site, by: ofStep, recorded: step.operation.inputs.first.flatMap { recorded[$0]?.values }, rounding)
    {
      return estimate
    }
    if isSharp || ofStep?.roundsOnce == true {
      return rounding.unstored.estimate(
        step.operation, site.activations, site.parameters, inputs: own)
    }
    return added(rounding.estimate(site), step, site)
  }
}
