import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

extension Depth {
  /// What all elements of an operation show together is looked for too.
  public static func examined(catalogue: [Fault] = Fault.catalogue) -> Depth {
    Depth([{ try $0.examined($1, catalogue) }])
  }

  /// The cause of what is found is named.
  package static func diagnosed(
    catalogue: [Fault] = Fault.catalogue, progress: @escaping @Sendable (Double) -> Void = { _ in }
  ) -> Depth {
    Depth([{ try $0.diagnosed($1, catalogue, progress) }])
  }

  /// The whole verdict: every operation judged, the cause of what is found named, and what all elements show together
  /// looked for.
  ///
  /// - Parameters:
  ///   - catalogue: the faults that are considered.
  ///   - progress: told how far the search for the cause has come, from 0 to 1, on any thread.
  public static func whole(
    catalogue: [Fault] = Fault.catalogue, progress: @escaping @Sendable (Double) -> Void = { _ in }
  ) -> Depth {
    Depth(
      Depth.diagnosed(catalogue: catalogue, progress: progress).stages
        + Depth.examined(catalogue: catalogue).stages)
  }
}

extension Verdict {
  /// The same verdict with the fault named that explains where it begins, if one of the catalogue does.
  ///
  /// Where only results are recorded, faults are run from the golden's activations.
  ///
  /// - Throws: what reading the capture or the golden throws.
  func diagnosed(
    _ judged: Judged, _ catalogue: [Fault], _ progress: @Sendable (Double) -> Void
  ) throws -> Verdict {
    guard let first = flagged.first, cause == nil else { return self }
    let (capture, golden, weights) = (judged.capture, judged.golden, judged.judge.weights)
    if let golden, let layout = try LayoutDiagnosis(of: first, in: capture, golden: golden)?.found {
      return with(cause: nil, notes: [.layout(first.activation, layout)])
    }
    guard !first.index.isEmpty else { return self }
    /// The fault run freely from the golden, where the finding's own inputs do not tell.
    func free() throws -> FreeDiagnosis? {
      guard let golden, let weights else { return nil }
      let known = findings.prefix { $0.activation != first.activation }.last { $0.zone == .consistent }
      return try FreeDiagnosis(
        of: first.activation, after: known?.activation, in: capture, golden: SharedSource(golden),
        weights: weights, catalogue: catalogue, progress: progress)
    }
    if first.method != .replay {
      let diagnosis = try free()
      return with(cause: diagnosis?.cause, notes: diagnosis?.notes ?? [])
    }
    let diagnosis = try Diagnosis(of: first, in: capture, by: judged.judge, catalogue: catalogue)
    if diagnosis?.cause == nil, !first.hidden.isEmpty, let cause = try free()?.cause {
      return with(cause: cause, notes: [])
    }
    let structure = try ProductStructure(of: first, in: capture, by: judged.judge)?.found()
    let added = [
      structure.map { .product(first.activation, $0) }, first.evidence == nil ? diagnosis?.note : nil,
    ].compactMap(\.self)
    return with(cause: diagnosis?.cause, notes: added)
  }

  private func with(cause: Cause?, notes added: [Note]) -> Verdict {
    var verdict = self
    verdict.cause = cause
    verdict.remarks += added
    return verdict
  }
}

/// Every fault of a catalogue, replayed on a capture's own activations at one operation.
struct Diagnosis {
  /// A fault at one operation and how well it explains the capture.
  struct Hypothesis: Sendable {
    let fault: Fault
    let place: Activation
    /// The worst error over the bound under this hypothesis; within 1 the fault explains the capture.
    let ratio: Double
  }

  /// The faults that were tried, best first.
  let hypotheses: [Hypothesis]
  /// Those that the best cannot be told from: within rounding of it everywhere.
  private let members: [Hypothesis]
  /// How many faults of the whole catalogue have a place in the model.
  private let catalogueCount: Int
  /// The same worst error over the bound without any fault: within 1 too little is wrong for any to be told from it.
  private let ratioWithoutFault: Double

  /// Tries the catalogue, on all cores, at the operation of a finding; nil where it cannot be replayed alone.
  ///
  /// - Parameter judge: the one that found it, by its contract.
  init?(of finding: Finding, in capture: any ActivationSource, by judge: Judge, catalogue: [Fault]) throws {
    guard let got = try capture.tensor(finding.activation),
      let right = try judge.estimate(finding.activation, in: capture),
      let replay = HypothesisReplay(finding, capture: capture, weights: judge.weights)
    else { return nil }
    let comparison = HypothesisComparison(got: got, right: right, replay: replay)
    ratioWithoutFault = comparison.ratioWithoutFault
    catalogueCount = Fault.catalogue(of: capture.graph).count
    let tries = catalogue.flatMap { fault in replay.places(of: fault).map { (fault, $0) } }
    let tried = try tries.indices.concurrentMap { index in
      try comparison.hypothesis(tries[index].0, at: tries[index].1)
    }.compactMap(\.self).sorted { $0.ratio < $1.ratio }
    // What the catalogue does not have may be read off the capture.
    let isSettled = tried.first.map { $0.ratio <= 1 } ?? false || ratioWithoutFault <= 1
    let sorted = (isSettled ? [] : try comparison.read()) + tried
    hypotheses = sorted
    members = try sorted.prefix { $0.ratio <= 2 }.filter { hypothesis in
      try hypothesis.ratio <= 1 || comparison.isIndistinguishable(hypothesis, from: sorted[0])
    }
  }

  /// The fault, or the class of faults that this capture cannot tell apart, that explains it within rounding.
  var cause: Cause? {
    guard let best = hypotheses.first, best.ratio <= 1, !(ratioWithoutFault <= 1) else { return nil }
    let faults = members.map(\.fault).reduce(into: [Fault]()) { found, fault in
      if !found.contains(where: { $0.id == fault.id }) { found.append(fault) }
    }
    let next = hypotheses.first { other in !faults.contains { $0.id == other.fault.id } }
    return Cause(
      id: best.fault.id, name: faults.alternatives,
      ratio: best.ratio,
      nextRatio: next?.ratio, equivalents: faults.dropFirst().map(\.id))
  }

  /// What is to be known where no fault of the catalogue explains the capture.
  var note: Note? {
    guard let best = hypotheses.first else { return nil }
    if ratioWithoutFault <= 1 { return .tooLittle }
    guard best.ratio > 1 else { return nil }
    return .unexplained(catalogue: catalogueCount, nearest: best.fault.name, ratio: best.ratio)
  }
}

/// What a fault would have given, held against what was captured.
private struct HypothesisComparison: Sendable {
  let got: Tensor<Double>
  let right: Estimate
  let replay: HypothesisReplay

  /// How well the definition explains the capture.
  var ratioWithoutFault: Double {
    let bounds = bounds(of: right.values)
    let isJudged = replay.judgedElements
    return got.values.indices.reduce(0) { worst, offset in
      guard isJudged(offset), got.values[offset] != right.values.values[offset] else { return worst }
      let own = abs(got.values[offset] - right.values.values[offset]) / bounds[offset]
      return own.isNaN ? .infinity : max(worst, own)
    }
  }

  /// How well a fault explains the capture; nil where it cannot arise or changes nothing.
  func hypothesis(_ fault: Fault, at place: Activation) throws -> Diagnosis.Hypothesis? {
    guard let value = try replay.value(planting: fault, at: place), value.shape == got.shape else {
      return nil
    }
    let bounds = bounds(of: value, by: fault)
    let isJudged = replay.judgedElements
    let isLast = place == replay.operation.output
    var (ratio, isVisible, flips) = (0.0, false, FlippedRoundings(fault.grants.rounding))
    for offset in got.values.indices where isJudged(offset) {
      let stored = isLast ? fault.stored(value.values[offset]) : value.values[offset]
      // What is no number is explained by what is none.
      if fault.grants.saysNaN, got.values[offset].isNaN, stored.isNaN {
        isVisible = isVisible || !right.values.values[offset].isNaN
        continue
      }
      let change = abs(stored - right.values.values[offset])
      if !(change <= right.bounds[offset].stat) { isVisible = true }
      let error =
        isLast
        ? fault.leastError(from: value.values[offset], to: got.values[offset])
        : abs(value.values[offset] - got.values[offset])
      let own = error == 0 ? 0 : error / bounds[offset]
      let misses = !(abs(got.values[offset] - right.values.values[offset]) <= bounds[offset])
      if flips.grants(own, error, in: value.row(offset / value.rowWidth), missedWithoutFault: misses) {
        continue
      }
      ratio = max(ratio, own.isNaN ? .infinity : own)
    }
    if !flips.areFew { ratio = .infinity }
    return isVisible ? Diagnosis.Hypothesis(fault: fault, place: place, ratio: ratio) : nil
  }

  /// The mistakes with numbers read off the capture that explain it, those first that say more.
  func read() throws -> [Diagnosis.Hypothesis] {
    guard got.shape == right.values.shape, try replay.site() != nil else { return [] }
    let isJudged = replay.judgedElements
    let told = got.values.indices.filter { isJudged($0) && got.values[$0].isFinite && got.values[$0] != 0 }
    let distinctCount = Set(told.map { got.values[$0] }).count
    let comparison = HypothesisComparison(got: got, right: right, replay: try replay.holdingHidden())
    let readings = Reading.all.filter { $0.place.contains(replay.operation, replay.graph) }
    for isLast in [false, true] {
      let asked = readings.filter { $0.isLast == isLast }
      let found = try asked.indices.concurrentMap { index -> Diagnosis.Hypothesis? in
        guard let site = try comparison.replay.site() else { return nil }
        return try asked[index].found(at: site, got: got, distinctCount: distinctCount) { fault in
          try comparison.hypothesis(fault, at: site.operation.output).flatMap { $0.ratio <= 1 ? $0 : nil }
        }
      }.compactMap(\.self)
      if !found.isEmpty { return found }
    }
    return []
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

extension [Fault] {
  /// Faults that a capture cannot tell apart, in words, the first few by name.
  var alternatives: String {
    let greatestCount = 3
    let named = prefix(greatestCount).map(\.name).joined(separator: "; or, the same here: ")
    return count > greatestCount ? named + "; or one of \(counted(count - greatestCount, "other"))" : named
  }
}
