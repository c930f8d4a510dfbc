import TouchstoneGraph

/// How much a ``Judge`` does with what it has judged operation by operation.
///
/// What comes after stands where the catalogue of faults does, and names itself there: `.whole()` is all of it, in the
/// order in which it belongs.
public struct Depth: Sendable {
  /// One more look at a verdict.
  package typealias Stage = @Sendable (Verdict, Judged) throws -> Verdict

  package let stages: [Stage]

  package init(_ stages: [Stage]) {
    self.stages = stages
  }

  /// Every operation by itself, and nothing after.
  public static let operations = Depth([])
}

/// What a verdict was given on, and by whom.
package struct Judged {
  /// The judge, by whose contract the later stages go on.
  package let judge: Judge
  /// What an implementation computed.
  package let capture: any ActivationSource
  /// What the reference computed; nil where there is none.
  package let golden: (any ActivationSource)?

  package init(_ judge: Judge, _ capture: any ActivationSource, golden: (any ActivationSource)?) {
    self.judge = judge
    self.capture = capture
    self.golden = golden
  }
}
