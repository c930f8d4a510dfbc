import ArgumentParser
import TouchstoneFaults
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// What a capture is granted when it is judged.
struct JudgingOptions: ParsableArguments {
  @Flag(
    help: ArgumentHelp(
      "Accepts a capture that leaves operations before the logits without any comparison, or names datasets nearly as "
        + "the format does."))
  var partial = false

  @Flag(help: "Grants LayerNorm no variance that is found in one pass, E[x²] − μ².")
  var strict = false

  /// The options that are given, as they are typed.
  var words: [String] { (partial ? ["--partial"] : []) + (strict ? ["--strict"] : []) }

  /// Judges a capture and names the cause of what it finds, after the facts that only files state.
  ///
  /// - Parameters:
  ///   - golden: what the reference recorded; nil to judge the capture by the definition alone.
  ///   - layers: those that are judged; nil for what golden and capture hold.
  ///   - surveysErrors: whether each finding says how its errors are spread, for a page.
  ///   - known: what was found of its layers by themselves; nil for nothing.
  ///   - about: what progress is said of; nil for one capture alone.
  func verdict(
    on capture: any ActivationSource, golden: ActivationFile?, weights: Weights?, layers: LayerRange? = nil,
    surveysErrors: Bool = false, known: Verdict? = nil, about: String? = nil
  ) throws -> Verdict {
    let file = capture as? ActivationFile
    if let file { try requireCapture(file) }
    let layers = try judgedLayers(layers, of: [golden, file].compactMap { $0 }, capture.graph)
    let wanted = golden?.weightsDigest ?? weights.map(WeightsDigest.of)
    if let file, let made = file.weightsDigest, let wanted, made != wanted {
      throw BadInput(
        file: file.path, place: "weights_sha256",
        problem: "was made with other weights than \(golden?.path ?? "the model")",
        remedy: "capture the same model")
    }
    do {
      let progress = Progress()
      defer { progress.end() }
      let prefix = about.map { $0 + ": " } ?? ""
      let judging = Countdown(prefix + "judging operations", progress)
      let searching = Countdown(prefix + "looking for the cause", progress)
      var judge = Judge(
        weights: weights, acceptsPartial: partial, contract: strict ? .strict : .standard,
        depth: .whole { searching.show(share: $0) }, layers: layers, surveysErrors: surveysErrors,
        progress: { judging.show($0, of: $1) })
      judge.known = known
      // Sketches say nothing of a single operation: where activations and weights are there, those do.
      if let golden, let file, file.isSketch || golden.isSketch && weights == nil {
        return try judge.verdict(onSketches: SketchedFile(file: file), golden: SketchedFile(file: golden))
      }
      let verdict = try judge.verdict(on: capture, golden: golden)
      return try remarks(on: capture, golden, layers).reduce(verdict) { $0.adding($1) }
    } catch let error as BadInput {
      throw file.map { error.inFile($0.path) } ?? error
    }
  }

  /// The layers that are asked for, which both files must hold; else those that the first shard among them holds.
  private func judgedLayers(
    _ wanted: LayerRange?, of files: [ActivationFile], _ graph: Graph
  ) throws(BadInput) -> LayerRange? {
    guard let layers = wanted ?? files.lazy.compactMap(\.layers).first else { return nil }
    try layers.check(in: graph)
    for file in files {
      guard let held = file.layers, !held.layers.contains(layers.layers) else { continue }
      throw BadInput(
        file: file.path, place: "@layers", problem: "holds the layers \(held), where \(layers) are judged",
        remedy: "judge the layers that both files hold, by --layers")
    }
    return layers
  }

  /// What only the golden knows.
  private func remarks(
    on capture: any ActivationSource, _ golden: ActivationFile?, _ layers: LayerRange?
  ) throws -> [Note] {
    guard let golden else { return [] }
    let logits = golden.graph.results.logits
    let hasLogits = layers.map { golden.graph.operations(of: $0).contains { $0.output == logits } } ?? true
    let tokens =
      try !hasLogits ? nil : NextTokens(of: capture, golden: golden).flatMap { $0.count > 0 ? $0 : nil }
    return [
      golden.model.hasOwnGraph ? .foreignGraph(family: golden.model.family) : nil,
      tokens.map { .nextTokens($0) },
    ].compactMap(\.self)
  }

  /// Refuses a golden where what an implementation computed is to be judged: it is right by its making, and says
  /// nothing of any implementation.
  private func requireCapture(_ file: ActivationFile) throws(BadInput) {
    guard file.kind == .capture else {
      throw BadInput(
        file: file.path,
        problem: "is a golden, which holds what the reference computed and no implementation",
        remedy: "record what the implementation computed in a file of the kind capture")
    }
  }
}
