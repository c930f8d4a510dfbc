import TouchstoneModel
import TouchstoneVerdict

/// What has been compared of one step.
struct ComparedStep {
  private let context: StepContext
  private let golden: (any StepSource)?
  private(set) var findings: [StepFinding] = []
  private(set) var omissions: [StepOmission] = []

  init(_ context: StepContext, _ golden: (any StepSource)?) {
    (self.context, self.golden) = (context, golden)
  }

  private var step: StepDescription { context.description }

  /// Brings the findings into the order of computation.
  mutating func sort() {
    findings = findings.enumerated().sorted {
      ($0.element.stage, $0.offset) < ($1.element.stage, $1.offset)
    }.map(\.element)
  }

  /// The norm that the engine found against that of its own gradients (OPT-5, OPT-15).
  mutating func compareNorm() {
    guard let norm = step.norm else { return }
    let path = step.place + "/grad_norm"
    guard let squares = context.squares else {
      if !step.isPartial { omit(path, "the gradients of all parameters are not recorded") }
      return
    }
    var finding = StepFinding(path: path, step: step.place, stage: .norm)
    finding.add(
      0, got: norm, want: squares.norm,
      bound: squares.norm * squares.relativeError(context.rounding) + context.rounding.underflow)
    finding.index = []
    findings.append(finding)
  }

  /// Everything of one parameter.
  ///
  /// - Throws: `BadInput` where it cannot be read.
  mutating func compare(_ name: String) throws(BadInput) {
    let parameter = try context.parameter(name)
    let settings = step.settings(of: name)
    try compareHandover(name)
    try compareAccumulation(parameter)
    if let gradient = parameter.made(.unscaling) ?? parameter.made(.clipping),
      !gradient.allSatisfy(\.isFinite)
    {
      return omit(
        step.path(.gradient, of: name), "it holds values that are not finite, of which no step follows")
    }
    for stage in StepStage.elementwise where isDue(stage, settings) {
      compare(parameter, stage, settings)
    }
  }

  /// Whether a stage belongs to a step of this kind.
  private func isDue(_ stage: StepStage, _ settings: StepSettings) -> Bool {
    switch stage {
    case .firstMoment, .secondMoment: settings.kind == .adamw
    case .momentum: settings.keepsMomentum
    case .clipping: step.clipNorm != nil
    default: true
    }
  }

  private mutating func compare(_ parameter: ParameterStep, _ stage: StepStage, _ settings: StepSettings) {
    guard let quantity = stage.quantity else { return }
    let path = step.path(quantity, of: parameter.name)
    guard let got = parameter.made(stage) else {
      // An engine need not keep what a later stage covers.
      if ![.unscaling, .clipping].contains(stage) { omit(path, "it is not recorded") }
      return
    }
    let clips = step.clipNorm != nil
    if let missing = parameter.missing(stage, settings) {
      // What no earlier stage made is an input.
      if stage != .unscaling { omit(path, "it follows from \(missing), which is not recorded") }
      return
    }
    let readsGradient = stage == .clipping || (parameter.made(.clipping) == nil && stage != .unscaling)
    if clips, context.clipping == nil, readsGradient {
      return omit(path, "it follows from grad_norm, which is not recorded")
    }
    func compared(_ arithmetic: StepArithmetic) -> StepFinding {
      var finding = StepFinding(path: path, step: step.place, stage: stage, parameter: parameter.name)
      for index in got.indices {
        let element = parameter.element(index, clips: clips)
        let want = arithmetic.value(stage, element)
        finding.add(
          index, got: got[index], want: want,
          bound: Bound(context.bound.value(stage, element, arithmetic, want)))
      }
      return finding
    }
    var finding = compared(context.arithmetic(parameter.name))
    if finding.zone != .consistent, context.source.precision.type != .float64 {
      var other = compared(context.arithmetic(parameter.name, rounded: true))
      other.isFloat32 = true
      if other.ratio < finding.ratio { finding = other }
    }
    finding.index = finding.index.first.map { Self.coordinates($0, parameter.shape) } ?? []
    finding.inherited = inherited(quantity, parameter.name, got)
    findings.append(finding)
  }

  /// The gradients of the micro-batches, added, against what was accumulated (OPT-3).
  private mutating func compareAccumulation(_ parameter: ParameterStep) throws(BadInput) {
    guard step.microBatchCount > 0 else { return }
    let accumulated = parameter.made(.accumulation)
    let quantity = accumulated == nil ? StepQuantity.gradient : .accumulated
    let path = step.path(quantity, of: parameter.name)
    guard let got = accumulated ?? (step.lossScale == 1 ? parameter.made(.unscaling) : nil) else {
      return omit(step.path(.accumulated, of: parameter.name), "it is not recorded")
    }
    var parts: [[Double]] = []
    for index in 0..<step.microBatchCount {
      guard let part = try context.source.microGradient(index, of: parameter.name, in: context.index),
        part.shape == parameter.shape
      else {
        return omit(
          path, "it follows from the gradient of micro-batch \(index), which is not recorded in its shape")
      }
      parts.append(part.values)
    }
    var finding = StepFinding(path: path, step: step.place, stage: .accumulation, parameter: parameter.name)
    for index in got.indices {
      let terms = context.rounding.terms(parts.map { $0[index] })
      let bound = context.rounding.judgesFactor * context.rounding.ofSum(terms)
      finding.add(
        index, got: got[index], want: terms.sum,
        bound: bound + context.rounding.ofUnderflow(terms, factors: 0))
    }
    finding.index = finding.index.first.map { Self.coordinates($0, parameter.shape) } ?? []
    findings.append(finding)
  }

  /// In a run a step begins, bit for bit, with what the one before it has left (OPT-2).
  private mutating func compareHandover(_ name: String) throws(BadInput) {
    guard step.follows else { return }
    for quantity in StepQuantity.allCases {
      guard let left = quantity.after,
        let got = try context.source.tensor(quantity, of: name, in: context.index),
        let want = try context.source.tensor(left, of: name, in: context.index - 1)
      else { continue }
      let path = step.path(quantity, of: name)
      var finding = StepFinding(path: path, step: step.place, stage: .handover, parameter: name)
      if got.shape == want.shape {
        for index in got.values.indices {
          finding.add(index, got: got.values[index], want: want.values[index], bound: .zero)
        }
        finding.index = finding.index.first.map { Self.coordinates($0, got.shape) } ?? []
      } else {
        finding.zone = .proven
        finding.ratio = .infinity
        finding.problem = "has the shape \(got.shape) where the step before left \(want.shape)"
      }
      findings.append(finding)
    }
  }

  private mutating func omit(_ path: String, _ why: String) {
    omissions.append(StepOmission(path: path, why: why))
  }

  /// The greatest difference from the golden's, over its greatest element.
  private func inherited(_ quantity: StepQuantity, _ name: String, _ got: [Double]) -> Double? {
    guard let golden, let index = golden.steps.firstIndex(where: { $0.place == step.place }),
      let want = try? golden.tensor(quantity, of: name, in: index), want.count == got.count
    else { return nil }
    let greatest = want.values.reduce(0) { max($0, abs($1)) }
    let difference = zip(got, want.values).reduce(0) { max($0, abs($1.0 - $1.1)) }
    return greatest == 0 ? difference : difference / greatest
  }

  private static func coordinates(_ offset: Int, _ shape: [Int]) -> [Int] {
    var (remainder, index) = (offset, [Int](repeating: 0, count: shape.count))
    for axis in shape.indices.reversed() {
      index[axis] = remainder % shape[axis]
      remainder /= shape[axis]
    }
    return index
  }
}
