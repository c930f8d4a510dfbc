import TouchstoneReports
import TouchstoneVerdict

extension Verdict.Outcome {
  /// The process's exit code for this outcome.
  var exitCode: Int32 {
    switch self {
    case .consistent: 0
    case .mismatch: 1
    case .inconclusive: 3
    }
  }
}

extension Verdict {
  /// The process's exit code for this outcome.
  var exitCode: Int32 { outcome.exitCode }
}

extension [VerificationSummary.Entry] {
  /// The first of 1, 2, 3, 0 that occurred, so that nothing hides a mismatch; 3 where nothing did.
  var exitCode: Int32 {
    let codes = exitCodes
    return [1, 2, 3, 0].first { codes.contains($0) } ?? 3
  }

  fileprivate var exitCodes: [Int32] {
    compactMap { entry in
      switch entry {
      case .judged(let report): report.verdict.exitCode
      case .refused: 2
      case .unsupported: nil
      }
    }
  }
}

extension BaselineComparison {
  /// The exit code of the goldens that are worse than in the baseline, 3 where one of it was not verified; a run of
  /// nothing is no better for having a baseline.
  func exitCode(of entries: [VerificationSummary.Entry]) -> Int32 {
    guard !entries.exitCodes.isEmpty else { return entries.exitCode }
    let names = Set(worse.map(\.golden))
    let code = entries.filter { names.contains($0.golden) }.exitCodes
    return [1, 2, 3].first { code.contains($0) } ?? (missing.isEmpty && names.isEmpty ? 0 : 3)
  }
}
