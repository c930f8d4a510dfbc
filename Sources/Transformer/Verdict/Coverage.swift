import TouchstoneGraph
import TouchstoneModel

/// Which operations up to the logits some comparison covers.
///
/// One is covered where it was compared itself, where it was recomputed together with one that was, or where
/// something that depends on it was compared with the golden end to end. What a missing tensor hides beyond that
/// can be anything: it never passes unsaid. Nor does a value that is not finite where the definition's is not either:
/// such an operation is not covered, whatever else of it was compared.
struct Coverage {
  /// The operations that nothing covers, in the order of computation.
  let uncovered: [Activation]
  /// Those of them that have elements of which nothing can be said.
  let incomparable: [Activation]

  /// What findings cover, in whatever layers it stands.
  static func covered(by findings: [Finding], of graph: Graph) -> Set<Activation> {
    func inputs(_ activation: Activation) -> [Activation] {
      graph.cached[activation].map { [$0] } ?? graph.operation(making: activation)?.inputs ?? []
    }
    var covered = Set(findings.flatMap { [$0.activation] + $0.hidden })
    // Everything that an end-to-end comparison depends on.
    var waiting = findings.filter { [.floor, .sketch].contains($0.method) }.flatMap { inputs($0.activation) }
    while let activation = waiting.popLast() {
      if covered.insert(activation).inserted { waiting += inputs(activation) }
    }
    return covered
  }

  /// Reads it off the findings.
  ///
  /// - Parameters:
  ///   - vacuous: what could be replayed and has no element to judge.
  ///   - incomparable: what has elements of which nothing can be said.
  init(
    _ operations: [Operation], of graph: Graph, _ findings: [Finding], vacuous: [Activation],
    incomparable: [Activation]
  ) {
    self.incomparable = incomparable
    let covered = Self.covered(by: findings, of: graph).union(vacuous)
    let probabilities = graph.probabilities
    uncovered = operations.map(\.output).filter { activation in
      incomparable.contains(activation)
        || activation != probabilities && !covered.contains(activation)
    }
  }
}

extension ActivationSource {
  /// What the bounds were widened by because the capture says so of itself.
  ///
  /// - Parameter operations: those that are judged.
  func ownRemarks(on operations: [Operation]) -> [Note] {
    var notes: [Note] = []
    if precision != .float32 { notes.append(.precision(precision)) }
    if productInputs != .recorded { notes.append(.productInputs(productInputs)) }
    let outputs = operations.map(\.output).filter { graph.index(making: $0) != nil }
    let recorded = outputs.compactMap { storedType(of: $0) }
    let narrower = recorded.filter { $0.unitRoundoff > precision.type.unitRoundoff }
    if let widest = narrower.max(by: { $0.unitRoundoff < $1.unitRoundoff }) {
      notes.append(.storedNarrower(narrower.count, of: recorded.count, type: widest, precision: precision))
    }
    let derived = outputs.filter {
      isDerived($0) && storedShape(of: $0) != nil
    }
    if !derived.isEmpty { notes.append(.derived(derived.count)) }
    return notes
  }
}
