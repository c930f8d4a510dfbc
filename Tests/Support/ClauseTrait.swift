import Testing

/// Names the clauses of `Docs/Specification` that a test holds.
public struct ClauseTrait: TestTrait, SuiteTrait {
  /// The ids, such as `ATT-7`.
  public let clauses: [String]
  /// Shown where the test fails.
  public var comments: [Comment] {
    [Comment(rawValue: "holds " + clauses.joined(separator: ", ") + " of Docs/Specification")]
  }
}

extension Trait where Self == ClauseTrait {
  /// The test holds these clauses of `Docs/Specification`.
  public static func clause(_ clauses: String...) -> Self {
    ClauseTrait(clauses: clauses)
  }
}
