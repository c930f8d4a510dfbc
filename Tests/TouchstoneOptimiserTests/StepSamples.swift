import Foundation
import TouchstoneModel

@testable import TouchstoneOptimiser

/// Numbers from a seed, each test's own.
struct Draws {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  /// From −1 to 1.
  mutating func next() -> Float {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Float(Int64(bitPattern: state) >> 24) / Float(1 << 39)
  }

  mutating func tensor(_ count: Int, scale: Float = 1) -> [Float] {
    (0..<count).map { _ in
      let value = next()
      return scale * value * abs(value)
    }
  }
}

/// An optimiser in float32, written apart from the definition.
struct Engine {
  var settings: StepSettings
  var clipNorm: Float?
  var lossScale: Float = 1
  /// The parameters and what is kept of them, by name.
  var theta: [String: [Float]] = [:]
  var first: [String: [Float]] = [:]
  var second: [String: [Float]] = [:]
  /// By how much of the usual learning rate, and with what decay, a parameter is stepped.
  var decay: [String: Double] = [:]

  /// Three parameters, the last without decay.
  init(_ kind: StepSettings.Kind, seed: UInt64) {
    var draws = Draws(seed: seed)
    settings = StepSettings(kind, t: 1, lr: 3e-3)
    settings.weightDecay = 0.1
    if kind == .adamw {
      (settings.beta1, settings.beta2, settings.epsilon) = (0.9, 0.95, 1e-6)
    } else {
      (settings.momentum, settings.dampening) = (0.9, 0.2)
    }
    for (name, count) in [("attn", 40), ("mlp", 60), ("norm", 12)] {
      theta[name] = draws.tensor(count, scale: 0.1)
      decay[name] = name == "norm" ? 0 : 0.1
    }
  }

  var groups: [StepDescription.Group] {
    [["attn", "mlp"], ["norm"]].map { names in
      var own = settings
      own.weightDecay = decay[names[0], default: 0]
      return StepDescription.Group(names: names, settings: own)
    }
  }

  /// Takes a step and records it.
  mutating func step(
    _ recorded: inout RecordedSteps, place: String = "step", seed: UInt64, follows: Bool = false
  ) throws {
    var draws = Draws(seed: seed)
    var step = try StepDescription(place: place, groups: groups, parameters: theta.keys.sorted())
    step.lossScale = Double(lossScale)
    step.clipNorm = clipNorm.map(Double.init)
    step.follows = follows
    step.microBatchCount = 2
    let index = recorded.steps.count
    recorded.steps.append(step)
    func put(_ quantity: StepQuantity, _ name: String, _ values: [Float]?) {
      recorded[quantity, name, index] = values.map { Tensor($0.map(Double.init), shape: [$0.count / 4, 4]) }
    }
    var gradients: [String: [Float]] = [:]
    for name in step.parameters {
      let count = theta[name]?.count ?? 0
      let parts = (0..<2).map { _ in draws.tensor(count).map { $0 * lossScale } }
      for (number, part) in parts.enumerated() {
        recorded[microBatch: number, name, index] = Tensor(part.map(Double.init), shape: [count / 4, 4])
      }
      let sum = zip(parts[0], parts[1]).map(+)
      put(.accumulated, name, sum)
      gradients[name] = sum.map { $0 / lossScale }
      put(.gradient, name, gradients[name])
    }
    if let limit = clipNorm {
      let norm = gradients.values.joined().reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
      recorded.steps[index].norm = Double(norm)
      gradients = gradients.mapValues { $0.map { $0 * min(1, limit / (norm + 1e-6)) } }
      for (name, values) in gradients { put(.clipped, name, values) }
    }
    for (name, gradient) in gradients {
      if !follows { put(.thetaBefore, name, theta[name]) }
      settings.kind == .adamw ? adamW(name, gradient) : descend(name, gradient)
      put(.theta, name, theta[name])
      if settings.kind == .adamw {
        put(.firstMoment, name, first[name])
        put(.secondMoment, name, second[name])
      } else {
        put(.momentum, name, first[name])
      }
    }
    settings.t += 1
  }

  private mutating func adamW(_ name: String, _ gradient: [Float]) {
    let (b1, b2) = (Float(settings.beta1), Float(settings.beta2))
    let (lr, wd) = (Float(settings.lr), Float(decay[name, default: 0]))
    let c1 = Float(1 - pow(settings.beta1, Double(settings.t)))
    let c2 = Float(1 - pow(settings.beta2, Double(settings.t)))
    for place in gradient.indices {
      let g = gradient[place]
      let m = b1 * (first[name]?[place] ?? 0) + (1 - b1) * g
      let v = b2 * (second[name]?[place] ?? 0) + Float(1 - settings.beta2) * g * g
      first[name, default: gradient][place] = m
      second[name, default: gradient][place] = v
      let old = theta[name]?[place] ?? 0
      theta[name]?[place] =
        old - lr * wd * old - lr / c1 * m / ((v / c2).squareRoot() + Float(settings.epsilon))
    }
  }

  private mutating func descend(_ name: String, _ gradient: [Float]) {
    let (mu, tau) = (Float(settings.momentum), Float(settings.dampening))
    for place in gradient.indices {
      let old = theta[name]?[place] ?? 0
      let d = gradient[place] + Float(decay[name, default: 0]) * old
      let b = first[name].map { mu * $0[place] + (1 - tau) * d } ?? d
      momentum[name, default: gradient][place] = b
      theta[name]?[place] = old - Float(settings.lr) * (settings.nesterov ? d + mu * b : b)
    }
    first[name] = momentum[name]
  }

  private var momentum: [String: [Float]] = [:]
}

/// Two steps in a row, the second at t = 2.
func run(
  _ kind: StepSettings.Kind, seed: UInt64, clipNorm: Float? = 1, lossScale: Float = 1, nesterov: Bool = false
) throws
  -> RecordedSteps
{
  var engine = Engine(kind, seed: seed)
  engine.settings.nesterov = nesterov
  if nesterov { engine.settings.dampening = 0 }
  (engine.clipNorm, engine.lossScale) = (clipNorm, lossScale)
  var recorded = RecordedSteps()
  try engine.step(&recorded, place: "steps/001", seed: seed + 1)
  try engine.step(&recorded, place: "steps/002", seed: seed + 2, follows: true)
  return recorded
}
