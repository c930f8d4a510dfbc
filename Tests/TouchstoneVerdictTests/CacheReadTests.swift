import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// Attention is replayed on the keys and values that it really read, where a capture holds them apart.
@Suite struct CacheReadTests {
  /// A run that keeps its keys and values in float16, as `llama.cpp` does unless told otherwise.
  private func capture(_ weights: Weights, _ inputs: Inputs) -> Cached {
    var recorded = RecordedActivations(graph: weights.graph, inputs: inputs)
    Executor(weights, inputs).run(computing: { site in
      let operation = site.operation
      var activations = site.operands.activations
      if let layer = operation.output.layer {
        let point: Activation.Point? =
          operation.output.point == .attentionContext
          ? .valueCache : operation.output.point == .attentionScores ? .keyCache : nil
        if let point {
          let read = Tensor(
            activations[1].values.map { rounded($0, to: .float16) }, shape: activations[1].shape)
          recorded.tensors[Activation(point, layer: layer)] = read
          activations[1] = read
        }
      }
      let value = operation.kind.value(
        Operands(activations, parameters: site.operands.parameters), in: inputs
      )
      .converted(to: Float.self).converted(to: Double.self)
      recorded.tensors[operation.output] = value
      return value
    }) { _, _ in }
    return Cached(recorded: recorded)
  }

  @Test func attentionIsReplayedFromTheCachesThatItRead() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let judge = Judge(weights: weights)
    let whole = capture(weights, inputs)
    let verdict = try judge.verdict(on: whole)
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
    #expect(verdict.findings.count == weights.graph.operations.count + 4)
    // What is hidden behind them differs from float32 by more than its noise: the golden's floor is not asked.
    var hidden = whole
    hidden.recorded.tensors = whole.recorded.tensors.filter { $0.key.point != .attentionProbabilities }
    let beside = try judge.verdict(on: hidden, golden: Golden(weights, inputs))
    #expect(beside.outcome == .consistent, "\(beside.flagged)")
    #expect(beside.notes.contains { $0.contains("ends before layers/000/attn_scores") })
    // Without the caches, scores and contexts are not what the recorded keys and values give.
    for (point, output) in [
      (Activation.Point.keyCache, Activation.Point.attentionScores), (.valueCache, .attentionContext),
    ] {
      var part = whole
      part.recorded.tensors = whole.recorded.tensors.filter { $0.key.point != point }
      let flagged = try judge.verdict(on: part).flagged
      #expect(flagged.map(\.activation) == (0..<2).map { Activation(output, layer: $0) }, "\(flagged)")
    }
    // A cache that holds something else than the keys is found where it was filled.
    var stale = whole
    let cache = Activation(.keyCache, layer: 1)
    stale.recorded.tensors[cache]?.values[5] += 0.25
    #expect(try judge.verdict(on: stale).flagged.first?.activation == cache)
  }
}

/// A capture whose caches are stored in float16.
private struct Cached: ActivationSource {
  var recorded: RecordedActivations

  var graph: Graph { recorded.graph }
  var inputs: Inputs { recorded.inputs }
  func storedType(of activation: Activation) -> ScalarType? {
    let isCache = activation.point == .keyCache || activation.point == .valueCache
    return recorded.tensors[activation] == nil ? nil : isCache ? .float16 : .float32
  }
  func storedShape(of activation: Activation) -> [Int]? { recorded.storedShape(of: activation) }
  func tensor(_ activation: Activation) -> Tensor<Double>? { recorded.tensor(activation) }
}
