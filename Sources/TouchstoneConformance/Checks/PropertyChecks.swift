import TouchstoneModel
import TouchstoneProperties
import TouchstoneVerdict

extension ConformanceCheck {
  /// Properties of every right implementation on every model, each on ten generated ones.
  ///
  /// `TOUCHSTONE_CASES` asks for more or fewer, `TOUCHSTONE_SEED` for others.
  public static let properties = ([ModelProperty.isConsistent] + ModelProperty.all).map { property in
    ConformanceCheck(.property, property.name) { property.outcome(for: $0, cases: 10) }
  }
}

extension ModelProperty {
  /// The verdict on each operation of a generated model.
  static let isConsistent = ModelProperty("every operation is within its bound", clauses: ["NUM-4"]) {
    generated, engine in
    let weights = try generated.model().weights()
    let capture = try engine.run(generated.model(), generated.inputs()).activations
    let verdict = try Judge(weights: weights).verdict(on: capture)
    return verdict.outcome == .consistent ? nil : verdict.lines[0]
  }

  /// What comes of looking for a model on which an engine lacks the property.
  package func outcome(for engine: Engine, cases: Int) -> ConformanceCheck.Outcome {
    switch search(by: engine, seed: PropertyRun.seed, count: PropertyRun.cases ?? cases) {
    case .holds: .passed("holds on \(PropertyRun.cases ?? cases) generated models")
    case .notApplicable(let why): .notChecked(why)
    case .fails(let found): .failed(failure(of: engine, found))
    }
  }

  /// The property, the smallest model, what replay says of it, and two ways to see it again.
  private func failure(of engine: Engine, _ found: Counterexample<ModelCase>) -> ConformanceFailure {
    let smallest = found.smallest
    let verdict = try? engine.verdict(weights: smallest.model().weights(), inputs: smallest.inputs())
    var lines = ["\(engine.name) lacks “\(name)” (\(clauses.joined(separator: ", "))): \(found.reason)"]
    if let verdict { lines += verdict.lines.map { "  " + $0 } }
    lines.append("  smallest case: \(smallest)")
    lines.append("  again: " + PropertyRun.replay(seed: found.seed, test: engine.test))
    if verdict?.outcome == .consistent {
      lines.append("  by itself the case shows nothing: the property compares it with others")
    } else {
      #if HDF5
        do {
          let path = try smallest.writeGolden(name: "\(engine.name) \(name) \(found.seed)")
          lines.append("  by itself: " + engine.verifyCommand(path))
        } catch {
          lines.append("  its golden cannot be written: \(error)")
        }
      #endif
    }
    return ConformanceFailure("property " + name, verdict: verdict, lines: lines)
  }
}
