import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// Which fault of a catalogue explains a capture of which only results are known, such as its logits.
///
/// Each fault, at each operation that it can spoil and at all of them, is run freely from the golden's activations
/// and held against the capture row by row, in units of the noise that rounding leaves there.
struct FreeDiagnosis {
  /// A fault, where it stands, and how far the capture lies from what it would have given.
  struct Hypothesis: Sendable {
    let fault: Fault
    let places: Set<Activation>
    /// Within 1 the fault explains the capture.
    var ratio: Double
    /// The model's own number or function that the fault changes, in words; nil where places have several.
    let due: String?

    /// What is wrong, and instead of what.
    var name: String { fault.name(insteadOf: due) }
  }

  /// The hypotheses that were tried, best first.
  let hypotheses: [Hypothesis]
  /// How many were left out because the work would have been too much.
  let untriedCount: Int

  /// Root mean squares in units of the noise: of all rows together, and of any one.
  ///
  /// Honest implementations reach 1.4 and 5.2 of the floor (``NoiseFloor``) at most.
  static let allowance = (together: 2.0, row: 6.0)
  /// Multiply-adds that one diagnosis may take.
  static let greatestWork = 1e11
  /// Hypotheses whose own noise is measured, and how far off they may be at first.
  private static let shortlist = (count: 24, ratio: 100.0)

  /// Tries the catalogue on all cores.
  ///
  /// - Parameters:
  ///   - target: the first activation that strays.
  ///   - known: the last one before it that does not.
  ///   - progress: told how far it has come, from 0 to 1.
  /// - Returns: nil where capture, golden or its noise floor lack the target.
  init?(
    of target: Activation, after known: Activation?, in capture: any ActivationSource, golden: SharedSource,
    weights: Weights, catalogue: [Fault], progress: @Sendable (Double) -> Void
  ) throws {
    guard let got = try capture.tensor(target), let right = try golden.tensor(target),
      let floor = try golden.noiseFloor(of: target), floor.count == right.rowCount, got.shape == right.shape
    else { return nil }
    let run = FreeRun(golden: golden, weights: weights)
    let seesAnyKey = run.graph.seesAnyKey(golden.inputs, of: target)
    let distance = RowDistance(
      rows: (0..<right.rowCount).filter { seesAnyKey[$0 % seesAnyKey.count] }, noise: floor.values)
    let (tries, untriedCount) = Self.tries(run, catalogue, target: target, after: known)
    self.untriedCount = untriedCount
    let step = run.step(to: target)
    let (fewGot, fewRight) = (
      got.narrowed(everyEight: step, of: got.rowWidth), right.narrowed(everyEight: step, of: right.rowWidth)
    )
    let results = try tries.indices.concurrentMap(
      progress: { progress(Double($0) / Double(tries.count)) }
    ) { index -> Hypothesis? in
      let (fault, places) = tries[index]
      guard let value = try run.value(of: target, planting: fault, at: places, everyEight: step),
        !(distance.ratio(value, fewRight) <= 1)
      else { return nil }
      let due = Set(places.map { run.graph.operation(making: $0)?.ownNumber })
      return Hypothesis(
        fault: fault, places: places, ratio: distance.ratio(fewGot, value),
        due: due.count == 1 ? due.first ?? nil : nil)
    }
    let coarse = results.compactMap(\.self).sorted { $0.ratio < $1.ratio }
    let near = coarse.prefix(Self.shortlist.count).filter { $0.ratio <= Self.shortlist.ratio }
    let refined = try near.indices.concurrentMap { index in
      try Self.refined(near[index], run, target: target, got: got, distance)
    }
    hypotheses = (refined + coarse.dropFirst(near.count)).sorted { $0.ratio < $1.ratio }
  }

  /// Every fault at every place, cheap ones first, as many as the work allows; a bug in the code of an operation
  /// shows in every block, or wherever that code is called, one in a weight or an index in one.
  private static func tries(
    _ run: FreeRun, _ catalogue: [Fault], target: Activation, after known: Activation?
  ) -> (tries: [(Fault, Set<Activation>)], untriedCount: Int) {
    let candidates = run.operations(before: target, after: known)
    var all: [(Fault, Set<Activation>)] = []
    for fault in catalogue where !fault.isTermByTerm {
      let sites = candidates.filter { fault.canSpoil($0, in: run.graph) }.map(\.output)
      all += sites.map { (fault, [$0]) }
      let ofOneName = Dictionary(grouping: sites, by: \.name).values
      for places in ofOneName where places.count > 1 { all.append((fault, Set(places))) }
      if ofOneName.count > 1 { all.append((fault, Set(sites))) }
    }
    let step = run.step(to: target)
    let costs = all.map { run.cost(from: $0.1, to: target, everyEight: step) }
    let order = all.indices.sorted { (costs[$0], all[$0].0.id) < (costs[$1], all[$1].0.id) }
    var work = 0.0
    let affordable = order.prefix { index in
      work += costs[index]
      return work <= greatestWork
    }
    return (affordable.map { all[$0] }, all.count - affordable.count)
  }

  /// The same hypothesis held against the noise of its own run, which may be more than the golden's.
  private static func refined(
    _ hypothesis: Hypothesis, _ run: FreeRun, target: Activation, got: Tensor<Double>, _ distance: RowDistance
  ) throws -> Hypothesis {
    guard
      let exact = try run.value(of: target, planting: hypothesis.fault, at: hypothesis.places)
    else { return hypothesis }
    var squares = [Double](repeating: 0, count: exact.rowCount)
    for seed in 1...2 {
      var random = SplitMix64(seed: UInt64(seed))
      let noisy = try run.value(of: target, planting: hypothesis.fault, at: hypothesis.places) { value in
        Tensor(value.values.map { NoiseFloor.perturbed($0, &random) }, shape: value.shape)
      }
      guard let noisy else { return hypothesis }
      for row in squares.indices { squares[row] += RowDistance.meanSquare(noisy, exact, row: row) / 2 }
    }
    let own = squares.map { $0.squareRoot() }
    var result = hypothesis
    result.ratio = RowDistance(rows: distance.rows, noise: zip(own, distance.noise).map { max($0, $1) })
      .ratio(got, exact)
    return result
  }

  /// The fault, or the class of faults that these values cannot tell apart, that explains the capture.
  var cause: Cause? {
    let matching = hypotheses.prefix { $0.ratio <= 1 }
    guard let best = matching.first else { return nil }
    var faults: [Fault] = []
    for one in matching where !faults.contains(where: { $0.id == one.fault.id }) {
      faults.append(one.fault.named(one.name))
    }
    let next = hypotheses.first { other in !faults.contains { $0.id == other.fault.id } }
    let places = matching.reduce(into: Set<Activation>()) { $0.formUnion($1.places) }
    return Cause(
      id: best.fault.id, name: faults.alternatives, kind: best.fault.family.rawValue,
      ratio: best.ratio, nextRatio: next?.ratio, equivalents: faults.dropFirst().map(\.id),
      places: places.map(\.path).sorted())
  }

  /// What is to be known besides: what was not tried, and the nearest where none explains the capture.
  var notes: [Note] {
    var notes: [Note] = []
    if let best = hypotheses.first, best.ratio > 1 {
      notes.append(
        .unexplainedEndToEnd(
          tried: hypotheses.count, nearest: best.name, places: best.places.map(\.path).sorted(),
          ratio: best.ratio))
    }
    if untriedCount > 0 { notes.append(.untried(untriedCount)) }
    return notes
  }
}

/// How far two tensors are apart, row by row, in units of noise.
private struct RowDistance: Sendable {
  let rows: [Int]
  let noise: [Double]

  /// 1 where both the rows together and each of them are just within the allowance.
  func ratio(_ left: Tensor<Double>, _ right: Tensor<Double>) -> Double {
    var (total, worst) = (0.0, 0.0)
    var isTold = false
    for row in rows {
      isTold = isTold || left.row(row).contains { !$0.isNaN }
      let square = Self.meanSquare(left, right, row: row)
      let own = square == 0 ? 0 : square / (noise[row] * noise[row])
      guard own.isFinite else { return .infinity }
      total += own
      worst = max(worst, own)
    }
    // What is no number anywhere is explained by whatever makes none.
    guard isTold else { return .infinity }
    let together = (total / Double(max(rows.count, 1))).squareRoot()
    return max(together / FreeDiagnosis.allowance.together, worst.squareRoot() / FreeDiagnosis.allowance.row)
  }

  /// Mean square over the entries of a row; where both are the same infinity, or no number, they agree.
  static func meanSquare(_ left: Tensor<Double>, _ right: Tensor<Double>, row: Int) -> Double {
    var total = 0.0
    for (one, other) in zip(left.row(row), right.row(row)) where one != other && !(one.isNaN && other.isNaN) {
      total += (one - other) * (one - other)
    }
    return total / Double(left.rowWidth)
  }
}
