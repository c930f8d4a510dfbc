import TouchstoneVerdict

extension Report {
  /// The report for programs: one JSON object, its members always the same and in the same order.
  ///
  /// Numbers that are not finite are null. `operations` holds every operation compared, in the order of computation.
  public func json() -> String {
    jsonObject.text() + "\n"
  }

  var jsonObject: OrderedJSON {
    let report = Self.jsonObject(
      verdict, golden: golden, capture: capture, implementation: implementation, error: nil)
    guard case .object(let members) = report, let shard = shardObject else { return report }
    return .object(members + [("shard", shard)])
  }

  /// The same members whether there is a verdict or, in a list, an `error` instead of one.
  static func jsonObject(
    _ verdict: Verdict?, golden: String, capture: String?, implementation: String?, error: String?,
    note: String? = nil
  ) -> OrderedJSON {
    .object([
      ("golden", .string(golden)),
      ("capture", .optional(capture)),
      ("implementation", .optional(implementation)),
      ("error", .optional(error)),
      ("verdict", .optional(verdict?.outcome.rawValue)),
      ("method", .optional(verdict?.method.rawValue)),
      ("precision", .optional(verdict?.precision.name)),
      ("precision_note", .optional(verdict?.precisionSentence)),
      ("first", verdict?.decisive.map(element) ?? .null),
      ("flagged", .array((verdict?.flagged ?? []).map(operation))),
      ("cause", verdict?.cause.map(cause) ?? .null),
      ("causes", .array((verdict?.causes ?? []).map(cause))),
      ("compared", .integer(verdict?.findings.count ?? 0)),
      ("not_compared", .array((verdict?.notCompared ?? []).map(omission))),
      ("uncovered", .array((verdict?.uncovered ?? []).map { .string($0.path) })),
      ("unknown_names", .array((verdict?.unknownNames ?? []).map(unknownName))),
      ("notes", .array((verdict?.notes ?? note.map { [$0] } ?? []).map { .string($0) })),
      ("operations", .array((verdict?.findings ?? []).map(operation))),
    ])
  }

  private static func element(_ finding: Finding) -> OrderedJSON {
    .object([
      ("path", .string(finding.activation.path)),
      ("zone", .string(finding.zone.rawValue)),
      ("ratio", .number(finding.ratio)),
      ("index", .array(finding.index.map { .integer($0) })),
      ("got", .number(finding.got)),
      ("want", .number(finding.want)),
      ("problem", .optional(finding.problem)),
    ])
  }

  private static func operation(_ finding: Finding) -> OrderedJSON {
    .object([
      ("path", .string(finding.activation.path)),
      ("zone", .string(finding.zone.rawValue)),
      ("ratio", .number(finding.ratio)),
      ("inherited", .optional(finding.inherited)),
      ("method", .string(finding.method.rawValue)),
      ("with", .array(finding.hidden.map { .string($0.path) })),
      ("policy", .optional(finding.policy?.id)),
      ("problem", .optional(finding.problem)),
    ])
  }

  private static func cause(_ cause: Cause) -> OrderedJSON {
    .object([
      ("id", .string(cause.id)),
      ("name", .string(cause.name)),
      ("kind", .string(cause.kind)),
      ("ratio", .number(cause.ratio)),
      ("next_ratio", .optional(cause.nextRatio)),
      ("equivalents", .array(cause.equivalents.map { .string($0) })),
      ("places", .array(cause.places.map { .string($0) })),
    ])
  }

  private static func unknownName(_ name: UnknownName) -> OrderedJSON {
    .object([
      ("path", .string(name.path)), ("did_you_mean", .array(name.candidates.map { .string($0.path) })),
      ("is_mistaken", .bool(name.isMistaken)),
    ])
  }

  private static func omission(_ omission: NotCompared) -> OrderedJSON {
    .object([("path", .string(omission.path)), ("why", .string(omission.why))])
  }
}
