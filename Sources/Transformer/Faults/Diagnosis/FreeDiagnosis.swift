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

  /// The hypotheses that were run on the whole sequence, best first.
  let hypotheses: [Hypothesis]
  /// How many were tried, with those that the first tokens show to be far off.
  let triedCount: Int
  /// The least ratio that those can have which the first tokens show to be far off; nil where there are none.
  let leastLeft: Double?
  /// How many were left out because the work would have been too much.
  let untriedCount: Int

  /// Multiply-adds that one diagnosis may take.
  static let greatestWork = 1e11
  /// Hypotheses whose own noise is measured, and how far off they may be at first.
  private static let shortlist = (count: 24, ratio: 100.0)
  /// Hypotheses that are run on the whole sequence before it is asked whether they are enough.
  private static let batchCount = 16

  /// What is planted, and where.
  typealias Try = (fault: Fault, places: Set<Activation>)

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
    let step = run.step(to: target)
    let (fewGot, fewRight) = (
      got.narrowed(everyEight: step, of: got.rowWidth), right.narrowed(everyEight: step, of: right.rowWidth)
    )
    let all = Self.tries(run, catalogue, target: target, after: known)
    let whole = all.map { run.cost(from: $0.places, to: target, everyEight: step) }
    let first = try FirstTokens(
      of: run, target: target, right: right, got: fewGot, distance, tries: all,
      greatestWork: min(whole.reduce(0, +), Self.greatestWork) / 4)
    let order = Self.affordable(
      all,
      costs: zip(all, whole).map { one, whole in
        first.flatMap { $0.tell(one.fault, at: one.places) ? $0.cost(from: one.places) : nil } ?? whole
      })
    let tries = order.map { all[$0] }
    let screened = first == nil ? 0 : 0.8
    let least = try tries.indices.concurrentMap(
      progress: { progress(screened * Double($0) / Double(tries.count)) }
    ) { index in
      try first.map { try $0.leastRatio(planting: tries[index].fault, at: tries[index].places) } ?? 0
    }
    let nearest = try Self.nearest(
      of: least, costs: order.map { whole[$0] }, progress: { progress(screened + (1 - screened) * $0) }
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
    let coarse = nearest.hypotheses
    (triedCount, leastLeft) = (nearest.triedCount, nearest.leastLeft)
    untriedCount = all.count - tries.count + nearest.untriedCount
    let near = coarse.prefix(Self.shortlist.count).filter { $0.ratio <= Self.shortlist.ratio }
    let refined = try near.indices.concurrentMap { index in
      try Self.refined(near[index], run, target: target, got: got, distance)
    }
    hypotheses = (refined + coarse.dropFirst(near.count)).sorted { $0.ratio < $1.ratio }
  }

  /// Every fault at every place; a bug in the code of an operation shows in every block, or wherever that code is called,
  /// one in a weight or an index in one.
  private static func tries(
    _ run: FreeRun, _ catalogue: [Fault], target: Activation, after known: Activation?
  ) -> [Try] {
    let candidates = run.operations(before: target, after: known)
    var all: [Try] = []
    for fault in catalogue where !fault.isTermByTerm {
      let sites = candidates.filter { fault.canSpoil($0, in: run.graph) }.map(\.output)
      all += sites.map { (fault, [$0]) }
      let ofOneName = Dictionary(grouping: sites, by: \.name).values
      for places in ofOneName where places.count > 1 { all.append((fault, Set(places))) }
      if ofOneName.count > 1 { all.append((fault, Set(sites))) }
    }
    return all
  }

  /// The cheap ones first, as many as the work allows.
  private static func affordable(_ all: [Try], costs: [Double]) -> [Int] {
    let order = all.indices.sorted { (costs[$0], all[$0].fault.id) < (costs[$1], all[$1].fault.id) }
    var work = 0.0
    return Array(
      order.prefix { index in
        work += costs[index]
        return work <= greatestWork
      })
  }

  /// The hypotheses that are run on the whole sequence, those first that can be best, until none that is left can be
  /// among the best, or near.
  ///
  /// - Parameters:
  ///   - least: the least ratio that each can have; nil for one that cannot arise.
  ///   - costs: multiply-adds of each.
  ///   - run: nil for one that does not show.
  /// - Returns: those that show, best first; how many were tried; the least ratio that any other can have; how many
  ///   could be near and were too much work.
  static func nearest(
    of least: [Double?], costs: [Double], progress: (Double) -> Void,
    run: @Sendable (Int) throws -> Hypothesis?
  ) throws -> (hypotheses: [Hypothesis], triedCount: Int, leastLeft: Double?, untriedCount: Int) {
    let order = least.indices.filter { least[$0] != nil }.sorted {
      (least[$0] ?? 0, $0) < (least[$1] ?? 0, $1)
    }
    var found: [(index: Int, hypothesis: Hypothesis)] = []
    var (left, work, untriedCount) = (order[...], 0.0, 0)
    while let first = left.first {
      let worst = found.count < shortlist.count ? .infinity : found[shortlist.count - 1].hypothesis.ratio
      if least[first] ?? 0 > min(shortlist.ratio, worst) { break }
      let batch = Array(left.prefix(batchCount))
      work += batch.reduce(0) { $0 + costs[$1] }
      guard work <= greatestWork else {
        untriedCount = left.prefix { least[$0] ?? 0 <= shortlist.ratio }.count
        left = left.dropFirst(untriedCount)
        break
      }
      let results = try batch.indices.concurrentMap { try run(batch[$0]) }
      found += zip(batch, results).compactMap { index, result in result.map { (index, $0) } }
      found.sort { ($0.hypothesis.ratio, $0.index) < ($1.hypothesis.ratio, $1.index) }
      left = left.dropFirst(batch.count)
      progress(1 - Double(left.count) / Double(order.count))
    }
    return (
      found.map(\.hypothesis), found.count + left.count, left.first.flatMap { least[$0] }, untriedCount
    )
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
      ratio: best.ratio, nextRatio: [next?.ratio, leastLeft].compactMap(\.self).min(),
      equivalents: faults.dropFirst().map(\.id),
      places: places.map(\.path).sorted())
  }

  /// What is to be known besides: what was not tried, and the nearest where none explains the capture.
  var notes: [Note] {
    var notes: [Note] = []
    if let best = hypotheses.first, best.ratio > 1 {
      notes.append(
        .unexplainedEndToEnd(
          tried: triedCount, nearest: best.name, places: best.places.map(\.path).sorted(),
          ratio: best.ratio))
    }
    if untriedCount > 0 { notes.append(.untried(untriedCount)) }
    return notes
  }
}
