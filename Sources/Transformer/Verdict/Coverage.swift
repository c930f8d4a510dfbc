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
    let makers = Dictionary(operations.map { ($0.output, $0) }) { first, _ in first }
    var covered = Set(findings.flatMap { [$0.activation] + $0.hidden })
    // Everything that an end-to-end comparison depends on.
    var waiting = findings.filter { $0.method == .floor }.flatMap { makers[$0.activation]?.inputs ?? [] }
    while let activation = waiting.popLast() {
      if covered.insert(activation).inserted { waiting += makers[activation]?.inputs ?? [] }
    }
    covered.formUnion(vacuous)
    let probabilities = graph.probabilities
    uncovered = operations.map(\.output).filter { activation in
      incomparable.contains(activation)
        || activation != probabilities && !covered.contains(activation)
    }
  }
}

extension ActivationSource {
  /// What the bounds were widened by because the capture says so of itself.
  var ownRemarks: [Note] {
    var notes: [Note] = []
    if precision != .float32 { notes.append(.precision(precision)) }
    if productInputs != .recorded { notes.append(.productInputs(productInputs)) }
    let recorded = graph.operations.compactMap { storedType(of: $0.output) }
    let narrower = recorded.filter { $0.unitRoundoff > precision.type.unitRoundoff }
    if let widest = narrower.max(by: { $0.unitRoundoff < $1.unitRoundoff }) {
      notes.append(.storedNarrower(narrower.count, of: recorded.count, type: widest, precision: precision))
    }
    let derived = graph.operations.map(\.output).filter {
      isDerived($0) && storedShape(of: $0) != nil
    }
    if !derived.isEmpty { notes.append(.derived(derived.count)) }
    return notes
  }
}
