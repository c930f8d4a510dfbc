import TouchstoneGraph
import TouchstoneModel

extension ClipGradient: Faulty {
  static let traits: FaultTraits = .copy
  static let faults: [Fault] = [
    fault("missing", "what is clipped has a gradient", "the backward pass forgets the clip") { _, dy, _ in dy
    },
    fault("of-gradient", "the gradient is clipped instead", "the forward pass's kernel is called") {
      own, dy, _ in min(max(dy, -own.limit), own.limit)
    },
    fault("one-sided", "what is below the limits has a gradient", "a minimum for a clip") { own, dy, x in
      own.passes(x) || x < 0 ? dy : 0
    },
    fault("reversed", "what is not clipped has no gradient", "a mask is inverted") { own, dy, x in
      own.passes(x) ? 0 : dy
    },
    fault("twice", "the gradient is added twice", "a buffer is not cleared") { own, dy, x in
      own.passes(x) ? 2 * dy : 0
    },
  ]

  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ rule: @escaping @Sendable (ClipGradient, Double, Double) -> Double
  ) -> Fault {
    Fault("clip-gradient.\(id)", name, .gradient, of: ClipGradient.self, practice: practice) { own, site in
      let (dy, x) = (site.activations[0], site.activations[1])
      return Tensor(zip(dy.values, x.values).map { rule(own, $0, $1) }, shape: x.shape)
    }
  }
}
