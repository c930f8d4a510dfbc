import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// What a fault would have given, held against what was captured.
struct HypothesisComparison: Sendable {
  let got: Tensor<Double>
  let right: Estimate
  private(set) var replay: HypothesisReplay
  /// How well the definition explains the capture.
  let ratioWithoutFault: Double
  /// How far beyond the bound the numbers must be for readings of any operation to be asked.
  private static let tellingRatio = 8.0
  /// Where the wrong elements stand, if that is a part of the output.
  private let block: WrongBlock?

  init(got: Tensor<Double>, right: Estimate, replay: HypothesisReplay) {
    self.got = got
    self.right = right
    self.replay = replay
    block = WrongBlock(
      got, right, axes: replay.axes, headWidth: replay.headWidth, isJudged: replay.judgedElements)
    let bounds = HypothesisBounds(right: right, of: replay.operation.kind).of(right.values)
    let isJudged = replay.judgedElements
    ratioWithoutFault = got.values.indices.reduce(0) { worst, offset in
      guard isJudged(offset), got.values[offset] != right.values.values[offset] else { return worst }
      let own = abs(got.values[offset] - right.values.values[offset]) / bounds[offset]
      return own.isNaN ? .infinity : max(worst, own)
    }
  }

  /// Gathers what a finding was judged on; nil where it cannot be replayed alone.
  init?(_ finding: Finding, in capture: any ActivationSource, by judge: Judge) throws {
    guard let got = try capture.tensor(finding.activation),
      let right = try judge.estimate(finding.activation, in: capture), right.values.shape == got.shape,
      let replay = HypothesisReplay(finding, capture: capture, weights: judge.weights)
    else { return nil }
    self.init(got: got, right: right, replay: replay)
  }

  /// The same, held to leave next to nothing of all errors; nil where it is not attention that was recomputed together.
  ///
  /// So much is granted for what is hidden in attention that a mistake is hardly beyond the bounds of its context.
  init?(closely finding: Finding, in capture: any ActivationSource, by judge: Judge) throws {
    guard let plain = try HypothesisComparison(finding, in: capture, by: judge),
      plain.replay.chain.count > 1, plain.replay.chain.allSatisfy(\.parameters.isEmpty),
      plain.ratioWithoutFault < Self.tellingRatio
    else { return nil }
    let (isJudged, right) = (plain.replay.judgedElements, plain.right.values)
    let errors = right.values.indices.lazy.filter(isJudged).map { plain.got.values[$0] - right.values[$0] }
    let squares = errors.reduce((sum: 0, count: 0)) { ($0.sum + $1 * $1, $0.count + 1) }
    let rootMeanSquare = (squares.sum / Double(max(1, squares.count))).squareRoot()
    guard rootMeanSquare.isFinite else { return nil }
    self.init(
      got: plain.got, right: plain.right.within(rootMeanSquare * Self.closeness), replay: plain.replay)
  }

  /// What share of the errors' root mean square may be left in an element.
  private static let closeness = 0x1p-4

  /// How well a fault explains the capture; nil where it cannot arise or changes nothing.
  func hypothesis(_ fault: Fault, at place: Activation) throws -> Diagnosis.Hypothesis? {
    guard let value = try replay.value(planting: fault, at: place), value.shape == got.shape else {
      return nil
    }
    let bounds = bounds(of: value, by: fault)
    let isJudged = replay.judgedElements
    let isLast = place == replay.operation.output
    var (ratio, ratioInBlock, isVisible) = (0.0, 0.0, false)
    // Wider bounds must not explain by themselves.
    var isExplainedWithout = true
    var flips = FlippedRoundings(fault.grants.rounding)
    for offset in got.values.indices where isJudged(offset) {
      let stored = isLast ? fault.stored(value.values[offset]) : value.values[offset]
      // What is no number is explained by what is none.
      if fault.grants.saysNaN, got.values[offset].isNaN, stored.isNaN {
        isVisible = isVisible || !right.values.values[offset].isNaN
        isExplainedWithout = false
        continue
      }
      let change = abs(stored - right.values.values[offset])
      if !(change <= right.bounds[offset].stat) { isVisible = true }
      let error =
        isLast
        ? fault.leastError(from: value.values[offset], to: got.values[offset])
        : abs(value.values[offset] - got.values[offset])
      let own = error == 0 ? 0 : error / bounds[offset]
      let apart = abs(got.values[offset] - right.values.values[offset])
      let misses =
        got.values[offset] != right.values.values[offset] && !(apart.isFinite && apart <= bounds[offset])
      if misses { isExplainedWithout = false }
      if flips.grants(own, error, in: value.row(offset / value.rowWidth), missedWithoutFault: misses) {
        continue
      }
      let share = own.isNaN ? .infinity : own
      ratio = max(ratio, share)
      if let block, block.contains(offset) { ratioInBlock = max(ratioInBlock, share) }
    }
    guard isVisible, !isExplainedWithout else { return nil }
    if !flips.areFew { (ratio, ratioInBlock) = (.infinity, .infinity) }
    var hypothesis = Diagnosis.Hypothesis(
      fault: fault, place: place, ratio: ratio, due: replay.due(at: place),
      source: fault.id.hasPrefix(Reading.prefix) ? replay.form : nil)
    // What explains only what is wrong, where the rest is right, holds there alone.
    if let block, ratio > 1, ratioInBlock <= 1, block.isTelling {
      hypothesis.ratio = ratioInBlock
      hypothesis.part = block.inWords
    }
    return hypothesis
  }

  /// The mistakes with numbers read off the capture that explain it, those first that say more.
  ///
  /// - Parameter id: of the one reading that is asked; nil for all of them.
  func read(_ id: String? = nil) throws -> [Diagnosis.Hypothesis] {
    guard got.shape == right.values.shape, try replay.site() != nil else { return [] }
    let isJudged = replay.judgedElements
    let told = got.values.indices.filter { isJudged($0) && got.values[$0].isFinite && got.values[$0] != 0 }
    let distinctCount = Set(told.map { got.values[$0] }).count
    let wrong = got.values.indices.filter { offset in
      isJudged(offset) && got.values[offset] != right.values.values[offset]
        && !(abs(got.values[offset] - right.values.values[offset]) <= right.bounds[offset].stat)
    }
    // What is hardly beyond its bound may be explained by anything.
    let levels = ratioWithoutFault < Self.tellingRatio ? Reading.levels.prefix(1) : Reading.levels[...]
    var held = self
    held.replay = try replay.holdingHidden()
    let comparison = held
    for level in levels {
      let readings = level.filter {
        (id == nil || $0.id == id) && $0.place.contains(replay.operation, replay.graph)
      }
      let found = try readings.indices.concurrentMap { index -> Diagnosis.Hypothesis? in
        guard var site = try comparison.replay.site() else { return nil }
        site.wrongPlaces = wrong
        // What holds in a part alone, only where none of the others holds everywhere.
        var partial: Diagnosis.Hypothesis?
        let whole = try readings[index].found(at: site, got: got, distinctCount: distinctCount) {
          fault -> Diagnosis.Hypothesis? in
          guard let found = try comparison.hypothesis(fault, at: site.operation.output), found.ratio <= 1
          else { return nil }
          if found.isPartial { partial = partial ?? found }
          return found.isPartial ? nil : found
        }
        return whole ?? partial
      }.compactMap(\.self)
      // What holds everywhere is simpler than what holds in a part.
      let whole = found.filter { !$0.isPartial }
      if !found.isEmpty { return whole.isEmpty ? found : whole }
    }
    return []
  }

  /// That the numbers are wrong in one part and right elsewhere; nil where they are wrong all over.
  var placeAlone: Diagnosis.Hypothesis? {
    guard ratioWithoutFault >= Self.tellingRatio else { return nil }
    return block.map { block in
      let fault = Fault(
        Cause.placeAlone, "only \(block.inWords) \(block.isOne ? "is" : "are") wrong", .wiring, at: .computed,
        practice: "read off the capture"
      ) { _ in nil }
      return Diagnosis.Hypothesis(fault: fault, place: replay.operation.output, ratio: block.ratioElsewhere)
    }
  }

  /// Whether what explains another operation explains this one.
  func isExplained(by hypothesis: Diagnosis.Hypothesis) throws -> Bool {
    let fault = hypothesis.fault
    if fault.id == Cause.placeAlone { return placeAlone?.fault.name == fault.name }
    let isOfForm = hypothesis.source.map { $0 == replay.form } ?? true
    let isSame =
      try isOfForm
      && replay.places(of: fault).contains { place in
        try self.hypothesis(fault, at: place).map {
          $0.ratio <= 1 && $0.part == hypothesis.part
        } ?? false
      }
    guard !isSame, fault.id.hasPrefix(Reading.prefix) else { return isSame }
    return try read(fault.id).contains { $0.name == hypothesis.name }
  }

  /// Whether two hypotheses lie within rounding of each other everywhere.
  func isIndistinguishable(_ other: Diagnosis.Hypothesis, from best: Diagnosis.Hypothesis) throws -> Bool {
    if other.fault.id == best.fault.id { return true }
    guard let left = try replay.value(planting: best.fault, at: best.place),
      let right = try replay.value(planting: other.fault, at: other.place)
    else { return false }
    let bounds = bounds(of: left)
    return left.values.indices.allSatisfy { offset in
      let (one, two) = (left.values[offset], right.values[offset])
      return abs(one - two) <= 2 * bounds[offset] || !one.isFinite && !two.isFinite
    }
  }

  private func bounds(of value: Tensor<Double>, by fault: Fault? = nil) -> [Double] {
    HypothesisBounds(right: right, of: replay.operation.kind).of(value, by: fault)
  }
}

extension Fault {
  /// A value as the fault leaves it.
  fileprivate func stored(_ value: Double) -> Double {
    storage?.round(value) ?? value
  }

  /// How far a value before the fault's own rounding must have lain from `exact` to be captured as `got`.
  func leastError(from exact: Double, to got: Double) -> Double {
    if exact == got { return 0 }
    return storage?.leastError(from: exact, to: got) ?? abs(got - exact)
  }
}
