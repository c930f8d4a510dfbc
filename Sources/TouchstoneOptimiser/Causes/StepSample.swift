import TouchstoneModel
import TouchstoneVerdict

/// Elements of a step on which hypotheses are tried before all elements are.
struct StepSample {
  /// One of them.
  struct Entry {
    /// Which parameter it is of, by its place in ``StepSample/parameters``.
    let parameter: Int
    let element: StepElement
    /// What stands in the capture, by stage.
    let got: [StepStage: Double]
  }

  /// A parameter that was judged.
  struct Parameter {
    let name: String
    /// By the definition.
    let arithmetic: StepArithmetic
    let facts: StepHypothesis.Facts
    let group: Int
    /// The stages that were judged.
    let judged: Set<StepStage>
    /// Those of them that are flagged.
    let flagged: Set<StepStage>
  }

  private(set) var parameters: [Parameter] = []
  private(set) var entries: [Entry] = []

  /// Draws elements of every parameter at equal distances, and of what is flagged as many again.
  ///
  /// - Parameter rounded: whether the numbers of the step are those that float32 holds.
  /// - Throws: `BadInput` where a parameter cannot be read.
  init(_ context: StepContext, _ findings: [StepFinding], rounded: Bool) throws(BadInput) {
    let byParameter = Dictionary(grouping: findings.filter { $0.parameter != nil }) { $0.parameter ?? "" }
    let elementwise = Set(StepStage.elementwise)
    for name in context.description.parameters {
      let judged = byParameter[name, default: []].filter {
        elementwise.contains($0.stage) && $0.problem == nil
      }
      guard !judged.isEmpty else { continue }
      let parameter = try context.parameter(name)
      let stages = Set(judged.map(\.stage))
      let flagged = Set(judged.filter { $0.zone != .consistent }.map(\.stage))
      let arithmetic = context.arithmetic(name, rounded: rounded)
      let squares = (parameter.made(.unscaling) ?? []).reduce(0) { $0 + $1 * $1 }
      parameters.append(
        Parameter(
          name: name, arithmetic: arithmetic, facts: .init(norm: squares.squareRoot()),
          group: context.description.group(of: name), judged: stages, flagged: flagged))
      var chosen = Set(Self.spread(parameter.count))
      for stage in flagged {
        let wrong = Self.wrong(stage, parameter, arithmetic, context)
        chosen.formUnion(Self.spread(wrong.count).map { wrong[$0] })
      }
      add(chosen.sorted(), of: parameter, stages, clips: context.description.clipNorm != nil)
    }
  }

  private mutating func add(
    _ indices: [Int], of parameter: ParameterStep, _ stages: Set<StepStage>, clips: Bool
  ) {
    let made = stages.compactMap { stage in parameter.made(stage).map { (stage, $0) } }
    for index in indices {
      entries.append(
        Entry(
          parameter: parameters.count - 1, element: parameter.element(index, clips: clips),
          got: Dictionary(uniqueKeysWithValues: made.map { ($0.0, $0.1[index]) })))
    }
  }

  /// The elements of a parameter that are flagged.
  private static func wrong(
    _ stage: StepStage, _ parameter: ParameterStep, _ arithmetic: StepArithmetic, _ context: StepContext
  ) -> [Int] {
    guard let got = parameter.made(stage) else { return [] }
    let clips = context.description.clipNorm != nil
    return got.indices.filter { index in
      let element = parameter.element(index, clips: clips)
      let want = arithmetic.value(stage, element)
      return !(abs(got[index] - want) <= context.bound.value(stage, element, arithmetic, want))
    }
  }

  /// At most this many of `count` indices, the first and the last among them.
  private static func spread(_ count: Int, most: Int = 256) -> [Int] {
    guard count > most else { return Array(0..<count) }
    return (0..<most).map { $0 * (count - 1) / (most - 1) }
  }

  /// The entries of flagged parameters of a stage.
  func flagged(_ stage: StepStage, among chosen: Set<Int>) -> [Entry] {
    entries.filter { chosen.contains($0.parameter) && parameters[$0.parameter].flagged.contains(stage) }
  }
}
