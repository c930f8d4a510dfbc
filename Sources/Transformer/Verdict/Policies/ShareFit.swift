/// One coefficient, its variance read off the residuals one by one (White 1980).
///
/// A regressor beyond 1 weighs as 1 does: a few elements where the functions differ by very much would speak for all.
struct ShareFit {
  private var elements: [(value: Double, regressor: Double, weight: Double)] = []
  private var (cross, norm, squares) = (0.0, 0.0, 0.0)

  mutating func add(_ value: Double, by regressor: Double) {
    guard regressor != 0, regressor.isFinite, value.isFinite else { return }
    let weight = min(max(regressor, -1), 1)
    elements.append((value, regressor, weight))
    cross += weight * value
    norm += weight * regressor
    squares += weight * regressor * weight * regressor
  }

  var share: Double { cross / norm }

  /// As many elements of equal weight would say as much.
  var effectiveCount: Double { squares > 0 ? norm * norm / squares : 0 }

  var deviation: Double {
    let sum = elements.reduce(0) { sum, element in
      let influence = element.weight * (element.value - share * element.regressor)
      return sum + influence * influence
    }
    return (sum * effectiveCount / (effectiveCount - 1)).squareRoot() / norm
  }
}
