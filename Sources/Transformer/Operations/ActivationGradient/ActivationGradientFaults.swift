import Foundation
import TouchstoneGraph
import TouchstoneModel

extension ActivationGradient: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] =
    ActivationFunction.Function.allCases.map { other in
      fault(
        "of-\(other.rawValue)", "the slope is that of \(other.rawValue)", "another nonlinearity is built in"
      ) {
        own, x in own == other ? nil : other.slope(at: x)
      }
    } + [
      fault("one", "the slope is 1", "the backward pass leaves the nonlinearity out") { _, _ in 1 },
      fault("x-term-missing", "the slope is that of a constant gate", "the product rule is forgotten") {
        own, x in
        own.gate(at: x)
      },
      fault("clamped", "the slope is kept between 0 and 1", "a clamp") { own, x in
        min(max(own.slope(at: x), 0), 1)
      },
      fault("cube-missing", "the inner slope is that without the cube", "the chain rule is forgotten") {
        own, x in
        guard let factor = own.tanhFactor else { return nil }
        let t = tanh(factor * (x + 0.044715 * x * x * x))
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * factor
      },
      fault("inner-slope-missing", "the inner slope is left out", "the chain rule is forgotten") { own, x in
        guard let factor = own.tanhFactor else { return nil }
        let t = tanh(factor * (x + 0.044715 * x * x * x))
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t)
      },
      fault("square-missing", "1 − t stands for 1 − t²", "a square is forgotten") { own, x in
        guard let factor = own.tanhFactor else { return nil }
        let t = tanh(factor * (x + 0.044715 * x * x * x))
        return 0.5 * (1 + t) + 0.5 * x * (1 - t) * factor * (1 + 3 * 0.044715 * x * x)
      },
      fault("at-output", "the slope is taken at the output", "what was kept is the output") { own, x in
        own.slope(at: own(x))
      },
      Fault(
        "slope.not-clipped", "the slope where an argument is clipped is not 0", .gradient,
        of: ActivationGradient.self, practice: "the backward pass forgets the clip"
      ) { own, site in
        own.limit == nil ? nil : site.evaluated(as: ActivationGradient(own.function))
      },
      fault("missing", "there is no gradient", "the backward pass ends here") { _, _ in 0 },
      fault("twice", "the gradient is added twice", "a buffer is not cleared") { 2 * $0.slope(at: $1) },
    ]

  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ slope: @escaping @Sendable (ActivationFunction.Function, Double) -> Double?
  ) -> Fault {
    Fault("slope.\(id)", name, .gradient, of: ActivationGradient.self, practice: practice) { own, site in
      let (x, dy) = (site.activations[0], site.activations[1])
      var values: [Double] = []
      for (x, dy) in zip(x.values, dy.values) {
        guard let slope = slope(own.function, x) else { return nil }
        values.append(own.clips(x) ? 0 : dy * slope)
      }
      return Tensor(values, shape: x.shape)
    }
  }
}

extension ActivationFunction.Function {
  /// What x is multiplied by; nil where the function is no such product.
  fileprivate func gate(at x: Double) -> Double? {
    switch self {
    case .relu, .reluSquared, .tanh, .sigmoid: nil
    case .silu, .quickGELU, .geluErf, .geluTanh, .geluFast, .geluBloom: x == 0 ? 0.5 : self(x) / x
    }
  }
}
