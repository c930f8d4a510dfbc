import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

extension ActivationFunction: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = otherFunctions + variants + tables + siluFaults + limitFaults

  private static let otherFunctions: [Fault] = [
    ("gelu_new", Function.geluTanh), ("gelu", .geluErf), ("relu", .relu),
  ].map { name, function in
    Fault(
      "activation.\(name)", "the nonlinearity is \(function.inWords) instead of the model's", .activation,
      of: ActivationFunction.self, practice: "the two GELUs are confused, or a default is built in"
    ) { own, site in
      own.function == function
        ? nil : site.evaluated(as: ActivationFunction(function, limit: own.limit))
    }
  }

  private static let variants: [Fault] = [
    variant("missing", "there is no nonlinearity", "a layer is not wired", { x, _ in x }),
    variant("silu", "the nonlinearity is x·σ(x)", "another model family's", { x, _ in x / (1 + exp(-x)) }),
    variant(
      "gelu.quick", "GELU is x·σ(1.702·x)", "the quick form of CLIP", { x, _ in x / (1 + exp(-1.702 * x)) }),
    variant(
      "gelu.squared-relu", "the nonlinearity is ReLU²", "another model family's",
      { x, _ in max(0, x) * max(0, x) }
    ),
    variant(
      "gelu.leaky", "the nonlinearity is leaky ReLU", "another model family's", { x, _ in max(x, 0.01 * x) }
    ),
    variant(
      "gelu.constant-0.0447", "GELU's 0.044715 is 0.0447", "a constant is shortened",
      { x, _ in tanhForm(x, cubic: 0.0447) }
    ),
    variant(
      "gelu.constant-0.044", "GELU's 0.044715 is 0.044", "a constant is shortened",
      { x, _ in tanhForm(x, cubic: 0.044) }
    ),
    variant(
      "gelu.constant-0.79788", "GELU's √(2/π) is 0.79788", "a constant is shortened",
      { x, _ in tanhForm(x, root: 0.79788) }
    ),
    variant(
      "gelu.constant-0.8", "GELU's √(2/π) is 0.8", "a constant is shortened",
      { x, _ in tanhForm(x, root: 0.8) }
    ),
    variant(
      "gelu.no-cube", "GELU's cubic term is missing", "tanh(√(2/π)·x)", { x, _ in tanhForm(x, cubic: 0) }),
    variant(
      "gelu.square-for-cube", "GELU's x³ is x²", "a factor is forgotten",
      { x, _ in
        0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x)))
      }
    ),
    variant("gelu.no-half", "GELU is not halved", "the factor ½ is forgotten", { x, right in 2 * right }),
    variant(
      "gelu.clamped-3", "GELU is x above 3 and 0 below −3", "a shortcut for large arguments",
      { x, right in
        x > 3 ? x : x < -3 ? 0 : right
      }
    ),
    variant(
      "gelu.clamped-4", "GELU is x above 4 and 0 below −4", "a shortcut for large arguments",
      { x, right in
        x > 4 ? x : x < -4 ? 0 : right
      }
    ),
    variant("gelu.clamped-10", "GELU is cut off at 10", "a table that ends", { x, right in min(right, 10) }),
    variant(
      "gelu.tanh-rational", "tanh is a rational approximation", "x·(27 + x²)/(27 + 9·x²), clamped",
      { x, _ in
        let z = 0.7978845608028654 * (x + 0.044715 * x * x * x)
        return 0.5 * x * (1 + max(-1, min(1, z * (27 + z * z) / (27 + 9 * z * z))))
      }
    ),
    variant(
      "gelu.tanh-to-11-bits", "tanh is right to 11 bits", "the hardware's approximate tanh",
      { x, _ in
        let z = 0.7978845608028654 * (x + 0.044715 * x * x * x)
        return 0.5 * x * (1 + NumberFormat.tensorFloat32.round(tanh(z)))
      }
    ),
    variant(
      "gelu.table-of-256", "GELU is a table of 256 entries on ±8, interpolated", "a lookup table",
      { x, right in
        guard abs(x) < 8 else { return right }
        let position = (x + 8) * 16
        let low = floor(position)
        return geluByTanh(low / 16 - 8) * (1 - position + low) + geluByTanh(low / 16 - 7.9375)
          * (position - low)
      }
    ),
    variant(
      "gelu.twice", "GELU is applied twice", "a fused kernel is followed by the layer",
      { _, right in geluByTanh(right) }
    ),
    variant(
      "gelu.derivative-sign", "negative arguments give 0", "a ReLU guard around GELU",
      { x, right in x < 0 ? 0 : right }
    ),
  ]

  /// Of x·σ(x).
  private static let siluFaults: [Fault] = [
    silu("sigmoid", "the factor x is missing", "the gate of 2016 for the gate of 2020") {
      1 / (1 + exp(-$0))
    },
    silu("silu-quick", "x·σ(x) is x·σ(1.702·x)", "another model family's") { $0 / (1 + exp(-1.702 * $0)) },
    silu("silu-hard", "x·σ(x) is x·clip(x/6 + ½, 0, 1)", "the piecewise form for small machines") {
      $0 * min(max($0 / 6 + 0.5, 0), 1)
    },
  ]

  private static func silu(
    _ id: String, _ name: String, _ practice: String, _ rule: @escaping @Sendable (Double) -> Double
  ) -> Fault {
    let place = Place.of(ActivationFunction.self).filtered { operation, _ in
      (operation.kind.payload as? ActivationFunction)?.function == .silu
    }
    return Fault("activation.\(id)", name, .activation, at: place, practice: practice) { site in
      Tensor(site.activations[0].values.map(rule), shape: site.activations[0].shape)
    }
  }

  /// Of a nonlinearity whose argument is clipped.
  private static let limitFaults: [Fault] = [
    limit("missing", "the nonlinearity's argument is not clipped") { x, _ in x },
    limit("both-sides", "the nonlinearity's argument is clipped on both sides") { x, limit in
      min(max(x, -limit), limit)
    },
    limit("halved", "the nonlinearity's argument is clipped at half the limit") { x, limit in
      min(x, limit / 2)
    },
  ]

  private static func limit(
    _ id: String, _ name: String, _ clip: @escaping @Sendable (Double, Double) -> Double
  ) -> Fault {
    let place = Place.of(ActivationFunction.self).filtered { operation, _ in
      (operation.kind.payload as? ActivationFunction)?.limit != nil
    }
    return Fault(
      "activation.limit-\(id)", name, .activation, at: place,
      practice: "swiglu_limit is not read as the model has it"
    ) { site in
      guard let own = site.operation.kind.payload as? ActivationFunction, let limit = own.limit else {
        return nil
      }
      let x = site.activations[0]
      return Tensor(x.values.map { own.function(clip($0, limit)) }, shape: x.shape)
    }
  }

  private static let tables: [Fault] = tableFormats.map { id, format, inWords in
    Fault(
      "gelu.\(id)-table", "GELU through a \(inWords) table", .activation,
      at: .of(ActivationFunction.self),
      practice: "a table of all 65,536 16-bit arguments, as ggml has on the CPU",
      storedAs: format
    ) { site in
      site.evaluated(changing: 0) { $0.values = $0.values.map { format.round($0) } }
    }
  }

  /// What tables of functions are indexed by and hold.
  private static let tableFormats = [
    ("half", NumberFormat.float16, "half-precision"), ("bfloat16", .bfloat16, "bfloat16"),
  ]

  private static let geluByTanh = Function.geluTanh

  /// GELU by tanh with other constants.
  private static func tanhForm(
    _ x: Double, root: Double = 0.7978845608028654, cubic: Double = 0.044715
  ) -> Double {
    0.5 * x * (1 + tanh(root * (x + cubic * x * x * x)))
  }

  private static func variant(
    _ id: String, _ name: String, _ practice: String, _ rule: @escaping @Sendable (Double, Double) -> Double
  ) -> Fault {
    Fault(
      id.contains(".") ? id : "activation.\(id)", name, .activation, of: ActivationFunction.self,
      practice: practice
    ) { own, site in
      guard !id.hasPrefix("gelu.") || own.function.isGELU else { return nil }
      let right = site.evaluated()
      let values = zip(site.activations[0].values.map(own.clipped), right.values).map(rule)
      return Tensor(values, shape: right.shape)
    }
  }
}

extension ActivationFunction.Function {
  fileprivate var isGELU: Bool { tanhFactor != nil || self == .geluErf || self == .quickGELU }
}

extension ActivationFunction {
  static let readings: [Reading] = [
    clippedReading,
    Reading("activation.other", .activation, of: ActivationFunction.self) { own, _, _ in
      ActivationFunction.Function.allCases.filter { $0 != own.function }.map { function in
        let name = "the nonlinearity is \(function.inWords) instead of \(own.function.inWords)"
        return Reading.Guess(name) { site in
          site.evaluated(as: ActivationFunction(function, limit: own.limit))
        }
      }
    },
    Reading("activation.applied-twice", .activation, of: ActivationFunction.self) { own, _, _ in
      [
        Reading.Guess("\(own.function.inWords) is applied twice") { site in
          site.evaluated(changing: 0) { $0 = site.evaluated() }
        }
      ]
    },
    // llama.cpp computes GELU by tanh through a table, whichever form the model has.
    Reading("activation.other-table", .activation, of: ActivationFunction.self) { own, _, _ in
      ActivationFunction.Function.allCases.filter { $0 != own.function }.flatMap { function in
        tableFormats.map { _, format, inWords in
          let name = "\(function.inWords) instead of \(own.function.inWords), through a \(inWords) table"
          return Reading.Guess("the nonlinearity is \(name)", storedAs: format) { site in
            var read = site.activations[0]
            read.values = read.values.map { format.round($0) }
            return site.evaluated(as: ActivationFunction(function), activations: [read])
          }
        }
      }
    },
  ]
}
