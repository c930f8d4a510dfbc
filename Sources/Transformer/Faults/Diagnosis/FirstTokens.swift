import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// What hypotheses make of a model's first tokens alone, as if there were no others.
///
/// No token of a causal model depends on later ones: by as much as a hypothesis strays in a row of the first tokens it
/// strays at least in all, so that one which is far off there need not be run on the whole sequence.
struct FirstTokens: Sendable {
  private let run: FreeRun
  private let distance: RowDistance
  private let target: Activation
  private let got: Tensor<Double>
  private let step: Int
  /// The faults that make the same of the first tokens whether or not others follow.
  private let local: Set<Spoiling>

  /// A fault, and the name of the operations that it spoils.
  private struct Spoiling: Hashable {
    let fault: String
    let name: String
  }

  /// Rows that tell one hypothesis from another.
  private static let enoughRows = 4

  /// Runs the first tokens and finds what is the same of them without the others.
  ///
  /// - Parameters:
  ///   - got: the outputs of `target` that `run.step(to: target)` leaves.
  ///   - tries: what is to be planted, and where.
  ///   - greatestWork: multiply-adds that finding what is the same may take.
  /// - Returns: nil where they are not a part to be computed by itself, or no small one, or it is too much work.
  /// - Throws: what reading the golden throws.
  init?(
    of run: FreeRun, target: Activation, right: Tensor<Double>, got: Tensor<Double>, _ distance: RowDistance,
    tries: [FreeDiagnosis.Try], greatestWork: Double
  ) throws {
    // A picture has all its tokens each time.
    guard distance.rows.count >= 2 * Self.enoughRows, run.graph.pictureTokenCount == nil,
      case .token? = run.graph.axes(of: target)?.first
    else { return nil }
    let rows = distance.rows.prefix(Self.enoughRows)
    let (count, length) = (rows[Self.enoughRows - 1] + 1, run.golden.inputs.sequenceLength)
    // Neither a multiple of as many tokens nor a power of 2: what goes by blocks of tokens makes others of them.
    let moreCount = min(3 * count + 1, length)
    var sites: [Spoiling: (Fault, Operation)] = [:]
    for (fault, places) in tries {
      for place in places {
        sites[Spoiling(fault: fault.id, name: place.name)] = run.graph.operation(making: place).map {
          (fault, $0)
        }
      }
    }
    let spoilings = Array(sites)
    let share = Double(count + moreCount) / Double(length)
    let comparing = spoilings.reduce(0) { $0 + run.cost(ofSpoiling: $1.value.1, tokens: share) }
    guard 2 * count <= length, comparing <= greatestWork else { return nil }
    let (first, more) = (run.ofFirst(count), moreCount == length ? run : run.ofFirst(moreCount))
    let own = RowDistance(rows: Array(rows), noise: distance.noise)
    step = run.step(to: target)
    guard let value = try first.golden.tensor(target)?.narrowed(everyEight: step, of: right.rowWidth),
      own.ratio(value, right.narrowed(everyEight: step, of: right.rowWidth)) <= 1
    else { return nil }
    let isLocal = try spoilings.indices.concurrentMap { index in
      let (fault, operation) = spoilings[index].value
      guard let whole = try more.spoilt(fault, operation) else {
        return try first.spoilt(fault, operation) == nil
      }
      return try first.spoilt(fault, operation).map(whole.begins(with:)) ?? false
    }
    local = Set(zip(spoilings, isLocal).filter(\.1).map(\.0.key))
    (self.run, self.target, self.got, self.distance) = (first, target, got, own)
  }

  /// Whether what a fault makes of the first tokens is what it makes of them where others follow.
  func tell(_ fault: Fault, at places: Set<Activation>) -> Bool {
    places.allSatisfy { local.contains(Spoiling(fault: fault.id, name: $0.name)) }
  }

  /// The least ratio that a hypothesis can have; nil where it cannot arise.
  func leastRatio(planting fault: Fault, at places: Set<Activation>) throws -> Double? {
    guard tell(fault, at: places) else { return 0 }
    return try run.value(of: target, planting: fault, at: places, everyEight: step).map {
      distance.leastRatio(got, $0)
    }
  }

  /// Multiply-adds of one such run.
  func cost(from places: Set<Activation>) -> Double {
    run.cost(from: places, to: target, everyEight: step)
  }
}

extension Tensor<Double> {
  /// Whether another, of fewer tokens, is how this one begins along every axis, up to the rounding of what both were
  /// computed from.
  fileprivate func begins(with other: Tensor<Double>) -> Bool {
    guard shape.count == other.shape.count, zip(other.shape, shape).allSatisfy({ $0 <= $1 }) else {
      return false
    }
    let greatest = other.values.reduce(0) { $1.isFinite ? max($0, $1.magnitude) : $0 }
    return other.values.indices.allSatisfy { index in
      var (rest, place, stride) = (index, 0, 1)
      for axis in shape.indices.reversed() {
        place += rest % other.shape[axis] * stride
        rest /= other.shape[axis]
        stride *= shape[axis]
      }
      let (one, two) = (values[place], other.values[index])
      return one == two || one.isNaN && two.isNaN || (one - two).magnitude <= Self.rounding * greatest
    }
  }

  /// What float32 makes of a sum of a few thousand terms.
  private static var rounding: Double { 1e-5 }
}
