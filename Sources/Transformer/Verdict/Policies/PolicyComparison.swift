import TouchstoneGraph
import TouchstoneModel

/// An operation's output against one policy, element by element.
struct PolicyComparison {
  let policy: Policy?
  /// Which judged elements lie beyond the policy's bounds.
  let isBeyond: [Bool]
  private let replay: Replay
  private let got: Tensor<Double>
  private let want: Estimate

  fileprivate init(_ replay: Replay, _ got: Tensor<Double>) {
    (self.replay, self.got, policy) = (replay, got, replay.alternative?.policy)
    let want = replay.want()
    let isJudged = replay.plan.judgedElements(replay.inputs, graph: replay.graph)
    isBeyond = got.values.indices.map { place in
      let due = want.values.values[place]
      guard isJudged(place), due.isFinite else { return false }
      return want.bounds[place].zone(of: abs(got.values[place] - due)) != .consistent
    }
    self.want = want
  }

  /// How many elements lie beyond.
  var beyondCount: Int { isBeyond.count { $0 } }

  /// What is found by this policy.
  var finding: Finding? { replay.result().finding }

  /// Whether each row, or each column, is explained by one of several policies: a kernel may compute some of them, and another the others.
  static func explainInParts(_ comparisons: [PolicyComparison]) -> Bool {
    guard let shape = comparisons.first?.got.shape, let width = shape.last, width > 0 else { return false }
    let tokenCount = max(1, shape.count > 1 ? shape[shape.count - 2] : 1)
    return [{ $0 / width }, { $0 / width / tokenCount * width + $0 % width }].contains {
      (part: (Int) -> Int) in
      let unexplained = comparisons.map { comparison in
        Set(comparison.isBeyond.indices.lazy.filter { comparison.isBeyond[$0] }.map(part))
      }
      return unexplained.dropFirst().reduce(unexplained[0]) { $0.intersection($1) }.isEmpty
    }
  }

  /// What says that the elements beyond are no rounding of steps; nil where they may be.
  ///
  /// - Parameters:
  ///   - plain: the plain replay.
  ///   - operationCount: among how many operations that is asked.
  func evidence(beside plain: Replay, among operationCount: Int) -> PolicyEvidence? {
    let type = plain.rounding.precision.type
    let loose = plain.want()
    let isJudged = plain.plan.judgedElements(plain.inputs, graph: plain.graph)
    let values = want.values
    func isMovable(_ place: Int) -> Bool {
      guard isJudged(place), values.values[place].isFinite else { return false }
      let quarter = type.spacing(around: values.values[place]) / 4
      return isBeyond[place] || loose.bounds[place].stat >= want.bounds[place].stat + quarter
    }
    let statistics = StepStatistics(values, stepped: plain.stepped(to: type), isJudged: isMovable) {
      want.bounds[$0].zone(of: abs(type.rounded($1) - values.values[$0])) != .consistent
    }
    if !statistics.mayBeSteps(isBeyond, among: operationCount) {
      return PolicyEvidence(
        kind: .few(share: statistics.leastShare), count: beyondCount,
        elementCount: values.values.indices.count(where: isJudged))
    }
    guard plain.plan.operation.kind.bounded.waysToRoundOnce.isEmpty else { return nil }
    return scaleEvidence(type, isMovable, among: operationCount)
  }

  /// What says that all results, or those of a row, are multiplied by something besides; roundings are independent of what they round.
  private func scaleEvidence(
    _ type: ScalarType, _ isMovable: (Int) -> Bool, among operationCount: Int
  ) -> PolicyEvidence? {
    let places = want.values.values.indices.filter { isMovable($0) && got.values[$0].isFinite }
    let rows = Dictionary(grouping: places) { $0 / got.rowWidth }
    let groups = [places] + rows.sorted { $0.key < $1.key }.map(\.value)
    let level = StepStatistics.falseAlarms / Double(4 * groups.count * max(1, operationCount))
    for places in groups {
      var fit = ShareFit()
      var seen: Set<Double> = []
      for place in places {
        let (due, bound) = (want.values.values[place], want.bounds[place].stat)
        guard bound > 0, seen.insert(abs(due)).inserted else { continue }
        fit.add((got.values[place] - due) / bound, by: due * type.unitRoundoff / bound)
      }
      guard fit.effectiveCount >= 30 else { continue }
      let margin = StudentT.quantile(level, freedom: fit.effectiveCount - 1) * fit.deviation
      guard abs(fit.share) - margin >= Self.leastScale else { continue }
      return PolicyEvidence(
        kind: .scale(fit.share * type.unitRoundoff), count: beyondCount, elementCount: seen.count)
    }
    return nil
  }

  /// In unit roundoffs: a factor nearer to 1 is none.
  private static let leastScale = 0.125
}

/// What says that an operation is not what its policy makes, though every element is within the plain bounds.
package struct PolicyEvidence: Sendable, Equatable {
  /// What it rests on.
  package enum Kind: Sendable, Equatable {
    /// Rounded steps would move more elements than lie beyond: this share of them at least.
    case few(share: Double)
    /// All errors together are this share of what they are errors of.
    case scale(Double)
  }

  package let kind: Kind
  /// How many elements lie beyond the policy's bounds.
  package let count: Int
  /// Of how many.
  package let elementCount: Int
}

extension Replay {
  /// The output against the policy of this replay.
  var comparedByPolicy: PolicyComparison? {
    recorded[plan.operation.output].map { PolicyComparison(self, $0.values) }
  }

  /// The ways in which the operation rounds nothing but its result, the usual one first; none where the plain bounds grant no more than that.
  var waysToRoundOnce: [Alternative] {
    guard rounding.precision.type.isNarrow, plan.hidden.isEmpty else { return [] }
    let ways = plan.operation.kind.bounded.waysToRoundOnce
    guard ways.isEmpty, grantsParameters else { return ways }
    return parameterReadings.map { reading in
      Alternative(
        policy: reading == .rounded ? .roundedOnce : .wideParameters, roundsOnce: true, parameters: reading)
    }
  }

  /// The ways to read parameters that say exactly what is read, the usual one first.
  private var parameterReadings: [Alternative.Parameters] {
    guard grantsParameters else { return [.rounded] }
    return plan.operation.parameters.count > 1 ? [.rounded, .firstRounded, .given] : [.rounded, .given]
  }

  /// The same replay for each of these ways, where the alternative leaves that open.
  var readingParametersExactly: [Replay] {
    guard alternative?.parameters == .granted else { return [self] }
    return parameterReadings.map { reading in
      var replay = self
      replay.parameterReading = reading
      return replay
    }
  }

  /// Whether the operation makes what is rounded where it is stored, all of it recorded.
  var isOfRoundedResult: Bool {
    plan.hidden.isEmpty && plan.operation.making != .handedOn && alternative == nil
  }

  /// What right programs give that round some steps, before the result is stored.
  func stepped(to type: ScalarType) -> [Tensor<Double>] {
    let site = JudgedSite(
      operation: plan.operation, activations: plan.last.sources.map { operand($0, [:]) },
      parameters: parameters(of: plan.operation), inputs: inputs(of: plan.operation), storedType: type)
    return plan.operation.kind.bounded.stepped(site, to: type)
  }
}
