import TouchstoneModel
import TouchstoneVerdict

/// Judges recorded steps of an optimiser, each quantity from the step's own inputs (OPT-2).
public struct StepJudge: Sendable {
  private let acceptsPartial: Bool
  private let seeksCauses: Bool
  private let progress: @Sendable (Int, Int) -> Void

  /// Sets up a judge.
  ///
  /// - Parameters:
  ///   - acceptsPartial: whether what is not recorded may stay uncovered.
  ///   - seeksCauses: whether what is flagged is explained.
  ///   - progress: is told how many parameters of how many are judged.
  public init(
    acceptsPartial: Bool = false, seeksCauses: Bool = true,
    progress: @escaping @Sendable (Int, Int) -> Void = { _, _ in }
  ) {
    (self.acceptsPartial, self.seeksCauses, self.progress) = (acceptsPartial, seeksCauses, progress)
  }

  /// Judges every step.
  ///
  /// - Parameter golden: what the reference made of the same step, for the error end to end; nil for none.
  /// - Throws: `BadInput` where values cannot be read, or those of one parameter are not of one shape.
  public func verdict(
    on source: any StepSource, golden: (any StepSource)? = nil
  ) throws(BadInput) -> StepVerdict {
    guard !source.precision.truncates, source.precision.type.significandBits >= 24 else {
      throw BadInput(
        place: "provenance@precision",
        problem: "is \(source.precision.name), and steps are judged in float32 and float64",
        remedy: "name the arithmetic of the step, whatever type its gradients come in")
    }
    var verdict = StepVerdict(precision: source.precision, acceptsPartial: acceptsPartial)
    let total = source.steps.reduce(0) { $0 + $1.parameters.count }
    var done = 0
    for index in source.steps.indices {
      let context = try StepContext(source, index)
      var step = ComparedStep(context, golden)
      step.compareNorm()
      for name in context.description.parameters {
        try step.compare(name)
        done += 1
        progress(done, total)
      }
      step.sort()
      verdict.findings += step.findings
      verdict.omissions += step.omissions
      if seeksCauses { verdict.causes += try StepDiagnosis(context, step.findings).causes() }
      verdict.extent = (index + 1, max(verdict.extent.parameters, context.description.parameters.count))
    }
    verdict.notes = Self.notes(source, verdict.findings)
    return verdict
  }

  private static func notes(_ source: any StepSource, _ findings: [StepFinding]) -> [String] {
    let rounded = findings.filter { $0.isFloat32 && $0.zone == .consistent }
    var notes: [String] = []
    if let first = rounded.first {
      notes.append(
        "\(counted(rounded.count, "tensor")) (\(first.path)\(rounded.count > 1 ? ", …" : "")) agree with β, lr, ε and "
          + "decay as float32 holds them, not with the decimals: both are right")
    }
    if let step = source.steps.first(where: { $0.clipNorm != nil && $0.norm == nil && !$0.isPartial }) {
      notes.append(
        "\(step.place)/grad_norm is not recorded: gradients are clipped by the norm of what is recorded")
    }
    return notes
  }
}
