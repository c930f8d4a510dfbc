import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneProperties
import TouchstoneReference
import TouchstoneVerdict

/// What the reference computes of a sequence, with its noise floor where that is needed.
private struct ComputedGolden: ActivationSource {
  var activations: RecordedActivations
  var floors: [Activation: Tensor<Double>]

  var graph: Graph { activations.graph }
  var inputs: Inputs { activations.inputs }
  func storedType(of activation: Activation) -> ScalarType? { activations.storedType(of: activation) }
  func storedShape(of activation: Activation) -> [Int]? { activations.storedShape(of: activation) }
  func tensor(_ activation: Activation) -> Tensor<Double>? { activations.tensor(activation) }
  func noiseFloor(of activation: Activation) -> Tensor<Double>? { floors[activation] }
}

extension Engine {
  /// The verdict on what the engine computes of a sequence, its cause named.
  ///
  /// - Parameter golden: what the reference made of it; computed where there is none.
  /// - Throws: what the engine throws.
  func verdict(
    weights: Weights, inputs: Inputs, golden: (any ActivationSource)? = nil
  ) throws -> Verdict {
    let capture = try RecordedActivations(of: implementation(of: weights), inputs: inputs)
    let golden = golden ?? self.golden(weights, inputs, for: capture)
    return try Judge(weights: weights, depth: .whole()).verdict(on: capture, golden: golden)
  }

  /// The noise floor is eight passes of the reference, and is looked at only where not all was handed out.
  private func golden(
    _ weights: Weights, _ inputs: Inputs, for capture: RecordedActivations
  ) -> ComputedGolden {
    let isWhole = capture.graph.operations.allSatisfy { capture.tensors[$0.output] != nil }
    var golden = ComputedGolden(
      activations: RecordedActivations(graph: weights.graph, inputs: inputs, type: .float64), floors: [:])
    if isWhole {
      ReferenceTransformer(weights).forward(inputs) { golden.activations.tensors[$0] = $1 }
    } else {
      golden.floors = NoiseFloor.measured(weights, inputs: inputs) { golden.activations.tensors[$0] = $1 }
    }
    return golden
  }

  /// Whether a run passes: consistent, and with the logits among what was compared.
  func outcome(
    _ check: String, weights: Weights, inputs: Inputs, golden: (any ActivationSource)? = nil
  ) throws -> ConformanceCheck.Outcome {
    let verdict: Verdict
    do {
      verdict = try self.verdict(weights: weights, inputs: inputs, golden: golden)
    } catch let missing as NotImplemented {
      return .notChecked(missing.description)
    } catch {
      return .failed(ConformanceFailure(check, verdict: nil, lines: ["\(name) threw: \(error)"]))
    }
    guard verdict.outcome == .consistent else {
      return .failed(ConformanceFailure(check, verdict: verdict, lines: verdict.lines))
    }
    // Where a model has none the verdict is inconclusive without what no operation reads.
    if let logits = weights.graph.results.logits,
      !verdict.findings.contains(where: { $0.activation == logits })
    {
      let why = "INCONCLUSIVE  \(logits) is not handed out, so nothing is known of what \(name) predicts"
      return .failed(ConformanceFailure(check, verdict: verdict, lines: [why]))
    }
    return .passed(verdict.lines[0])
  }
}

extension Verdict {
  /// The answer with what it rests on, the cause, the worst element.
  var lines: [String] {
    let headline = Headline(self)
    let details = headline.causes.map { "cause: " + $0 } + [headline.worst] + flaggedNotes
    return ["\(headline.word)  \(headline.sentence)"] + details.compactMap { $0.map { "  " + $0 } }
  }

  /// What the diagnosis has to say where no cause of the catalogue fits.
  private var flaggedNotes: [String?] { outcome == .mismatch && cause == nil ? notes : [] }
}
