import TouchstoneGraph
import TouchstoneModel

extension Verdict {
  /// The verdict on a whole model from those on its layers, in their order: what one run over all of them would say.
  ///
  /// Findings, coverage, outcome and notes follow as in one run. Causes are those of the shards, equal ones as one: a
  /// search over all layers at once may find a simpler one where each layer by itself allows several. A judge that holds the
  /// joined verdict as ``Judge/known`` makes that search.
  ///
  /// - Parameter shards: at least one; each with its ``shard``, and in one precision.
  package init(joining shards: [Verdict]) {
    let facts = shards.compactMap(\.shard)
    var findings = shards.flatMap(\.findings).filter { !$0.isDrift }
    let notCompared = shards.flatMap(\.notCompared)
    let incomparable = shards.flatMap(\.incomparable)
    let covered = Set(
      findings.flatMap { [$0.activation] + $0.hidden } + facts.flatMap(\.coveredElsewhere))
    let uncovered = shards.flatMap(\.uncovered).filter {
      incomparable.contains($0) || !covered.contains($0)
    }
    let isPartial = !notCompared.isEmpty || findings.contains { !$0.hidden.isEmpty }
    if isPartial, findings.allSatisfy({ $0.zone == .consistent }),
      findings.contains(where: { $0.method != .floor }), let drift = facts.lazy.compactMap(\.drift).first
    {
      findings.append(drift)
    }
    let unknown = [UnknownName](joining: shards.flatMap(\.unknownNames))
    var outcome = Judge.outcome(findings)
    let leavesOut = !uncovered.isEmpty || unknown.contains(where: \.isMistaken)
    let acceptsPartial = facts.allSatisfy(\.acceptsPartial)
    if outcome == .consistent, leavesOut && !acceptsPartial || !incomparable.isEmpty {
      outcome = .inconclusive
    }
    self.init(
      outcome: outcome,
      method: Judge.method(findings, hasWeights: facts.allSatisfy(\.hasWeights)), findings: findings,
      notCompared: notCompared, uncovered: uncovered, incomparable: incomparable, unknownNames: unknown,
      contract: shards.first?.contract ?? .standard,
      remarks: [Note](joining: shards.map(\.remarks), findings, unknown),
      precision: shards.first?.precision ?? .float32,
      precisionSentence: shards.lazy.compactMap(\.precisionSentence).first)
    self.acceptsPartial = acceptsPartial
    causes = joined(shards.flatMap(\.causes))
  }

  /// Causes of one name as one, in the order of the operations that they explain: by name, then by layer.
  private func joined(_ causes: [Cause]) -> [Cause] {
    let flagged = flagged.map(\.activation)
    let names = flagged.reduce(into: [String]()) { if !$0.contains($1.name) { $0.append($1.name) } }
    func order(_ path: String) -> (Int, Int) {
      let place = flagged.firstIndex { $0.path == path } ?? flagged.count
      let name = place < flagged.count ? names.firstIndex(of: flagged[place].name) : nil
      return (name ?? names.count, place)
    }
    var joined: [Cause] = []
    for cause in causes {
      if let same = joined.firstIndex(where: { $0.name == cause.name }) {
        joined[same].places += cause.places
      } else {
        joined.append(cause)
      }
    }
    for index in joined.indices { joined[index].places.sort { order($0) < order($1) } }
    let places = joined.enumerated().map { index, cause in
      let place = cause.places.first.map(order) ?? (-1, -1)
      return (name: place.0, layer: place.1, index: index)
    }
    return places.sorted { $0 < $1 }.map { joined[$0.index] }
  }
}

extension Judge {
  /// The findings that nothing else of the same capture can change: those within their bounds, in a type in which no way of
  /// recording explains all operations at once.
  package func settled(in precision: Precision) -> [Activation: Finding] {
    guard let known, known.precision == precision, !precision.type.isNarrow else { return [:] }
    let open = Set(known.incomparable)
    let findings = known.findings.filter { $0.zone == .consistent && !open.contains($0.activation) }
    return Dictionary(findings.map { ($0.activation, $0) }, uniquingKeysWith: { first, _ in first })
  }
}

extension Finding {
  /// Whether it is the end-to-end check, which is made once for a whole model.
  package var isDrift: Bool { evidence == .drift || method == .floor && zone == .suspect }
}

extension [UnknownName] {
  /// Names that several shards saw, each with what it may mean in any of them.
  fileprivate init(joining names: [UnknownName]) {
    let byPath = Dictionary(grouping: names, by: \.path)
    func union(_ lists: [[Activation]]) -> [Activation] {
      lists.joined().reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
    let joined = byPath.sorted {
      $0.key.split(separator: "/").lexicographicallyPrecedes($1.key.split(separator: "/"))
    }.map { path, same in
      UnknownName(path: path, candidates: union(same.map(\.candidates)), open: union(same.map(\.open)))
    }
    self = joined.filter(\.isMistaken) + joined.filter { !$0.isMistaken }
  }
}

extension [Note] {
  /// What is to be known of a model whose shards have these notes.
  fileprivate init(joining lists: [[Note]], _ findings: [Finding], _ unknown: [UnknownName]) {
    var notes =
      [findings.searchRemark].compactMap(\.self) + findings.policyRemarks
      + findings.decisionRemarks
    if !unknown.isEmpty { notes.append(.unknownNames(unknown)) }
    for note in lists.joined() {
      switch note {
      case .searched, .policy, .decidedOtherwise, .unknownNames: continue
      case .storedNarrower(let count, let all, let type, let precision):
        guard let place = notes.firstIndex(where: { $0.rank == note.rank }),
          case .storedNarrower(let others, let allOthers, let other, _) = notes[place]
        else { break }
        notes[place] = .storedNarrower(
          count + others, of: all + allOthers, type: type.unitRoundoff > other.unitRoundoff ? type : other,
          precision: precision)
        continue
      case .derived(let count):
        guard let place = notes.firstIndex(where: { $0.rank == note.rank }),
          case .derived(let others) = notes[place]
        else { break }
        notes[place] = .derived(count + others)
        continue
      case .unexplainedBesides(let names):
        guard let place = notes.firstIndex(where: { $0.rank == note.rank }),
          case .unexplainedBesides(let others) = notes[place]
        else { break }
        notes[place] = .unexplainedBesides(others + names.filter { !others.contains($0) })
        continue
      default: break
      }
      if !notes.contains(note) { notes.append(note) }
    }
    // Of what all values of a type have in common there is one note: of an overflow the first.
    var seen: Set<Int> = []
    self = notes.enumerated().sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }
      .map(\.element).filter { !$0.isSaidOnce || seen.insert($0.rank).inserted }
  }
}

extension Note {
  /// A note that was read back: its place among the others, and its sentence.
  package static func read(_ sentence: String, rank: Int) -> Note { .ranked(rank, sentence) }

  /// Its place among the notes of a verdict.
  package var rank: Int {
    switch self {
    case .searched: 0
    case .replayedTogether: 1
    case .comparedEndToEnd, .comparedBySketches: 2
    case .replayedTogetherInNarrowType: 3
    case .withoutWeights: 4
    case .withoutGolden: 5
    case .withoutFloor: 6
    case .floorOfOtherPrecision, .floorOfOtherDecisions, .floorBefore: 7
    case .policy, .decidedOtherwise: 8
    case .precision: 9
    case .productInputs: 10
    case .storedNarrower: 11
    case .derived: 12
    case .unknownNames: 13
    case .overflow: 14
    case .tooLittle, .unexplained, .unexplainedEndToEnd, .untried: 15
    case .unexplainedBesides: 16
    case .said: 17
    case .foreignGraph: 18
    case .nextTokens: 19
    case .ranked(let rank, _): rank
    }
  }

  /// Whether a verdict has one such note at most.
  fileprivate var isSaidOnce: Bool { [14, 15].contains(rank) }
}
