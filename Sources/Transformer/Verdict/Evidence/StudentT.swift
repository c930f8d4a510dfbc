import Foundation

/// Student's t distribution, as far out as a search among billions asks for.
enum StudentT {
  /// ln P(|t| ≥ `deviations`), the probability to both sides.
  ///
  /// - Parameter freedom: ν, the degrees of freedom: P = I_{ν/(ν + t²)}(ν/2, ½) (DLMF 8.17).
  static func logTail(_ deviations: Double, freedom: Double) -> Double {
    let square = deviations * deviations
    guard square > 0 else { return 0 }
    guard square.isFinite else { return -.infinity }
    let x = freedom / (freedom + square)
    // The continued fraction converges below the mean of the beta distribution; beyond it, its complement's does.
    if x < (freedom / 2 + 1) / (freedom / 2 + 2.5) {
      return logBeta(x, complement: square / (freedom + square), freedom / 2, 0.5)
    }
    return log1p(-exp(logBeta(square / (freedom + square), complement: x, 0.5, freedom / 2)))
  }

  /// The deviations that are exceeded to either side with a probability of `level`.
  static func quantile(_ level: Double, freedom: Double) -> Double {
    let wanted = log(level)
    var (low, high) = (0.0, 1.0)
    while logTail(high, freedom: freedom) > wanted, high < 1e150 { (low, high) = (high, 2 * high) }
    for _ in 0..<40 {
      let middle = (low + high) / 2
      if logTail(middle, freedom: freedom) > wanted { low = middle } else { high = middle }
    }
    return high
  }

  /// ln I_x(a, b) by its continued fraction (DLMF 8.17.22), evaluated by Lentz's method.
  private static func logBeta(_ x: Double, complement: Double, _ a: Double, _ b: Double) -> Double {
    let least = 1e-300
    var (c, d) = (1.0, 1 - (a + b) * x / (a + 1))
    d = 1 / (abs(d) < least ? least : d)
    var fraction = d
    for index in 1...2000 {
      let m = Double(index)
      for numerator in [
        m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
        -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
      ] {
        d = 1 + numerator * d
        d = 1 / (abs(d) < least ? least : d)
        c = 1 + numerator / c
        if abs(c) < least { c = least }
        fraction *= d * c
      }
      if abs(d * c - 1) < 1e-15 { break }
    }
    let logOfBeta = lgamma(a) + lgamma(b) - lgamma(a + b)
    return a * log(x) + b * log(complement) - log(a) - logOfBeta + log(fraction)
  }
}
