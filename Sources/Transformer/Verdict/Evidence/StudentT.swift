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

  /// The deviations that are exceeded to either side with a probability of `level`, to 2⁻⁴⁰ of them.
  static func quantile(_ level: Double, freedom: Double) -> Double {
    let wanted = log(level)
    func excess(_ deviations: Double) -> Double { logTail(deviations, freedom: freedom) - wanted }
    var (low, high) = (0.0, 1.0)
    while excess(high) > 0, high < 1e150 { (low, high) = (high, 2 * high) }
    // What false position finds in a few steps leaves nearly nothing of the bisection to be evaluated.
    let known = bracket(low, high, of: excess)
    for _ in 0..<40 {
      let middle = (low + high) / 2
      if middle <= known.low || middle < known.high && excess(middle) > 0 {
        low = middle
      } else {
        high = middle
      }
    }
    return high
  }

  /// A narrow interval around the zero of a falling function that lies between two points (Illinois; Dowell and Jarratt
  /// 1971).
  private static func bracket(
    _ low: Double, _ high: Double, of function: (Double) -> Double
  ) -> (low: Double, high: Double) {
    var (low, high, atLow, atHigh) = (low, high, function(low), function(high))
    let width = 0x1p-40 * (high - low)
    var lastWasLow: Bool?
    for _ in 0..<30 where high - low > width && atLow > atHigh {
      let middle = (low * atHigh - high * atLow) / (atHigh - atLow)
      let value = function(middle)
      // An end that stays twice counts half, so that the next step crosses the zero.
      if value > 0 {
        if lastWasLow == true { atHigh /= 2 }
        (low, atLow, lastWasLow) = (middle, value, true)
      } else {
        if lastWasLow == false { atLow /= 2 }
        (high, atHigh, lastWasLow) = (middle, value, false)
      }
    }
    return (low, high)
  }

  /// ln I_x(a, b) by its continued fraction (DLMF 8.17.22), evaluated by Lentz's method.
  private static func logBeta(_ x: Double, complement: Double, _ a: Double, _ b: Double) -> Double {
    let least = 1e-300
    var (c, d) = (1.0, 1 - (a + b) * x / (a + 1))
    d = 1 / (abs(d) < least ? least : d)
    var fraction = d
    func step(_ numerator: Double) {
      d = 1 + numerator * d
      d = 1 / (abs(d) < least ? least : d)
      c = 1 + numerator / c
      if abs(c) < least { c = least }
      fraction *= d * c
    }
    for index in 1...2000 {
      let m = Double(index)
      step(m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)))
      step(-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)))
      if abs(d * c - 1) < 1e-15 { break }
    }
    let logOfBeta = lgamma(a) + lgamma(b) - lgamma(a + b)
    return a * log(x) + b * log(complement) - log(a) - logOfBeta + log(fraction)
  }
}
