import TouchstoneModel
import TouchstoneVerdict

/// The cause of what is flagged in a step: one thing done otherwise that gives these numbers within rounding.
public struct StepCause: Sendable, Equatable {
  /// A stable name, such as `beta2`.
  public let id: String
  /// What is done otherwise, with both values where there are values.
  public let name: String
  /// The step's place.
  public let step: String
  /// The stages that it explains.
  public let stages: [StepStage]
  /// How many parameters it holds for, of how many that were judged in these stages.
  public let parameters: (those: Int, of: Int)
  /// The names of the first of them where it is not all.
  public let examples: [String]
  /// The greatest error that it leaves, over its bound.
  public let ratio: Double
  /// What else gives these numbers within rounding.
  public package(set) var equivalents: [String]

  /// All but the names of parameters.
  public static func == (left: StepCause, right: StepCause) -> Bool {
    left.id == right.id && left.name == right.name && left.step == right.step && left.stages == right.stages
      && left.parameters == right.parameters && left.equivalents == right.equivalents
  }
}

/// What was found in the recorded steps of an optimiser.
public struct StepVerdict: Sendable, Equatable {
  /// Everything that was compared, in the order of computation.
  public package(set) var findings: [StepFinding] = []
  /// What was not, and why.
  public package(set) var omissions: [StepOmission] = []
  /// What is done otherwise, the first cause first.
  public package(set) var causes: [StepCause] = []
  /// What a reader must know besides.
  public package(set) var notes: [String] = []
  /// The arithmetic that was granted.
  public let precision: Precision
  /// How many steps, and of how many parameters the one with most has.
  public package(set) var extent = (steps: 0, parameters: 0)
  private let acceptsPartial: Bool

  init(precision: Precision, acceptsPartial: Bool) {
    (self.precision, self.acceptsPartial) = (precision, acceptsPartial)
  }

  /// Everything beyond `stat`.
  public var flagged: [StepFinding] { findings.filter { $0.zone != .consistent } }

  /// The first finding of the worst outcome, by which the verdict is decided; nil where nothing is flagged.
  public var decisive: StepFinding? {
    let flagged = flagged
    return flagged.first { $0.zone >= .fail } ?? flagged.first
  }

  /// The answer in one word: a mismatch beyond `prob`; inconclusive where only `stat` is exceeded, nothing was compared, or
  /// something was left out.
  public var outcome: Verdict.Outcome {
    if findings.contains(where: { $0.zone >= .fail }) { return .mismatch }
    let isOpen = !flagged.isEmpty || findings.isEmpty || (!omissions.isEmpty && !acceptsPartial)
    return isOpen ? .inconclusive : .consistent
  }

  /// All but how many there are.
  public static func == (left: StepVerdict, right: StepVerdict) -> Bool {
    left.findings == right.findings && left.omissions == right.omissions && left.causes == right.causes
      && left.notes == right.notes && left.precision == right.precision
  }
}
