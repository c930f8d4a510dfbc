import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

extension Verdict {
  /// The same verdict with operations flagged whose elements show together a fault that none of them shows by itself.
  ///
  /// Such a finding is SUSPECT at most: it rests on roundings being unbiased, which no bound needs. Captures in 16 bits are
  /// not examined, because their own rounding hides every fault of this kind.
  ///
  /// - Parameters:
  ///   - judged: what was judged, and by whom.
  ///   - catalogue: the faults that are looked for.
  /// - Throws: what reading the capture throws.
  func examined(_ judged: Judged, _ catalogue: [Fault]) throws -> Verdict {
    let capture = judged.capture
    guard capture.precision.type.unitRoundoff <= ScalarType.float32.unitRoundoff, !precision.type.isNarrow
    else { return self }
    let graph = capture.graph.with(temperature: capture.temperature)
    let settled = judged.judge.settled(in: precision)
    let examined = findings.enumerated().compactMap { index, finding -> (index: Int, operation: Operation)? in
      guard finding.zone == .consistent, finding.method == .replay, finding.hidden.isEmpty,
        settled[finding.activation] == nil,
        let place = graph.index(making: finding.activation),
        SubtleFaults.examines(graph.operations[place].kind), !capture.storesNarrow(graph.operations[place])
      else { return nil }
      return (index, graph.operations[place])
    }
    let shared = SharedSource(capture, judgedAs: capture.namesPrecision ? nil : precision)
    let judge = judged.judge
    let level = EvidenceLevel(of: catalogue, in: graph)
    let results = try examined.indices.concurrentMap { place in
      try SubtleFaults(examined[place].operation, of: graph, in: shared, by: judge, level)?.found(catalogue)
        ?? []
    }
    var (findings, causes) = (findings, [Activation: Cause]())
    for (index, found) in zip(examined.map(\.index), results) {
      let finding = findings[index]
      guard let first = found.first else { continue }
      findings[index] = Finding(
        activation: finding.activation, zone: .suspect, ratio: first.deviations / first.threshold,
        index: finding.index, axes: finding.axes, got: finding.got, want: finding.want,
        inherited: finding.inherited, evidence: first.evidence)
      causes[finding.activation] = Cause(
        id: first.fault.id, name: first.fault.name, kind: first.fault.family.rawValue,
        ratio: abs(first.share - 1), nextRatio: nil,
        equivalents: found.dropFirst().map(\.fault.id))
    }
    guard !causes.isEmpty else { return self }
    var verdict = self
    verdict.findings = findings
    if self.causes.isEmpty, let first = verdict.flagged.first, let cause = causes[first.activation] {
      verdict.causes = [cause]
    }
    if outcome == .consistent { verdict.outcome = .inconclusive }
    return verdict
  }
}

extension ActivationSource {
  /// Whether what an operation reads or makes is recorded in 16 bits: what its record has lost is no error of arithmetic.
  fileprivate func storesNarrow(_ operation: Operation) -> Bool {
    ([operation.output] + operation.inputs).contains { storedType(of: $0)?.isNarrow == true }
  }
}

/// The faults of small effect that are tried at every operation that works row by row.
struct SubtleFaults {
  let site: FaultSite
  let right: Estimate
  let got: Tensor<Double>
  private let contract: Contract
  private let level: EvidenceLevel
  private let isJudged: (Int) -> Bool
  /// What every fault is held against, row by row.
  private var observations: [Observation] = []

  /// More elements than this say nothing more.
  private static let elementsAtMost = 1 << 19

  init(
    site: FaultSite, right: Estimate, got: Tensor<Double>, _ contract: Contract, _ level: EvidenceLevel
  ) {
    self.site = site
    self.contract = contract
    self.level = level
    self.right = right
    self.got = got
    self.isJudged = site.operation.judgedElements(site.inputs, graph: site.graph)
    guard Self.examines(site.operation.kind), got.count <= Self.elementsAtMost else { return }
    let allowance = SubtleAllowance(site, right.values)
    let rows = distinctRows()
    let repeats = isSoftmax ? repeats(in: rows, allowance) : [:]
    observations = rows.compactMap { observation($0, allowance, repeats) }
  }

  /// Gathers what one operation of a capture read and made; nil where the capture lacks a part of it.
  init?(
    _ operation: Operation, of graph: Graph, in capture: any ActivationSource, by judge: Judge,
    _ level: EvidenceLevel
  ) throws {
    guard let shape = graph.shape(of: operation.output, in: capture.inputs),
      shape.reduce(1, *) <= Self.elementsAtMost,
      let site = try Site(
        operation, of: graph, inputs: capture.inputs, weights: judge.weights,
        reading: { try capture.tensor($0) }),
      let got = try capture.tensor(operation.output),
      let right = try judge.estimate(operation.output, in: capture)
    else { return nil }
    self.init(
      site: FaultSite(site: site, graph: graph, activation: { _ in nil }, parameter: { _ in nil }),
      right: right, got: got, judge.contract, level)
  }

  /// Whether operations of this kind are examined at all.
  static func examines(_ kind: Operation.Kind) -> Bool {
    kind.payload is any Normalising || kind.traits.contains(.softmax)
  }

  /// The subtle faults of the catalogue that this capture shows, the clearest first.
  func found(_ catalogue: [Fault]) -> [SubtleEvidence] {
    // NaN is wanted: it is refused at the end.
    let most = 8 * lengthOfErrors
    return catalogue.filter { $0.isSubtle && $0.canSpoil(site.operation, in: site.graph) }
      .compactMap { evidence($0, isWanted: { !($0 > most) }) }
      .filter(\.isConclusive).sorted { $0.deviations > $1.deviations }
  }

  /// ⟨r, r⟩ in the weights of ``Moments``.
  ///
  /// The share of a fault is ⟨r, d⟩/⟨d, d⟩ ≤ √(⟨r, r⟩/⟨d, d⟩): where ⟨d, d⟩ is over four times as much,
  /// it is below a half, whatever the other rows hold.
  private var lengthOfErrors: Double {
    observations.reduce(0) { $0 + $1.lengthOfErrors }
  }

  /// How much of one fault is in the capture; nil where it changes nothing here.
  ///
  /// - Parameter isWanted: whether to go on, by ⟨d, d⟩ over the rows so far.
  func evidence(_ fault: Fault, isWanted: (Double) -> Bool = { _ in true }) -> SubtleEvidence? {
    guard !observations.isEmpty, let faulty = fault.spoilt(site), faulty.shape == got.shape
    else { return nil }
    var total = Moments()
    for observation in observations {
      total.add(moments(observation, faulty))
      guard isWanted(total.norm) else { return nil }
    }
    guard total.norm > 0, total.norm.isFinite, total.cross.isFinite else { return nil }
    return SubtleEvidence(
      fault: fault, share: total.cross / total.norm,
      deviations: (abs(total.cross) - total.allowed) / total.norm.squareRoot(),
      threshold: level.leastThreshold)
  }

  /// ⟨r, d⟩, ⟨d, d⟩ and ⟨allowance, |d|⟩ over independent observations.
  private struct Moments {
    var (cross, norm, allowed) = (0.0, 0.0, 0.0)

    mutating func add(_ other: Moments) {
      cross += other.cross
      norm += other.norm
      allowed += other.allowed
    }
  }

  /// One row of the capture, each element in units of its own rounding.
  private struct Observation {
    /// The judged elements that are not 0 and may be off by something.
    let offsets: [Int]
    /// r.
    let errors: [Double]
    /// What an error that the whole row shares is proportional to.
    let common: [Double]
    /// ⟨common, common⟩.
    let length: Double
    /// How much of `common` is in r.
    let ofErrors: Double
    /// What is allowed everywhere: of the row, and of each element.
    let allowedOfRow: Double
    let allowedOfElements: [Double]
    /// How much each element says by itself: one over how often its exponential is taken, for equal arguments are rounded
    /// alike.
    let shares: [Double]

    /// ⟨r, r⟩, each part by how much it says.
    var lengthOfErrors: Double {
      var total = ofErrors * ofErrors * length / Double(offsets.count)
      for index in shares.indices {
        let own = errors[index] - ofErrors * common[index]
        total += shares[index] * own * own
      }
      return total
    }
  }

  /// nil for a row that says nothing.
  private func observation(
    _ row: Int, _ allowance: SubtleAllowance, _ repeats: [Float: Int]
  ) -> Observation? {
    let offsets = judgedOffsets(row)
    let common = standardised(offsets) { allowance.shared($0) }
    let length = common.reduce(0) { $0 + $1 * $1 }
    guard length > 0 else { return nil }
    let errors = standardised(offsets) { got.values[$0] - right.values.values[$0] }
    return Observation(
      offsets: offsets, errors: errors, common: common, length: length,
      ofErrors: dot(errors, common) / length,
      allowedOfRow: allowance.ofRow(equalTerms: equalTerms(offsets, allowance)),
      allowedOfElements: isSoftmax ? standardised(offsets) { allowance.ofElement($0) } : [],
      shares: isSoftmax ? offsets.map { share(allowance.argument($0), repeats) } : [])
  }

  private var isSoftmax: Bool { site.operation.kind.traits.contains(.softmax) }

  private func judgedOffsets(_ row: Int) -> [Int] {
    let width = got.rowWidth
    return (row * width..<(row + 1) * width).filter { offset in
      isJudged(offset) && right.bounds[offset].stat > 0 && right.bounds[offset].stat.isFinite
        && right.values.values[offset] != 0
    }
  }

  /// How often each argument of an exponential stands in the rows.
  private func repeats(in rows: [Int], _ allowance: SubtleAllowance) -> [Float: Int] {
    var repeats: [Float: Int] = [:]
    repeats.reserveCapacity(rows.count * got.rowWidth)
    for row in rows {
      for offset in judgedOffsets(row) { repeats[allowance.argument(offset), default: 0] += 1 }
    }
    return repeats
  }

  /// exp(0) is exact: what is off there is the division, by another sum in every row.
  private func share(_ argument: Float, _ repeats: [Float: Int]) -> Double {
    argument == 0 ? 1 : 1 / Double(repeats[argument] ?? 1)
  }

  /// How many terms of a row's sum are equal to another one.
  private func equalTerms(_ offsets: [Int], _ allowance: SubtleAllowance) -> Int {
    isSoftmax ? offsets.count - Set(offsets.map(allowance.argument)).count : 0
  }

  private func standardised(_ offsets: [Int], _ value: (Int) -> Double) -> [Double] {
    offsets.map { value($0) * contract.deviations / right.bounds[$0].stat }
  }

  /// What one row says of a fault: one observation of the relative error that its elements share, and in softmax one of
  /// each element besides.
  private func moments(_ row: Observation, _ faulty: Tensor<Double>) -> Moments {
    let d = standardised(row.offsets) { faulty.values[$0] - right.values.values[$0] }
    let (count, length) = (Double(row.offsets.count), row.length)
    let (ofD, ofR) = (dot(d, row.common) / length, row.ofErrors)
    var moments = Moments(
      cross: ofD * ofR * length / count, norm: ofD * ofD * length / count,
      allowed: abs(ofD) * row.allowedOfRow * length / count)
    guard isSoftmax else { return moments }
    for index in d.indices {
      let own = d[index] - ofD * row.common[index]
      let share = row.shares[index]
      moments.cross += share * own * (row.errors[index] - ofR * row.common[index])
      moments.norm += share * own * own
      moments.allowed += share * abs(own) * row.allowedOfElements[index]
    }
    return moments
  }

  private func dot(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// Rows of the input that differ: equal rows are rounded alike.
  private func distinctRows() -> [Int] {
    let input = site.activations[0]
    var seen: Set<[Double]> = []
    return (0..<input.rowCount).filter { row in
      let first = row * input.rowWidth
      return seen.insert((first..<first + input.rowWidth).filter(isJudged).map { input.values[$0] }).inserted
    }
  }
}

extension Fault {
  /// Whether its effect can be small in every element and yet be one in all of them together.
  var isSubtle: Bool {
    switch family {
    case .layerNorm, .softmax: true
    default: false
    }
  }
}
