/// Whether what is wrong about numbers depends on one argument alone: near arguments have near errors.
///
/// Of all arguments in order, the tenth of neighbours that lie nearest to each other are looked at: their errors differ by
/// far less than they are large. Noise, another input or another place would not leave them alike.
struct FunctionOfInput {
  /// The greatest error.
  let greatest: Double
  /// Its argument.
  let argument: Double

  /// Fewer pairs of neighbours than this tell nothing.
  private static let leastCount = 30
  /// By how much of the errors those of neighbours may differ.
  private static let greatestShare = 0.2

  /// nil where the error is no function of the argument.
  ///
  /// - Parameter samples: arguments with their errors, and how large these are by rounding alone.
  init?(_ samples: [(argument: Double, error: Double, noise: Double)]) {
    let samples = samples.filter(\.argument.isFinite)
    let sorted = samples.filter(\.error.isFinite).sorted {
      $0.argument < $1.argument
    }
    guard sorted.count > 2 * Self.leastCount, sorted.count == samples.count,
      let worst = sorted.max(by: { abs($0.error) < abs($1.error) })
    else { return nil }
    // Equal arguments give equal results.
    for (one, other) in zip(sorted, sorted.dropFirst()) where one.argument == other.argument {
      guard abs(one.error - other.error) <= 4 * (one.noise + other.noise) else { return nil }
    }
    let pairs = zip(sorted, sorted.dropFirst()).filter { one, other in
      one.argument < other.argument
        && max(abs(one.error) - 4 * one.noise, abs(other.error) - 4 * other.noise) > 0
    }.sorted { $0.1.argument - $0.0.argument < $1.1.argument - $1.0.argument }
    guard pairs.count >= Self.leastCount else { return nil }
    let nearest = pairs.prefix(max(Self.leastCount, pairs.count / 10))
    let slopes = nearest.map { abs($1.error - $0.error) / ($1.argument - $0.argument) }.sorted()
    let slope = slopes[slopes.count * 95 / 100]
    // None stands out by itself.
    for index in 1..<sorted.count - 1 {
      let (before, own, after) = (sorted[index - 1], sorted[index], sorted[index + 1])
      let (up, down) = (own.error - before.error, own.error - after.error)
      let allowed =
        2 * abs(after.error - before.error) + 2 * slope * (after.argument - before.argument)
        + 8 * (own.noise + max(before.noise, after.noise))
      guard up * down <= 0 || min(abs(up), abs(down)) <= allowed else { return nil }
    }
    let last = sorted.count - 1
    for (end, next, third) in [(0, 1, 2), (last, last - 1, last - 2)].map({
      (sorted[$0], sorted[$1], sorted[$2])
    }) {
      let own =
        abs(next.error - third.error) / max(abs(next.argument - third.argument), .leastNormalMagnitude)
      let allowed = 4 * max(slope, own) * abs(end.argument - next.argument) + 8 * (end.noise + next.noise)
      guard abs(end.error - next.error) <= allowed else { return nil }
    }
    var (difference, size) = (0.0, 0.0)
    for (one, other) in nearest {
      difference += (one.error - other.error) * (one.error - other.error)
      size += (one.error * one.error + other.error * other.error) / 2
    }
    guard difference <= Self.greatestShare * Self.greatestShare * size else { return nil }
    (greatest, argument) = (abs(worst.error), worst.argument)
  }
}
