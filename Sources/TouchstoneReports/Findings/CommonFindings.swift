import TouchstoneModel
import TouchstoneVerdict

/// What several goldens of one run have in common, said once.
extension VerificationSummary {
  /// The notes of the consistent verdicts, whose reports are not shown; equal ones once, with whose they are.
  var consistentNotes: [String] {
    var owners: [(note: String, goldens: [String])] = []
    for case .judged(let report) in entries where report.verdict.outcome == .consistent {
      for note in report.verdict.notes {
        if let known = owners.firstIndex(where: { $0.note == note }) {
          owners[known].goldens.append(report.golden)
        } else {
          owners.append((note, [report.golden]))
        }
      }
    }
    return owners.map { note, goldens in
      let whose =
        goldens.count == entries.count && goldens.count > 1
        ? "all \(counted(goldens.count, "golden"))"
        : goldens.prefix(2).joined(separator: ", ")
          + (goldens.count > 2 ? " and \(counted(goldens.count - 2, "other"))" : "")
      return "\(note) (\(whose))"
    }
  }

  /// A sentence where one cause, or one operation, or one reason explains more than one entry.
  var common: [String] {
    let verdicts = entries.compactMap { entry -> Verdict? in
      if case .judged(let report) = entry, !report.verdict.flagged.isEmpty { report.verdict } else { nil }
    }
    let refusals = entries.compactMap { entry -> String? in
      guard case .refused(_, _, let error) = entry else { return nil }
      return BadInput(place: error.place, problem: error.problem).description
    }
    let cause = mostCommon(verdicts.map { $0.cause?.name })
    let first = mostCommon(verdicts.map { $0.decisive?.activation.name })
    let sentence: String? =
      if let cause, cause.count >= first?.count ?? 0 {
        "One cause in \(grouped(cause.count)) of \(counted(verdicts.count, "flagged golden")): \(cause.value)."
      } else if let first {
        "In \(grouped(first.count)) of \(counted(verdicts.count, "flagged golden")) the difference begins at \(first.value)."
      } else {
        nil
      }
    let refusal = mostCommon(refusals).map { reason in
      "\(grouped(reason.count)) of \(counted(refusals.count, "refusal")) for one reason: \(reason.value)."
    }
    return [sentence, refusal].compactMap { $0 }
  }

  /// The value that occurs most often, the first of equals; nil where none occurs twice.
  private func mostCommon(_ values: [String?]) -> (value: String, count: Int)? {
    let known = values.compactMap { $0 }
    let counts = Dictionary(known.map { ($0, 1) }, uniquingKeysWith: +)
    guard let most = counts.values.max(), most > 1, let value = known.first(where: { counts[$0] == most })
    else {
      return nil
    }
    return (value, most)
  }
}
