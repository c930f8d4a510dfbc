import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

extension Evidence {
  /// What is wrong, where the evidence is of that; nil where it says only that something is.
  fileprivate var cause: (id: String, name: String)? {
    switch self {
    case .cut(let found): ("read.cut", "values are cut to \(found.type.rawValue), not rounded to nearest")
    case .cutParameters(let found):
      (
        "read.cut-parameters",
        "the \(found.subject.rawValue) is cut to \(found.type.rawValue), not rounded to nearest"
      )
    case .otherFunction(let found):
      ("read.other-function", "the nonlinearity is \(found.function.inWords) instead of \(found.due.inWords)")
    case .weight(let found):
      (
        "read.matrix.one-weight",
        "the weight from input \(found.input) to output \(found.output) is \(Float(found.found)) instead of "
          + "\(Float(found.expected))"
      )
    default: nil
    }
  }
}

/// Looks for what explains the operations that are flagged: one cause for each kind of operation, which must hold wherever
/// it is said to.
///
/// Findings of one name are explained together: of what explains the first of them, that is the cause which explains the
/// others too. What explains one name is tried at the next before anything else is.
struct CauseSearch {
  private let verdict: Verdict
  private let judged: Judged
  private let catalogue: [Fault]
  private let progress: @Sendable (Double) -> Void
  /// What is to be known where nothing was.
  private(set) var notes: [Note] = []
  /// What was found, with the hypotheses that it is made of: none for a cause that was not found by them.
  private var found: [(cause: Cause, members: [Diagnosis.Hypothesis])] = []

  /// What was found, that of the first flagged operation first.
  var causes: [Cause] { found.map(\.cause) }

  /// Operations of one name may have as many causes.
  private static let causesOfOneName = 3
  /// Names of operations that are looked into.
  private static let greatestNameCount = 10

  init(
    of verdict: Verdict, _ judged: Judged, _ catalogue: [Fault],
    _ progress: @escaping @Sendable (Double) -> Void
  ) {
    self.verdict = verdict
    self.judged = judged
    self.catalogue = catalogue
    self.progress = progress
  }

  /// Explains as much as can be.
  mutating func run() throws {
    var unexplained: [String] = []
    for (index, findings) in groups.prefix(Self.greatestNameCount).enumerated() {
      if try !explain(findings, isFirst: index == 0), index > 0 { unexplained.append(findings[0].name) }
    }
    if !unexplained.isEmpty { notes.append(.unexplainedBesides(unexplained)) }
  }

  /// The flagged findings by what was judged, the first flagged first: the same operation of all experts is one, of which
  /// that expert of the first block tells most which was given most rows.
  private var groups: [[Finding]] {
    verdict.flagged.reduce(into: [[Finding]]()) { groups, finding in
      let index = groups.firstIndex { group in
        judged.capture.graph.isAlike(group[0], finding)
          && group[0].activation.block?.stack == finding.activation.block?.stack
      }
      if let index { groups[index].append(finding) } else { groups.append([finding]) }
    }.map { group in
      let beside = group.indices.filter { group[$0].activation.block == group[0].activation.block }
      let counts = group.map { judged.capture.storedShape(of: $0.activation)?.first ?? 0 }
      guard beside.count > 1, let most = beside.max(by: { counts[$0] < counts[$1] }), counts[most] > counts[0]
      else { return group }
      return [group[most]] + group.indices.filter { $0 != most }.map { group[$0] }
    }
  }

  /// Whether a cause is found for the first of a group.
  private mutating func explain(_ findings: [Finding], isFirst: Bool) throws -> Bool {
    if try explainLayout(findings) || explainByEvidence(findings) { return true }
    // Where shapes differ no element is the worst; of one number alone it has no coordinates.
    guard let first = findings.first,
      !first.index.isEmpty || judged.capture.graph.axes(of: first.activation)?.isEmpty == true
    else { return true }
    guard first.method == .replay else {
      return try explainClosely(findings) || (isFirst ? explainFreely(first) : true)
    }
    var open = try explainByKnown(findings)
    var isExplained = open.first != first
    // The first flagged is told of before a third is asked.
    let told = verdict.flagged.map(\.activation).first { told in findings.contains { $0.activation == told } }
    for attempt in 0..<Self.causesOfOneName {
      guard
        let place = open.firstIndex(where: { attempt == 1 && $0.activation == told }) ?? open.indices.first
      else { break }
      let next = open.remove(at: place)
      let diagnosis = try Diagnosis(of: next, in: judged.capture, by: judged.judge, catalogue: catalogue)
      let isNamed = diagnosis?.members.first.map { $0.fault.id != Cause.placeAlone } ?? false
      if !isNamed, attempt == 0, !first.hidden.isEmpty {
        if try explainClosely(findings) || (isFirst && explainFreely(first)) { return true }
      }
      if !isNamed, attempt == 0, isFirst, first.evidence == nil {
        notes += [diagnosis?.note].compactMap(\.self)
      }
      guard let diagnosis, !diagnosis.members.isEmpty else {
        if attempt == 0, next.activation != told { continue }
        break
      }
      isExplained = true
      open = try explain(open, as: next, by: diagnosis)
    }
    return isExplained
  }

  /// What leaves next to nothing of the errors of attention that was recomputed together.
  private mutating func explainClosely(_ findings: [Finding]) throws -> Bool {
    guard let first = findings.first,
      let comparison = try HypothesisComparison(closely: first, in: judged.capture, by: judged.judge)
    else { return false }
    let diagnosis = try Diagnosis(comparison, catalogue)
    guard let best = diagnosis.members.first, best.fault.id != Cause.placeAlone else { return false }
    _ = try explain(Array(findings.dropFirst()), as: first, by: diagnosis)
    return true
  }

  /// Holds what explains one finding against others of its name; those that are still open.
  ///
  /// Of what is named for the first and does not hold in all others, what can be read off the numbers may hold in more.
  private mutating func explain(
    _ others: [Finding], as first: Finding, by diagnosis: Diagnosis
  ) throws -> [Finding] {
    var best = try held(diagnosis.members, others)
    if !best.open.isEmpty, diagnosis.members.allSatisfy({ !$0.fault.id.hasPrefix(Reading.prefix) }) {
      let comparison = try HypothesisComparison(first, in: judged.capture, by: judged.judge)
      let read = try comparison?.read().filter { !$0.isPartial } ?? []
      let other = try held(read, others)
      if !read.isEmpty, other.open.count < best.open.count { best = other }
    }
    guard let cause = diagnosis.cause(of: best.members) else { return best.open }
    let places = [first] + others.filter { !best.open.contains($0) }
    add(cause, at: places.map(\.activation.path), of: best.members)
    return best.open
  }

  /// Those that explain as many of the others as one of them can, and what they leave open.
  private func held(
    _ members: [Diagnosis.Hypothesis], _ others: [Finding]
  ) throws -> (members: [Diagnosis.Hypothesis], open: [Finding]) {
    var (members, open) = (members, [Finding]())
    for other in others {
      let comparison = try HypothesisComparison(other, in: judged.capture, by: judged.judge)
      var kept = try comparison.map { comparison in try members.filter(comparison.isExplained(by:)) } ?? []
      if kept.isEmpty,
        let close = try HypothesisComparison(closely: other, in: judged.capture, by: judged.judge)
      {
        kept = try members.filter(close.isExplained(by:))
      }
      if kept.isEmpty { open.append(other) } else { members = kept }
    }
    return (members, open)
  }

  /// Holds what explains other operations against findings of another name; those that are still open.
  private mutating func explainByKnown(_ findings: [Finding]) throws -> [Finding] {
    var open = findings
    for index in found.indices {
      guard let best = found[index].members.first, best.fault.id != Cause.placeAlone else { continue }
      var left: [Finding] = []
      for finding in open {
        let comparison = try HypothesisComparison(finding, in: judged.capture, by: judged.judge)
        if let comparison, !(comparison.ratioWithoutFault <= 1), try comparison.isExplained(by: best) {
          found[index].cause.places.append(finding.activation.path)
        } else {
          left.append(finding)
        }
        // Of what does not explain the first, nothing more is asked.
        if left.count == 1, finding == open.first {
          left = open
          break
        }
      }
      open = left
    }
    return open
  }

  /// Takes a cause up, with one of the same words that is known already.
  private mutating func add(_ cause: Cause, at paths: [String], of members: [Diagnosis.Hypothesis] = []) {
    if let same = found.firstIndex(where: { $0.cause.name == cause.name }) {
      found[same].cause.places += paths
      return
    }
    var cause = cause
    cause.places += paths
    found.append((cause, members))
  }

  /// The fault run freely from the golden, where a finding's own inputs do not tell.
  private mutating func explainFreely(_ first: Finding) throws -> Bool {
    guard let golden = judged.golden, let weights = judged.judge.weights else { return false }
    let before = verdict.findings.prefix { $0.activation != first.activation }.last { $0.zone == .consistent }
    let diagnosis = try FreeDiagnosis(
      of: first.activation, after: before?.activation, in: judged.capture, golden: SharedSource(golden),
      weights: weights, catalogue: catalogue, progress: progress)
    if first.method != .replay { notes += diagnosis?.notes ?? [] }
    guard var cause = diagnosis?.cause else { return false }
    cause.isUpstream = true
    add(cause, at: [])
    return true
  }

  /// Whether the recording holds the right numbers in another layout.
  private mutating func explainLayout(_ findings: [Finding]) throws -> Bool {
    guard let golden = judged.golden, let first = findings.first,
      let layout = try LayoutDiagnosis(of: first, in: judged.capture, golden: golden)?.found
    else { return false }
    // What the engine goes on with is its own.
    let isOwn = isFollowed(first.activation)
    if case .headOrder = layout, isOwn { return false }
    let alike = try findings.dropFirst().filter { other in
      try LayoutDiagnosis(of: other, in: judged.capture, golden: golden)?.found == layout
    }
    let ofEngine = isOwn ? layout.sentenceOfEngine : nil
    let cause = Cause(
      id: "read.layout", name: ofEngine ?? "the recording \(layout.sentence)",
      kind: ofEngine == nil ? "recording" : Fault.Family.wiring.rawValue, ratio: 0, nextRatio: nil)
    add(cause, at: ([first] + alike).map(\.activation.path))
    return true
  }

  /// Whether the finding itself says what is wrong.
  private mutating func explainByEvidence(_ findings: [Finding]) -> Bool {
    guard let named = findings[0].evidence?.cause else { return false }
    let alike = findings.filter { $0.evidence?.cause?.id == named.id }
    let cause = Cause(
      id: named.id, name: named.name, kind: Fault.Family.precision.rawValue, ratio: 0, nextRatio: nil)
    add(cause, at: alike.map(\.activation.path))
    return true
  }

  /// Whether what reads an activation went on with the numbers that were recorded: they are the engine's own.
  private func isFollowed(_ activation: Activation) -> Bool {
    let readers = Set(judged.capture.graph.operations.filter { $0.inputs.contains(activation) }.map(\.output))
    let found = verdict.findings.filter { readers.contains($0.activation) && $0.hidden.isEmpty }
    return !found.isEmpty && found.allSatisfy { $0.zone == .consistent && $0.method == .replay }
  }
}

extension Graph {
  /// Whether two findings are of one operation of the blocks: by name, or of any two experts.
  fileprivate func isAlike(_ one: Finding, _ other: Finding) -> Bool {
    if one.name == other.name { return true }
    guard case .expert? = selection(of: one.activation), case .expert? = selection(of: other.activation),
      let name = one.name.split(separator: "/").last
    else { return false }
    return other.name.split(separator: "/").last == name
  }
}
