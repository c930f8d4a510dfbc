import TouchstoneGraph
import TouchstoneModel

/// What the errors of a whole nonlinearity say of which function was computed.
///
/// In 16 bits every step may be rounded, and functions that are nearly alike, as GELU by tanh and by erf, differ by less than that
/// in each element. In all of them together they do not: with f the model's function, g another one and e = got − f(x), the share
/// ⟨e, g − f⟩/⟨g − f, g − f⟩ is 0 but for chance where f was computed, and 1 where g was. Each element is divided by its bound, or,
/// for who rounds once, by a unit in the last place and what float32 errs by, which in a tail such as 1 + erf is far more; equal
/// arguments, which are rounded alike, count once.
package struct OtherFunction: Sendable, Equatable {
  /// The function that was computed.
  package let function: ActivationFunction.Function
  package let due: ActivationFunction.Function
  /// ⟨e, g − f⟩/⟨g − f, g − f⟩.
  package let share: Double
  /// How many different arguments were looked at.
  package let count: Int

  /// The greatest probability, over all operations of a capture, that one function is taken for another.
  static let falseAlarms = 1e-6
  /// The share lies between this and thrice as much where another function was computed.
  private static let leastShare = 0.5
  /// Fewer arguments at which the functions differ say nothing.
  private static let leastCount = 30.0

  /// Looks at every argument of a nonlinearity.
  ///
  /// Clauses: BND-29.
  ///
  /// - Parameters:
  ///   - input: what the function read, as recorded.
  ///   - got: what it made, as recorded.
  ///   - want: what it should have made, and what each element may be off by.
  ///   - type: what it is stored in.
  ///   - operationCount: among how many operations it is looked for.
  /// - Returns: nil where nothing is shown.
  static func found(
    _ due: ActivationFunction.Function, input: Tensor<Double>, got: Tensor<Double>, want: Estimate,
    type: ScalarType, among operationCount: Int
  ) -> OtherFunction? {
    let places = distinctPlaces(input, got, want)
    let others = ActivationFunction.Function.allCases.filter { $0 != due }
    let inFloat32 = Rounding(.float32).ofActivation(due, want.values, Operand(values: input))
    let scales = [
      places.map { want.bounds[$0].stat },
      places.map { type.spacing(around: want.values.values[$0]) + inFloat32[$0].stat },
    ]
    let level = falseAlarms / Double(scales.count * others.count * max(1, operationCount))
    let found = others.flatMap { function in
      scales.compactMap { scale -> OtherFunction? in
        var fit = ShareFit()
        for (place, scale) in zip(places, scale) {
          let right = want.values.values[place]
          fit.add((got.values[place] - right) / scale, by: (function(input.values[place]) - right) / scale)
        }
        guard fit.effectiveCount >= leastCount else { return nil }
        let margin = StudentT.quantile(level, freedom: fit.effectiveCount - 1) * fit.deviation
        guard fit.share - margin >= leastShare, fit.share <= 3 * leastShare else { return nil }
        return OtherFunction(function: function, due: due, share: fit.share, count: places.count)
      }
    }
    // Functions that are one but for the digits of a constant share what is shown; the first of them is named.
    return found.min { $0.distanceFromWhole < $1.distanceFromWhole }
  }

  /// How far the share is from all of it, in whole per cent.
  private var distanceFromWhole: Double { (100 * abs(share - 1)).rounded() }

  /// One place of each argument whose result is finite and may be off by something.
  private static func distinctPlaces(
    _ input: Tensor<Double>, _ got: Tensor<Double>, _ want: Estimate
  ) -> [Int] {
    var seen: Set<Double> = []
    return input.values.indices.filter { place in
      let bound = want.bounds[place].stat
      guard input.values[place].isFinite, got.values[place].isFinite, want.values.values[place].isFinite,
        bound > 0, bound.isFinite
      else { return false }
      return seen.insert(input.values[place]).inserted
    }
  }
}

extension ActivationFunction.Function {
  /// What it is called in a sentence.
  package var inWords: String {
    switch self {
    case .relu: "ReLU"
    case .reluSquared: "ReLU²"
    case .silu: "SiLU"
    case .quickGELU: "quick GELU"
    case .geluErf: "GELU by erf"
    case .geluTanh: "GELU by tanh"
    case .geluFast: "GELU by tanh with 0.7978845608 for √(2/π)"
    case .geluBloom: "GELU by tanh with 0.79788456 for √(2/π)"
    case .tanh: "tanh"
    case .sigmoid: "the logistic function"
    }
  }
}
