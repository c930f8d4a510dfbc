import Foundation
import TouchstoneGraph
import TouchstoneModel

extension SoftCapGradient: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = [
    fault("missing", "the cap has no slope", "the backward pass leaves the cap out") { _, _ in 1 },
    fault("square-missing", "1 − t stands for 1 − t²", "a square is forgotten") { x, cap in 1 - tanh(x / cap)
    },
    fault("quotient-missing", "the slope is taken at x", "x/c is forgotten") { x, _ in 1 - tanh(x) * tanh(x)
    },
    fault("of-clip", "the slope is that of a hard limit", "a clip for the soft cap") { x, cap in
      abs(x) < cap ? 1 : 0
    },
  ]

  private static func fault(
    _ id: String, _ name: String, _ practice: String, _ slope: @escaping @Sendable (Double, Double) -> Double
  ) -> Fault {
    Fault("soft-cap-gradient.\(id)", name, .gradient, of: SoftCapGradient.self, practice: practice) {
      own, site in
      let (x, dy) = (site.activations[0], site.activations[1])
      return Tensor(
        zip(x.values, dy.values).map { $0.isFinite ? $1 * slope($0, own.cap) : 0 }, shape: x.shape)
    }
  }
}
