import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// The report of one shard, read back.
struct ShardDocument {
  let file: String
  let report: Report
  let facts: ShardFacts
  let run: String

  /// - Throws: ``BadInput`` for anything but what `touchstone diff --layers A..<B --json` writes.
  init(_ text: Data, file: String) throws(BadInput) {
    guard let members = try JSONValue.parse(text, file: file).object, members["shard"] != nil else {
      throw BadInput(
        file: file, problem: "is no report of a shard",
        remedy: "write it by `touchstone diff --layers A..<B --json`")
    }
    self.file = file
    do throws(ShardFields.Malformed) {
      let top = ShardFields(members, "")
      let shard = try top.object("shard")
      guard let layers = LayerRange(try shard.text("layers")) else { throw shard.malformed("layers") }
      let drift = try shard.has("drift") ? Self.finding(shard.object("drift")) : nil
      facts = ShardFacts(
        layers: layers, layerCount: try shard.integer("layer_count"),
        operationCount: try shard.integer("operation_count"), hasWeights: try shard.bool("has_weights"),
        acceptsPartial: try shard.bool("accepts_partial"),
        coveredElsewhere: try shard.paths("covered_elsewhere"), drift: drift)
      run = try shard.text("run")
      report = Report(
        verdict: try Self.verdict(top, shard, facts), golden: try top.text("golden"),
        capture: try top.text("capture"), implementation: try top.optionalText("implementation"), run: run)
    } catch {
      throw BadInput(
        file: file, place: error.place, problem: "is not what a report of a shard has there",
        remedy: "write it by `touchstone diff --layers A..<B --json`, with this version of the program")
    }
  }

  private static func verdict(
    _ top: ShardFields, _ shard: ShardFields, _ facts: ShardFacts
  ) throws(ShardFields.Malformed) -> Verdict {
    guard let outcome = Verdict.Outcome(rawValue: try top.text("verdict")) else {
      throw top.malformed("verdict")
    }
    guard let method = Verdict.Method(rawValue: try top.text("method")) else { throw top.malformed("method") }
    guard let precision = Precision(name: try top.text("precision")) else { throw top.malformed("precision") }
    var remarks: [Note] = []
    for fields in try shard.objects("notes") { remarks.append(try note(fields, precision)) }
    var unknown: [UnknownName] = []
    for fields in try shard.objects("unknown") {
      unknown.append(
        UnknownName(
          path: try fields.text("path"), candidates: try fields.paths("candidates"),
          open: try fields.paths("open")))
    }
    var findings: [Finding] = []
    for fields in try shard.objects("findings") { findings.append(try finding(fields)) }
    var notCompared: [NotCompared] = []
    for fields in try top.objects("not_compared") {
      notCompared.append(NotCompared(path: try fields.text("path"), why: try fields.text("why")))
    }
    var verdict = Verdict(
      outcome: outcome, method: method, findings: findings, notCompared: notCompared,
      uncovered: try top.paths("uncovered"), incomparable: try shard.paths("incomparable"),
      unknownNames: unknown, contract: try shard.bool("strict") ? .strict : .standard, remarks: remarks,
      precision: precision, precisionSentence: try top.optionalText("precision_note"))
    let upstream = try shard.bools("upstream")
    for (index, fields) in try top.objects("causes").enumerated() {
      var cause = try cause(fields)
      cause.isUpstream = index < upstream.count && upstream[index]
      verdict.causes.append(cause)
    }
    verdict.shard = facts
    return verdict
  }

  private static func finding(_ fields: ShardFields) throws(ShardFields.Malformed) -> Finding {
    guard let activation = Activation(path: try fields.text("path")) else { throw fields.malformed("path") }
    guard let method = Verdict.Method(rawValue: try fields.text("method")) else {
      throw fields.malformed("method")
    }
    guard let zone = Zone(rawValue: try fields.text("zone")) else { throw fields.malformed("zone") }
    var axes: [Axis] = []
    for name in try fields.texts("axes") {
      let known: [Axis] = [.token, .query, .key, .head(1), .unit(1), .vocabulary(1)]
      guard let axis = known.first(where: { $0.name == name }) else { throw fields.malformed("axes") }
      axes.append(axis)
    }
    var policy: Policy?
    if let id = try fields.optionalText("policy") {
      policy = Policy.all.first { $0.id == id }
      if policy == nil { throw fields.malformed("policy") }
    }
    var finding = Finding(
      activation: activation, hidden: try fields.paths("with"), policy: policy, method: method, zone: zone,
      ratio: try fields.number("ratio"), index: try fields.integers("index"), axes: axes,
      got: try fields.number("got"), want: try fields.number("want"),
      inherited: try fields.has("inherited") ? fields.number("inherited") : nil,
      problem: try fields.optionalText("problem"))
    if try fields.has("searched_weights") {
      finding.searched = SearchedWeights(
        count: try fields.integer("searched_weights"), threshold: try fields.number("searched_threshold"))
    }
    if try fields.has("decided_otherwise") {
      finding.decidedOtherwise = try fields.integers("decided_otherwise")
    }
    return finding
  }

  private static func cause(_ fields: ShardFields) throws(ShardFields.Malformed) -> Cause {
    Cause(
      id: try fields.text("id"), name: try fields.text("name"), kind: try fields.text("kind"),
      ratio: try fields.has("ratio") ? fields.number("ratio") : .infinity,
      nextRatio: try fields.has("next_ratio") ? fields.number("next_ratio") : nil,
      equivalents: try fields.texts("equivalents"), places: try fields.texts("places"))
  }

  private static func note(
    _ fields: ShardFields, _ precision: Precision
  ) throws(ShardFields.Malformed) -> Note {
    if try fields.has("of") {
      guard let type = ScalarType(rawValue: try fields.text("type")) else { throw fields.malformed("type") }
      return .storedNarrower(
        try fields.integer("count"), of: try fields.integer("of"), type: type, precision: precision)
    }
    if try fields.has("count") { return .derived(try fields.integer("count")) }
    if try fields.has("names") { return .unexplainedBesides(try fields.texts("names")) }
    return .read(try fields.text("sentence"), rank: try fields.integer("rank"))
  }
}

/// The members of an object, each read as what it should be.
struct ShardFields {
  /// Where something else stands.
  struct Malformed: Error {
    let place: String
  }

  private let members: [String: JSONValue]
  private let place: String

  init(_ members: [String: JSONValue], _ place: String) {
    (self.members, self.place) = (members, place)
  }

  func malformed(_ name: String) -> Malformed { Malformed(place: place + name) }

  /// Whether there is something else than null.
  func has(_ name: String) throws(Malformed) -> Bool {
    guard let value = members[name] else { return false }
    return value != .null
  }

  private func known<Value>(_ name: String, _ value: Value?) throws(Malformed) -> Value {
    guard let value else { throw malformed(name) }
    return value
  }

  func text(_ name: String) throws(Malformed) -> String { try known(name, members[name]?.string) }

  func optionalText(_ name: String) throws(Malformed) -> String? {
    try has(name) ? text(name) : nil
  }

  func integer(_ name: String) throws(Malformed) -> Int { try known(name, members[name]?.integer) }

  func bool(_ name: String) throws(Malformed) -> Bool {
    guard case .bool(let value)? = members[name] else { throw malformed(name) }
    return value
  }

  /// A number, or the name of one that is not finite.
  func number(_ name: String) throws(Malformed) -> Double {
    if let value = members[name]?.double { return value }
    return try known(name, members[name]?.string.flatMap(Double.init).flatMap { $0.isFinite ? nil : $0 })
  }

  func object(_ name: String) throws(Malformed) -> ShardFields {
    ShardFields(try known(name, members[name]?.object), place + name + ".")
  }

  private func list<Value>(_ name: String, _ read: (JSONValue) -> Value?) throws(Malformed) -> [Value] {
    var values: [Value] = []
    for element in try known(name, members[name]?.array) { values.append(try known(name, read(element))) }
    return values
  }

  func objects(_ name: String) throws(Malformed) -> [ShardFields] {
    try list(name) { $0.object.map { ShardFields($0, place + name + ".") } }
  }

  func texts(_ name: String) throws(Malformed) -> [String] { try list(name, \.string) }

  func integers(_ name: String) throws(Malformed) -> [Int] { try list(name, \.integer) }

  func bools(_ name: String) throws(Malformed) -> [Bool] {
    try list(name) { if case .bool(let value) = $0 { value } else { nil } }
  }

  func paths(_ name: String) throws(Malformed) -> [Activation] {
    try list(name) { $0.string.flatMap { Activation(path: $0) } }
  }
}
