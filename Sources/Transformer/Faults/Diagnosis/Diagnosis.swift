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
  /// The same verdict with what explains the operations that are flagged.
  ///
  /// - Throws: what reading the capture or the golden throws.
  func diagnosed(
    _ judged: Judged, _ catalogue: [Fault], _ progress: @escaping @Sendable (Double) -> Void
  ) throws -> Verdict {
    guard !flagged.isEmpty, causes.isEmpty else { return self }
    var search = CauseSearch(of: self, judged, catalogue, progress)
    try search.run()
    var verdict = self
    verdict.causes = search.causes
    verdict.remarks += search.notes
    return verdict
  }
}

/// Every fault of a catalogue, and what can be read off the numbers, held against one operation of a capture.
struct Diagnosis {
  /// A fault at one operation and how well it explains the capture.
  struct Hypothesis: Sendable {
    let fault: Fault
    let place: Activation
    /// The worst error over the bound under this hypothesis; within 1 the fault explains the capture.
    var ratio: Double
    /// The part of the output where it holds alone, while the rest is right; nil for everywhere.
    var part: String?

    var isPartial: Bool { part != nil }
    /// The model's own number or function that the fault changes, in words.
    var due: String?

    /// What it was read of; nil for a fault of the catalogue.
    var source: OperationForm?

    /// Whether it explains the capture better; of two that do so alike, a tail that is all of a sum or row says less.
    func isBetter(than other: Hypothesis) -> Bool {
      ratio != other.ratio ? ratio < other.ratio : fault.family != .tail && other.fault.family == .tail
    }

    /// What is wrong, instead of what, and where that is a part, where.
    var name: String {
      fault.name(insteadOf: due) + (part.map { ", in \($0) alone" } ?? "")
    }
  }

  /// The faults that were tried, best first.
  let hypotheses: [Hypothesis]
  /// Those that explain the capture and cannot be told from the best: within rounding of it everywhere.
  let members: [Hypothesis]
  /// How many faults of the whole catalogue have a place in the model.
  private let catalogueCount: Int
  /// Whether too little is wrong for any fault to be told from the definition.
  private let isTooLittle: Bool

  /// Tries the catalogue, on all cores, at the operation of a finding; nil where it cannot be replayed alone.
  ///
  /// - Parameter judge: the one that found it, by its contract.
  init?(of finding: Finding, in capture: any ActivationSource, by judge: Judge, catalogue: [Fault]) throws {
    guard let comparison = try HypothesisComparison(finding, in: capture, by: judge) else { return nil }
    try self.init(comparison, catalogue)
  }

  init(_ comparison: HypothesisComparison, _ catalogue: [Fault]) throws {
    isTooLittle = comparison.ratioWithoutFault <= 1
    catalogueCount = Fault.catalogue(of: comparison.replay.graph).count
    let tries = catalogue.flatMap { fault in comparison.replay.places(of: fault).map { (fault, $0) } }
    let tried = try tries.indices.concurrentMap { index in
      try comparison.hypothesis(tries[index].0, at: tries[index].1)
    }.compactMap(\.self).sorted { $0.isBetter(than: $1) }
    let explained = isTooLittle ? [] : try Self.explained(tried, comparison)
    hypotheses = explained + tried.filter { one in !explained.contains { $0.fault.id == one.fault.id } }
    guard let best = explained.first else {
      members = isTooLittle ? [] : [comparison.placeAlone].compactMap(\.self)
      return
    }
    let near = tried.filter { (1.0.nextUp...2).contains($0.ratio) }
    members = try explained + near.filter { try comparison.isIndistinguishable($0, from: best) }
  }

  /// Those that explain everything, the simplest: what holds everywhere before what holds in a part alone, and what the
  /// catalogue has before what may be read off the capture.
  private static func explained(
    _ tried: [Hypothesis], _ comparison: HypothesisComparison
  ) throws -> [Hypothesis] {
    let known = tried.filter { $0.ratio <= 1 }
    let whole = known.filter { !$0.isPartial }
    if !whole.isEmpty { return whole }
    let read = try comparison.read()
    return read.isEmpty ? known : read
  }

  /// The fault, or the class of faults that this capture cannot tell apart, that explains it within rounding.
  var cause: Cause? { cause(of: members) }

  /// The same of those that explain other operations too.
  func cause(of members: [Hypothesis]) -> Cause? {
    guard let best = members.first else { return nil }
    let faults = members.map { $0.fault.named($0.name) }.reduce(into: [Fault]()) { found, fault in
      if !found.contains(where: { $0.id == fault.id }) { found.append(fault) }
    }
    let others = hypotheses.first { other in !faults.contains { $0.id == other.fault.id } && other.ratio > 1 }
    return Cause(
      id: best.fault.id, name: faults.alternatives, kind: best.fault.family.rawValue, ratio: best.ratio,
      nextRatio: best.fault.id == Cause.placeAlone ? nil : others?.ratio,
      equivalents: faults.dropFirst().map(\.id))
  }

  /// What is to be known where no fault of the catalogue explains the capture.
  var note: Note? {
    if isTooLittle { return .tooLittle }
    guard let best = hypotheses.first, best.ratio > 1 else { return nil }
    return .unexplained(catalogue: catalogueCount, nearest: best.fault.name, ratio: best.ratio)
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
