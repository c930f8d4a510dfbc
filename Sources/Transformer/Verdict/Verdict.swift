import TouchstoneGraph
import TouchstoneModel

/// What the comparison of a capture with the definition found: a value, without printing or asserting.
public struct Verdict: Sendable, Equatable {
  /// The answer in one word.
  public enum Outcome: String, Sendable {
    /// Something was compared, and every operation is within its bound.
    case consistent
    /// An operation is beyond `prob`, a tensor has the wrong shape, or is not finite where it must be.
    case mismatch
    /// Nothing could be compared, only the suspect zone was reached, operations before the logits are covered by no
    /// comparison, values that are not finite hold nothing to compare, or a dataset is not what its name should say.
    case inconclusive
  }

  /// How the operations were judged.
  public enum Method: String, Sendable {
    /// Each operation recomputed in float64 from the capture's own inputs.
    case replay
    /// Several operations recomputed together from the capture's own inputs, each row against the noise that
    /// such arithmetic makes on them.
    case localFloor = "local-floor"
    /// End to end against the golden's recorded noise floor: the weaker check.
    case floor
    /// End to end by sketches of both against the golden's recorded noise floor: weaker still.
    case sketch
  }

  /// The answer in one word.
  public package(set) var outcome: Outcome
  /// How the operations were judged.
  public package(set) var method: Method
  /// Every operation that was compared, in the order of computation.
  public package(set) var findings: [Finding]
  /// What the capture holds or lacks that could not be compared, and why.
  public package(set) var notCompared: [NotCompared]
  /// The operations up to the logits that no comparison covers, neither their own nor one of something later, and those
  /// of ``incomparable``.
  public package(set) var uncovered: [Activation]
  /// The operations with elements that are not finite, by the definition neither: nothing says whether they are right.
  public package(set) var incomparable: [Activation]
  /// The datasets whose names are not of the format.
  public package(set) var unknownNames: [UnknownName]
  /// What implementations were granted.
  public package(set) var contract: Contract
  /// Whether a capture that leaves operations without any comparison may be consistent.
  public package(set) var acceptsPartial = false
  /// What explains the operations that are flagged, the cause of the first one first; empty where nothing was found.
  public package(set) var causes: [Cause]
  /// What a reader must know besides: a check that was not made, a weaker method.
  package var remarks: [Note]
  /// What the capture was judged as.
  public package(set) var precision: Precision
  /// Why that is not what the capture names, where it is not.
  public package(set) var precisionSentence: String?
  /// What joins it with those of other layers, where only some were judged.
  package var shard: ShardFacts?

  /// Collects the parts of a verdict.
  public init(
    outcome: Outcome, method: Method, findings: [Finding], notCompared: [NotCompared] = [],
    uncovered: [Activation] = [], incomparable: [Activation] = [], unknownNames: [UnknownName] = [],
    contract: Contract = .standard, cause: Cause? = nil, notes: [String] = [],
    precision: Precision = .float32, precisionSentence: String? = nil
  ) {
    self.init(
      outcome: outcome, method: method, findings: findings, notCompared: notCompared, uncovered: uncovered,
      incomparable: incomparable, unknownNames: unknownNames, contract: contract, cause: cause,
      remarks: notes.map { .said($0) }, precision: precision, precisionSentence: precisionSentence)
  }

  package init(
    outcome: Outcome, method: Method, findings: [Finding], notCompared: [NotCompared],
    uncovered: [Activation], incomparable: [Activation], unknownNames: [UnknownName], contract: Contract,
    cause: Cause? = nil, remarks: [Note], precision: Precision = .float32, precisionSentence: String? = nil
  ) {
    self.outcome = outcome
    self.method = method
    self.findings = findings
    self.notCompared = notCompared
    self.uncovered = uncovered
    self.incomparable = incomparable
    self.unknownNames = unknownNames
    self.contract = contract
    self.causes = cause.map { [$0] } ?? []
    self.remarks = remarks
    self.precision = precision
    self.precisionSentence = precisionSentence
  }

  /// What explains the operation that the verdict rests on, where something does.
  public var cause: Cause? {
    guard let decisive else { return nil }
    return causes.first { $0.places.isEmpty || $0.places.contains(decisive.activation.path) }
      ?? causes.first { $0.isUpstream }
  }

  /// ``remarks`` in sentences.
  public var notes: [String] { remarks.map(\.sentence) }

  /// The same verdict with one thing more that a reader must know.
  public func adding(note: String) -> Verdict { adding(.said(note)) }

  /// The same verdict with one thing more that a reader must know.
  package func adding(_ note: Note) -> Verdict {
    var verdict = self
    verdict.remarks.append(note)
    return verdict
  }

  /// The findings beyond `stat`, in the order of computation; the first is where the difference begins.
  public var flagged: [Finding] { findings.filter { $0.zone != .consistent } }
}

/// How far an error lies beyond what rounding can do, from none to more than any order of operations.
public enum Zone: String, Sendable, Comparable, CaseIterable {
  /// Within `stat`.
  case consistent = "CONSISTENT"
  /// Beyond `stat`, within `prob`: an unusual summation order, or a fault too small to tell.
  case suspect = "SUSPECT"
  /// Beyond `prob`.
  case fail = "FAIL"
  /// Beyond `det`: no order of correctly rounded operations gives that number.
  case proven = "PROVEN"

  /// Consistent is the least, proven the greatest.
  public static func < (left: Zone, right: Zone) -> Bool {
    left.rank < right.rank
  }

  private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// One compared operation.
public struct Finding: Sendable, Equatable {
  /// The activation whose making was judged.
  public let activation: Activation
  /// The activations in between that the capture lacks and that were replayed with it; empty for one operation.
  public let hidden: [Activation]
  /// The policy by which it is judged in 16 bits; nil where that is the plain one.
  public package(set) var policy: Policy?
  /// How it was judged.
  public let method: Verdict.Method
  /// The highest zone that any element reached.
  public let zone: Zone
  /// The worst error over `stat` (by the golden's floor: the worst row over ten times it; by the local one: the worst figure over what noise makes of it); infinite where an
  /// element is not finite or a shape is wrong.
  public let ratio: Double
  /// Coordinates of the worst element of the highest zone; empty where shapes differ.
  public let index: [Int]
  /// What the coordinates count; empty where that is not known.
  public let axes: [Axis]
  /// The captured value there.
  public let got: Double
  /// What the definition gives from the capture's own inputs.
  public let want: Double
  /// max|capture − golden| over max|golden|, finite entries; nil without a golden value.
  public package(set) var inherited: Double?
  /// What is wrong where it is not a number out of bounds: a wrong shape, NaN, broken wiring.
  package let evidence: Evidence?
  /// What all rows together were searched for besides; nil where nothing was.
  public package(set) var searched: SearchedWeights?
  /// How the errors are spread; nil unless the judge was asked for it.
  public package(set) var survey: ErrorSurvey?
  /// The tokens for which a decision is another than that of the definition from the same numbers, within rounding.
  public package(set) var decidedOtherwise: [Int] = []

  /// Collects the parts of a finding.
  public init(
    activation: Activation, hidden: [Activation] = [], policy: Policy? = nil,
    method: Verdict.Method = .replay, zone: Zone,
    ratio: Double, index: [Int] = [], axes: [Axis] = [],
    got: Double = .nan, want: Double = .nan, inherited: Double? = nil, problem: String? = nil
  ) {
    self.init(
      activation: activation, hidden: hidden, policy: policy, method: method, zone: zone, ratio: ratio,
      index: index, axes: axes, got: got, want: want, inherited: inherited,
      evidence: problem.map { .said($0) })
  }

  package init(
    activation: Activation, hidden: [Activation] = [], policy: Policy? = nil,
    method: Verdict.Method = .replay, zone: Zone, ratio: Double, index: [Int] = [], axes: [Axis] = [],
    got: Double = .nan, want: Double = .nan, inherited: Double? = nil, evidence: Evidence?
  ) {
    self.activation = activation
    self.hidden = hidden
    self.policy = policy
    self.method = method
    self.zone = zone
    self.ratio = ratio
    self.index = index
    self.axes = axes
    // The sign of what is no number says nothing.
    self.got = got.isNaN ? .nan : got
    self.want = want.isNaN ? .nan : want
    self.inherited = inherited
    self.evidence = evidence
  }

  /// ``evidence`` in a sentence without its subject.
  public var problem: String? { evidence?.sentence }
}

/// An activation that was not compared.
public struct NotCompared: Sendable, Equatable {
  /// Its path in the file.
  public let path: String
  /// Why, in a sentence.
  public let why: String

  /// Names an activation and the reason.
  public init(path: String, why: String) {
    self.path = path
    self.why = why
  }
}

/// What explains one or more operations that are flagged.
public struct Cause: Sendable, Equatable {
  /// The stable id in the catalogue, such as `gelu.half-table`; `read.` and more where it was read off the capture.
  public let id: String
  /// What is wrong, in words.
  public let name: String
  /// What part of an implementation it belongs to, such as `mask`; `recording` where the engine may be right.
  public let kind: String
  /// The worst error over the bound under this hypothesis.
  public let ratio: Double
  /// The same under the next best hypothesis, or what it is at least where that is far off; nil where there is none.
  public let nextRatio: Double?
  /// Other ids of the catalogue that the capture cannot tell from this one.
  public let equivalents: [String]
  /// The operations that it explains, by path.
  public package(set) var places: [String]

  /// Names a cause.
  public init(
    id: String, name: String, kind: String = "", ratio: Double, nextRatio: Double?,
    equivalents: [String] = [],
    places: [String] = []
  ) {
    self.id = id
    self.name = name
    self.kind = kind
    self.ratio = ratio
    self.nextRatio = nextRatio
    self.equivalents = equivalents
    self.places = places
  }

  /// Whether it stands before what it explains: a fault that was run freely from the golden.
  package var isUpstream = false

  /// Whether it says only where the numbers are wrong, and that they are right elsewhere.
  public var isPlaceAlone: Bool { id == Self.placeAlone }

  package static let placeAlone = "read.place"
}
