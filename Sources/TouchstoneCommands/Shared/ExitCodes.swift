import TouchstoneReports
import TouchstoneVerdict

extension Verdict {
  /// The process's exit code for this outcome.
  var exitCode: Int32 {
    switch outcome {
    case .consistent: 0
    case .mismatch: 1
    case .inconclusive: 3
    }
  }
}

extension [VerificationSummary.Entry] {
  /// The first of 1, 2, 3, 0 that occurred, so that nothing hides a mismatch; 3 where nothing did.
  var exitCode: Int32 {
    let codes = compactMap { entry -> Int32? in
      switch entry {
      case .judged(let report): report.verdict.exitCode
      case .refused: 2
      case .unsupported: nil
      }
    }
    return [1, 2, 3, 0].first { codes.contains($0) } ?? 3
  }
}
