import Foundation
import TouchstoneModel
import TouchstoneVerdict

/// Numbers of a step that are read off a capture, each the simplest decimal that explains what is flagged.
struct SolvedHypotheses {
  /// A number on which a stage depends linearly.
  private struct Scalar {
    let id: String
    let title: String
    let stages: [StepStage]
    let set: @Sendable (inout StepArithmetic, Double) -> Void
    let value: @Sendable (StepArithmetic) -> Double
    var isInverse = false
  }

  private let sample: StepSample
  private let context: StepContext
  /// The parameters that are to be explained.
  private let chosen: Set<Int>

  init(_ sample: StepSample, _ context: StepContext, chosen: Set<Int>) {
    (self.sample, self.context, self.chosen) = (sample, context, chosen)
  }

  /// What explains a stage with one number, or two, of another value.
  func all(_ stage: StepStage) -> [StepHypothesis] {
    let entries = sample.flagged(stage, among: chosen)
    guard !entries.isEmpty else { return [] }
    var found = Self.scalars.filter { $0.stages.contains(stage) }.compactMap { solve($0, stage, entries) }
    guard stage == .theta, sample.parameters[entries[0].parameter].arithmetic.settings.kind == .adamw else {
      return found + [combination(stage, entries)].compactMap { $0 }
    }
    found += [epsilon(entries), step(entries), factor(entries), rateAndDecay(entries)].compactMap { $0 }
    return found
  }

  private static func setting(
    _ id: String, _ title: String, _ stages: [StepStage],
    _ path: WritableKeyPath<StepSettings, Double> & Sendable
  ) -> Scalar {
    Scalar(
      id: id, title: title, stages: stages, set: { $0.settings[keyPath: path] = $1 },
      value: { $0.settings[keyPath: path] })
  }

  private static let scalars: [Scalar] = [
    setting("beta1", "β₁", [.firstMoment], \.beta1), setting("beta2", "β₂", [.secondMoment], \.beta2),
    setting("lr", "the learning rate", [.theta], \.lr),
    setting("weight-decay", "decay", [.theta, .momentum], \.weightDecay),
    setting("momentum", "momentum", [.momentum], \.momentum),
    setting("dampening", "dampening", [.momentum], \.dampening),
    Scalar(
      id: "clip-coefficient", title: "the coefficient of clipping",
      stages: [.clipping, .firstMoment, .momentum], set: { $0.clipping.replace(by: $1) },
      value: { $0.clipping.coefficient }),
    Scalar(
      id: "loss-scale", title: "the loss scale", stages: [.unscaling], set: { $0.lossScale = 1 / $1 },
      value: { $0.lossScale }, isInverse: true),
  ]

  // MARK: Numbers on which a stage depends linearly

  private func solve(_ scalar: Scalar, _ stage: StepStage, _ entries: [StepSample.Entry]) -> StepHypothesis? {
    var (top, bottom) = (0.0, 0.0)
    for entry in entries {
      let definition = sample.parameters[entry.parameter].arithmetic
      func at(_ number: Double) -> Double {
        var by = definition
        scalar.set(&by, number)
        return by.value(stage, entry.element)
      }
      let (base, weight) = (at(0), weight(stage, entry))
      let slope = at(1) - base
      guard slope.isFinite, let got = entry.got[stage], got.isFinite, base.isFinite else { continue }
      top += weight * (got - base) * slope
      bottom += weight * slope * slope
    }
    let solved = top / bottom
    guard solved.isFinite, !scalar.isInverse || solved != 0 else { return nil }
    return simplest(scalar.isInverse ? 1 / solved : solved, stage, entries) { value, digits in
      StepHypothesis(scalar.id) {
        "\(scalar.title) is \(number(value)) instead of \(number(scalar.value($0)))"
      }
      .with { by, _ in scalar.set(&by, scalar.isInverse ? 1 / value : value) }.read(digits: digits)
    }
  }

  /// The decimal of fewest digits with which a hypothesis explains every entry.
  private func simplest(
    _ value: Double, _ stage: StepStage, _ entries: [StepSample.Entry],
    _ hypothesis: (Double, Int) -> StepHypothesis
  ) -> StepHypothesis? {
    for digits in 1...9 {
      guard let decimal = Double(String(format: "%.\(digits)g", value)) else { return nil }
      let candidate = hypothesis(decimal, digits)
      if explains(candidate, stage, entries) { return candidate }
    }
    return nil
  }

  private func explains(
    _ hypothesis: StepHypothesis, _ stage: StepStage, _ entries: [StepSample.Entry]
  ) -> Bool {
    entries.allSatisfy { entry in
      let parameter = sample.parameters[entry.parameter]
      var by = parameter.arithmetic
      hypothesis.change(&by, parameter.facts)
      let ratio = hypothesis.ratio(
        stage, entry.element, got: entry.got[stage] ?? .nan, by, context.bound, unit: context.rounding.unit)
      return ratio <= 1
    }
  }

  /// The inverse square of what rounding may do to an entry.
  private func weight(_ stage: StepStage, _ entry: StepSample.Entry) -> Double {
    let by = sample.parameters[entry.parameter].arithmetic
    let want = by.value(stage, entry.element)
    let bound = context.bound.value(stage, entry.element, by, want)
    let scale = max(bound, context.rounding.unit * abs(entry.got[stage] ?? 0), context.rounding.underflow)
    return scale.isFinite ? 1 / scale / scale : 0
  }

  // MARK: The denominator

  /// ε, from the denominators that the updates show.
  private func epsilon(_ entries: [StepSample.Entry]) -> StepHypothesis? {
    var (top, bottom) = (0.0, 0.0)
    for entry in entries {
      let by = sample.parameters[entry.parameter].arithmetic
      let (settings, element) = (by.settings, entry.element)
      guard let got = entry.got[.theta] else { continue }
      let update = element.thetaBefore * (1 - settings.lr * settings.weightDecay) - got
      let bound = context.bound.value(.theta, element, by, got)
      guard abs(update) > 100 * bound else { continue }
      let denominator = settings.lr * element.firstMoment / by.correction1 / update
      var slope = denominator * bound / abs(update)
      let found: Double
      switch settings.epsilonPlacement {
      case .after: found = denominator - (element.secondMoment / by.correction2).squareRoot()
      case .before:
        found = denominator * by.correction2.squareRoot() - element.secondMoment.squareRoot()
        slope *= by.correction2.squareRoot()
      case .inside:
        found = denominator * denominator - element.secondMoment / by.correction2
        slope *= 2 * denominator
      }
      guard found.isFinite, slope.isFinite, slope != 0 else { continue }
      top += found / slope / slope
      bottom += 1 / slope / slope
    }
    let solved = top / bottom
    guard solved.isFinite, solved > 0 else { return nil }
    return simplest(solved, .theta, entries) { value, digits in
      StepHypothesis("epsilon") { "ε is \(number(value)) instead of \(number($0.settings.epsilon))" }
        .settings { $0.epsilon = value }.read(digits: digits)
    }
  }

  // MARK: The step's number

  /// t, from the factor that its corrections give to every update.
  private func step(_ entries: [StepSample.Entry]) -> StepHypothesis? {
    guard let factor = factorOfUpdates(entries), factor > 0 else { return nil }
    let definition = sample.parameters[entries[0].parameter].arithmetic
    func scale(_ t: Int) -> Double {
      var by = definition
      by.settings.t = t
      return by.correction2.squareRoot() / by.correction1
    }
    let wanted = factor * scale(definition.settings.t)
    let nearest = (1...Self.greatestStep).sorted { abs(scale($0) - wanted) < abs(scale($1) - wanted) }.prefix(
      4)
    for t in nearest where t != definition.settings.t {
      let candidate = StepHypothesis("step") { "t is \(t) instead of \($0.settings.t)" }
        .settings { $0.t = t }.read(digits: String(t).count)
      if explains(candidate, .theta, entries) { return candidate }
    }
    return nil
  }

  private static let greatestStep = 4096

  /// By what the update of every entry is multiplied, its decay as it should be.
  private func factorOfUpdates(_ entries: [StepSample.Entry]) -> Double? {
    var (top, bottom) = (0.0, 0.0)
    for entry in entries {
      let by = sample.parameters[entry.parameter].arithmetic
      guard let got = entry.got[.theta] else { continue }
      let kept = entry.element.thetaBefore * (1 - by.settings.lr * by.settings.weightDecay)
      let (update, weight) = (kept - by.value(.theta, entry.element), weight(.theta, entry))
      guard update.isFinite, got.isFinite else { continue }
      top += weight * (kept - got) * update
      bottom += weight * update * update
    }
    return bottom > 0 ? top / bottom : nil
  }

  /// A learning rate that is everywhere the same multiple of its own.
  private func factor(_ entries: [StepSample.Entry]) -> StepHypothesis? {
    let rates = Set(entries.map { sample.parameters[$0.parameter].arithmetic.settings.lr })
    guard rates.count > 1, let factor = factorOfUpdates(entries) else { return nil }
    return simplest(factor, .theta, entries) { value, digits in
      StepHypothesis("update-factor") { _ in "the update is multiplied by \(number(value)) instead of 1" }
        .at(.theta) { element, by in
          let kept = element.thetaBefore * (1 - by.settings.lr * by.settings.weightDecay)
          return kept - value * (kept - by.value(.theta, element))
        }.read(digits: digits + 1)
    }
  }

  // MARK: Two numbers

  /// Learning rate and decay, both of another value.
  private func rateAndDecay(_ entries: [StepSample.Entry]) -> StepHypothesis? {
    let solved = twoNumbers(.theta, entries) { entry, by in
      let direction = by.direction(entry.firstMoment, entry.secondMoment)
      return (entry.thetaBefore, -direction, -entry.thetaBefore)
    }
    guard let (rate, product) = solved, rate > 0 else { return nil }
    for digits in 1...7 {
      guard let lr = Double(String(format: "%.\(digits)g", rate)),
        let decay = Double(String(format: "%.\(digits)g", product / lr))
      else { return nil }
      let candidate = StepHypothesis("lr-and-decay") {
        "learning rate and decay are \(number(lr)) and \(number(decay)) instead of \(number($0.settings.lr)) and \(number($0.settings.weightDecay))"
      }
      .settings { ($0.lr, $0.weightDecay) = (lr, decay) }.read(digits: 2 * digits + 1)
      if explains(candidate, .theta, entries) { return candidate }
    }
    return nil
  }

  /// Any other share of what was kept and what is new.
  private func combination(_ stage: StepStage, _ entries: [StepSample.Entry]) -> StepHypothesis? {
    let terms: @Sendable (StepElement, StepArithmetic) -> (Double, Double, Double)
    let (name, old, new): (String, String, String)
    switch stage {
    case .firstMoment:
      terms = { (0, $0.firstMomentBefore, $1.gradient($0)) }
      (name, old, new) = ("m", "m", "g")
    case .secondMoment:
      terms = { (0, $0.secondMomentBefore, $1.gradient($0) * $1.gradient($0)) }
      (name, old, new) = ("v", "v", "g²")
    case .momentum:
      terms = { (0, $0.momentumBefore ?? 0, $1.decayed($0)) }
      (name, old, new) = ("b", "b", "d")
    default: return nil
    }
    guard let (left, right) = twoNumbers(stage, entries, terms) else { return nil }
    for digits in 1...7 {
      guard let first = Double(String(format: "%.\(digits)g", left)),
        let second = Double(String(format: "%.\(digits)g", right))
      else { return nil }
      let candidate = StepHypothesis("shares-of-\(name)") { by in
        let (kept, rest) = Self.shares(stage, by)
        return "\(name) is \(number(first))·\(old) + \(number(second))·\(new) instead of "
          + "\(number(kept))·\(old) + \(number(rest))·\(new)"
      }
      .at(stage) { element, by in
        let (_, left, right) = terms(element, by)
        return first * left + second * right
      }.read(digits: 2 * digits + 1)
      if explains(candidate, stage, entries) { return candidate }
    }
    return nil
  }

  private static func shares(_ stage: StepStage, _ by: StepArithmetic) -> (Double, Double) {
    switch stage {
    case .firstMoment: (by.settings.beta1, 1 - by.settings.beta1)
    case .secondMoment: (by.settings.beta2, 1 - by.settings.beta2)
    default: (by.settings.momentum, 1 - by.settings.dampening)
    }
  }

  /// The a and b for which got = base + a·x + b·z comes nearest.
  private func twoNumbers(
    _ stage: StepStage, _ entries: [StepSample.Entry],
    _ terms: (StepElement, StepArithmetic) -> (base: Double, x: Double, z: Double)
  ) -> (Double, Double)? {
    var (xx, xz, zz, xr, zr) = (0.0, 0.0, 0.0, 0.0, 0.0)
    for entry in entries {
      let (base, x, z) = terms(entry.element, sample.parameters[entry.parameter].arithmetic)
      guard let got = entry.got[stage], [base, x, z, got].allSatisfy(\.isFinite) else { continue }
      let weight = weight(stage, entry)
      xx += weight * x * x
      xz += weight * x * z
      zz += weight * z * z
      xr += weight * x * (got - base)
      zr += weight * z * (got - base)
    }
    let determinant = xx * zz - xz * xz
    guard determinant > 1e-9 * xx * zz else { return nil }
    return ((xr * zz - zr * xz) / determinant, (zr * xx - xr * xz) / determinant)
  }
}
