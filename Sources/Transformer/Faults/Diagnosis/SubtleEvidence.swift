import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// A fault too small for any one element that all of them together show.
///
/// With d = faulty − right, r = got − right and σ what rounding leaves of each element, the share ⟨r, d⟩/⟨d, d⟩ (each divided
/// by σ²) says how much of the fault is in the capture: about 0 in an honest one, about 1 where the fault is planted.
/// Errors of one row may share a cause, such as its mean or its sum, so that a row counts as one observation. What the
/// contract allows an implementation to be off everywhere, always to the same side, is taken off first.
struct SubtleEvidence: Sendable {
  let fault: Fault
  /// ⟨r, d⟩/⟨d, d⟩.
  let share: Double
  /// By how many standard deviations the errors exceed what rounding and the contract explain.
  let deviations: Double
  /// The deviations that chance reaches nowhere in a whole verdict (NUM-15).
  let threshold: Double

  /// Whether the capture holds the whole fault, and nothing allowed explains it.
  var isConclusive: Bool { deviations >= threshold && abs(share - 1) <= 0.5 }

  /// What is found.
  var evidence: Evidence { .shared(fault: fault.name, share: share, deviations: deviations) }
}

extension EvidenceLevel {
  /// The level of the search that an operation of some kind is put through.
  init(of kind: Operation.Kind, catalogue: [Fault], in graph: Graph) {
    if SubtleFaults.examines(kind) {
      self.init(of: catalogue, in: graph)
    } else {
      self.init(ofWeightsOf: graph)
    }
  }

  /// One hypothesis for each fault of small effect at each operation where it is looked for.
  init(of catalogue: [Fault], in graph: Graph) {
    self.init(
      hypotheses: graph.operations.filter { SubtleFaults.examines($0.kind) }.reduce(0) {
        count, operation in
        count + catalogue.count { $0.isSubtle && $0.canSpoil(operation, in: graph) }
      })
  }
}
