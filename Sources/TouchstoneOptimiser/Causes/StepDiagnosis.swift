import TouchstoneModel
import TouchstoneVerdict

/// Looks for what a step does otherwise, where something in it is flagged (OPT-19).
///
/// A hypothesis is named only where it gives, within rounding, every element of everything that it is said to explain.
struct StepDiagnosis {
  private let context: StepContext
  private let findings: [StepFinding]

  init(_ context: StepContext, _ findings: [StepFinding]) {
    (self.context, self.findings) = (context, findings)
  }

  /// What explains the flagged stages, the earliest first; empty where nothing is flagged or nothing explains it.
  ///
  /// - Throws: `BadInput` where a parameter cannot be read.
  func causes() throws(BadInput) -> [StepCause] {
    let flagged = findings.filter { $0.zone != .consistent && $0.problem == nil }
    guard !flagged.isEmpty else { return [] }
    var causes = try AccumulationDiagnosis(context).causes(flagged)
    causes += try NormDiagnosis(context).causes(flagged)
    if flagged.contains(where: { StepStage.elementwise.contains($0.stage) }) {
      causes += try elementwise()
    }
    return causes
  }

  // MARK: Element by element

  private func elementwise() throws(BadInput) -> [StepCause] {
    // An engine computes with the decimals, or with float32's numbers nearest to them, in all of the step.
    var samples = [try StepSample(context, findings, rounded: false)]
    if context.source.precision.type != .float64 {
      samples.append(try StepSample(context, findings, rounded: true))
    }
    let sample = samples[0]
    let flagged = sample.parameters.indices.filter { !sample.parameters[$0].flagged.isEmpty }
    var open = Set(
      flagged.flatMap { index in
        sample.parameters[index].flagged.map { Place(parameter: index, stage: $0) }
      })
    var causes: [StepCause] = []
    // All at once, then what is left of each group by itself.
    let groups = Dictionary(grouping: flagged) { sample.parameters[$0].group }.sorted { $0.key < $1.key }
    for chosen in [Set(flagged)] + (groups.count > 1 ? groups.map { Set($0.value) } : []) {
      while let cause = try next(samples, open.filter { chosen.contains($0.parameter) }) {
        causes.append(cause.cause)
        open.subtract(cause.explained)
      }
    }
    return causes.sorted { ($0.stages.first ?? .theta) < ($1.stages.first ?? .theta) }
  }

  private struct Place: Hashable {
    let parameter: Int
    let stage: StepStage
  }

  /// How well a hypothesis does on the sample.
  private struct Trial {
    let hypothesis: StepHypothesis
    /// The sample whose numbers it goes by.
    let sample: StepSample
    var stages: Set<StepStage> = []
    /// Whether there are parameters of which it gives the flagged elements, the definition the others.
    var isPart = false
    /// Stages that it would spoil.
    var contradictions = 0
    var ratio = 0.0

    static func < (left: Trial, right: Trial) -> Bool {
      let (a, b) = (left, right)
      if a.stages.count != b.stages.count { return a.stages.count > b.stages.count }
      if a.contradictions != b.contradictions { return a.contradictions < b.contradictions }
      if a.isPart != b.isPart { return b.isPart }
      if a.hypothesis.digits != b.hypothesis.digits { return a.hypothesis.digits < b.hypothesis.digits }
      return a.ratio < b.ratio
    }

    /// Whether the numbers do not tell the two apart.
    func isEqual(_ other: Trial) -> Bool {
      stages == other.stages && isPart == other.isPart && contradictions == other.contradictions
        && hypothesis.digits == other.hypothesis.digits
    }
  }

  private func next(
    _ samples: [StepSample], _ open: Set<Place>
  ) throws(BadInput) -> (cause: StepCause, explained: Set<Place>)? {
    guard !open.isEmpty else { return nil }
    let kind = context.description.groups[0].settings.kind
    let known = StepHypothesis.common(context) + (kind == .adamw ? StepHypothesis.adamW : StepHypothesis.sgd)
    var trials: [Trial] = []
    for sample in samples {
      let solved = SolvedHypotheses(sample, context, chosen: Set(open.map(\.parameter)))
      let hypotheses = known + Set(open.map(\.stage)).flatMap(solved.all)
      trials += hypotheses.compactMap { trial($0, sample, open) }
    }
    trials.sort(by: <)
    for trial in trials.prefix(4) {
      guard let whole = try verified(trial, open) else { continue }
      let names = trials.filter { $0.isEqual(trial) }.map { name($0, open) }
      var cause = whole
      for name in names where name != cause.name && !cause.equivalents.contains(name) {
        cause.equivalents.append(name)
      }
      return (cause, open.filter { trial.stages.contains($0.stage) })
    }
    return nil
  }

  /// Tries a hypothesis; nil where it explains no stage.
  private func trial(_ hypothesis: StepHypothesis, _ sample: StepSample, _ open: Set<Place>) -> Trial? {
    var trial = Trial(hypothesis: hypothesis, sample: sample)
    let parameters = Set(open.map(\.parameter))
    let arithmetic = sample.parameters.map { parameter in
      var by = parameter.arithmetic
      hypothesis.change(&by, parameter.facts)
      return by
    }
    for stage in StepStage.elementwise {
      let due = Set(open.filter { $0.stage == stage }.map(\.parameter))
      let tried = due.isEmpty ? parameters.filter { sample.parameters[$0].judged.contains(stage) } : due
      if tried.isEmpty || due.isEmpty && hypothesis.storage != nil { continue }
      var (isWhole, isPart, partCount, worst) = (true, true, 0, 0.0)
      for entry in sample.entries where tried.contains(entry.parameter) {
        guard let got = entry.got[stage] else { continue }
        let ratio = hypothesis.ratio(
          stage, entry.element, got: got, arithmetic[entry.parameter], context.bound,
          unit: context.rounding.unit)
        if ratio <= 1 {
          worst = max(worst, ratio)
          continue
        }
        isWhole = false
        guard !due.isEmpty, hypothesis.digits == 0 else {
          isPart = false
          break
        }
        if !isRight(stage, entry, got, sample) {
          isPart = false
          break
        }
        partCount += 1
      }
      if due.isEmpty {
        if !isWhole { trial.contradictions += 1 }
      } else if isWhole || isPart && partCount > 0 {
        trial.stages.insert(stage)
        trial.isPart = trial.isPart || !isWhole
        trial.ratio = max(trial.ratio, worst)
      }
    }
    return trial.stages.isEmpty ? nil : trial
  }

  private func isRight(
    _ stage: StepStage, _ entry: StepSample.Entry, _ got: Double, _ sample: StepSample
  ) -> Bool {
    let by = sample.parameters[entry.parameter].arithmetic
    let want = by.value(stage, entry.element)
    return abs(got - want) <= context.bound.value(stage, entry.element, by, want)
  }

  /// The cause, where the hypothesis holds for every element and not for the sample alone.
  private func verified(
    _ trial: Trial, _ open: Set<Place>
  ) throws(BadInput) -> StepCause? {
    let sample = trial.sample
    let clips = context.description.clipNorm != nil
    let due = Set(open.filter { trial.stages.contains($0.stage) }.map(\.parameter))
    var (those, others, worst, wrong) = ([String](), 0, 0.0, 0)
    for (index, parameter) in sample.parameters.enumerated()
    where !parameter.judged.isDisjoint(with: trial.stages) {
      let values = try context.parameter(parameter.name)
      var by = parameter.arithmetic
      trial.hypothesis.change(&by, parameter.facts)
      var holds = true
      for stage in trial.stages where parameter.judged.contains(stage) {
        guard let got = values.made(stage) else { continue }
        for element in got.indices {
          let entry = StepSample.Entry(
            parameter: index, element: values.element(element, clips: clips), got: [:])
          let ratio = trial.hypothesis.ratio(
            stage, entry.element, got: got[element], by, context.bound, unit: context.rounding.unit)
          let right = isRight(stage, entry, got[element], sample)
          if !right { wrong += 1 }
          if ratio <= 1 {
            worst = max(worst, ratio)
          } else if due.contains(index), open.contains(Place(parameter: index, stage: stage)) {
            guard trial.isPart, right else { return nil }
          } else {
            holds = false
            break
          }
        }
      }
      if due.contains(index) || holds { those.append(parameter.name) } else { others += 1 }
    }
    // One element is explained by anything that has a number to choose.
    guard wrong >= Self.leastWrong + trial.hypothesis.digits else { return nil }
    return StepCause(
      id: trial.hypothesis.id, name: name(trial, open), step: context.description.place,
      stages: trial.stages.sorted(), parameters: (those.count, those.count + others),
      examples: others > 0 ? Array(those.prefix(3)) : [], ratio: worst, equivalents: [])
  }

  private static let leastWrong = 2

  private func name(_ trial: Trial, _ open: Set<Place>) -> String {
    let first = open.filter { trial.stages.contains($0.stage) }.map(\.parameter).min() ?? 0
    return trial.hypothesis.name(trial.sample.parameters[first].arithmetic)
      + (trial.isPart ? ", in part of the elements" : "")
  }
}
