import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// What a report on some layers holds besides, from which ``MergedReport`` makes the report on all.
extension Report {
  /// nil where all layers were judged.
  var shardObject: OrderedJSON? {
    guard let facts = verdict.shard, let run else { return nil }
    let findings = verdict.findings.filter { !$0.isDrift }
    return .object([
      ("layers", .string(facts.layers.description)),
      ("layer_count", .integer(facts.layerCount)),
      ("operation_count", .integer(facts.operationCount)),
      ("run", .string(run)),
      ("strict", .bool(verdict.contract == .strict)),
      ("has_weights", .bool(facts.hasWeights)),
      ("accepts_partial", .bool(facts.acceptsPartial)),
      ("covered_elsewhere", .paths(facts.coveredElsewhere)),
      ("incomparable", .paths(verdict.incomparable)),
      ("findings", .array(findings.map(Self.finding))),
      ("drift", facts.drift.map(Self.finding) ?? .null),
      ("unknown", .array(verdict.unknownNames.map(Self.unknown))),
      ("upstream", .array(verdict.causes.map { .bool($0.isUpstream) })),
      ("notes", .array(verdict.remarks.compactMap(Self.note))),
    ])
  }

  private static func finding(_ finding: Finding) -> OrderedJSON {
    let decided = finding.decidedOtherwise
    return .object([
      ("path", .string(finding.activation.path)),
      ("with", .paths(finding.hidden)),
      ("policy", .optional(finding.policy?.id)),
      ("method", .string(finding.method.rawValue)),
      ("zone", .string(finding.zone.rawValue)),
      ("ratio", .exact(finding.ratio)),
      ("index", .array(finding.index.map { .integer($0) })),
      ("axes", .array(finding.axes.map { .string($0.name) })),
      ("got", .exact(finding.got)),
      ("want", .exact(finding.want)),
      ("inherited", finding.inherited.map { .exact($0) } ?? .null),
      ("problem", .optional(finding.problem)),
      ("searched_weights", finding.searched.map { .integer($0.count) } ?? .null),
      ("searched_threshold", finding.searched.map { .exact($0.threshold) } ?? .null),
      ("decided_otherwise", decided.isEmpty ? .null : .array(decided.map { .integer($0) })),
    ])
  }

  private static func unknown(_ name: UnknownName) -> OrderedJSON {
    .object([
      ("path", .string(name.path)), ("candidates", .paths(name.candidates)), ("open", .paths(name.open)),
    ])
  }

  /// nil for what follows from findings and names.
  private static func note(_ note: Note) -> OrderedJSON? {
    var members: [(String, OrderedJSON)] = [
      ("rank", .integer(note.rank)), ("sentence", .string(note.sentence)),
    ]
    switch note {
    case .searched, .policy, .decidedOtherwise, .unknownNames: return nil
    case .storedNarrower(let count, let all, let type, _):
      members += [("count", .integer(count)), ("of", .integer(all)), ("type", .string(type.rawValue))]
    case .derived(let count): members.append(("count", .integer(count)))
    case .unexplainedBesides(let names): members.append(("names", .array(names.map { .string($0) })))
    default: break
    }
    return .object(members)
  }
}

extension OrderedJSON {
  fileprivate static func paths(_ activations: [Activation]) -> OrderedJSON {
    .array(activations.map { .string($0.path) })
  }

  /// A number, or the name of one that JSON has not.
  fileprivate static func exact(_ number: Double) -> OrderedJSON {
    number.isFinite ? .number(number) : .string("\(number)")
  }
}
