import Foundation
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneSIMD
import TouchstoneVerdict

/// How long judging a capture takes beside the float64 forward pass that it repeats.
struct JudgeBenchmark: Encodable {
  /// Tokens of the capture, which holds every activation.
  let tokens: Int
  /// Blocks of the model.
  let layers: Int
  /// One forward pass of the reference, on one thread.
  let forwardSeconds: Double
  /// Judging, on all processors, everything read from memory.
  let judgeSeconds: Double
  /// The time that all processors together spent on it.
  let judgeProcessorSeconds: Double
  /// Judging over the forward pass, both as processor time: the ratio on as many threads.
  var ratio: Double { judgeProcessorSeconds / forwardSeconds }

  /// Captures the fast implementation on ids spread over the vocabulary, and judges it.
  ///
  /// - Throws: ``BadInput`` where the model is too short for the tokens, and what judging throws.
  init(_ weights: Weights, tokens: Int = 64, progress: (String) -> Void) throws {
    let graph = weights.graph
    let idCount = graph.idCount(of: .tokenIDs) ?? 1
    let inputs = try Inputs(
      tokenIDs: (0..<tokens).map { ($0 * 7919 + 13) % idCount }, graph: graph)
    let clock = ContinuousClock()
    progress("capturing \(tokens) tokens")
    let capture = try RecordedActivations(of: SIMDTransformer(weights: weights), inputs: inputs)
    progress("the forward pass in float64")
    forwardSeconds = clock.measure { ReferenceTransformer(weights).forward(inputs) { _, _ in } } / .seconds(1)
    progress("judging")
    let before = Self.processorSeconds
    judgeSeconds =
      try clock.measure {
        _ = try Judge(weights: weights, depth: .examined()).verdict(on: capture)
      } / .seconds(1)
    judgeProcessorSeconds = Self.processorSeconds - before
    self.tokens = tokens
    layers = graph.layerCount
  }

  private static var processorSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// For a person.
  var text: String {
    func seconds(_ value: Double) -> String { value.formatted(.number.precision(.fractionLength(2))) + " s" }
    return """
      capture: \(tokens) tokens, \(layers) layers, every activation
      the forward pass in float64, one thread: \(seconds(forwardSeconds))
      judging: \(seconds(judgeSeconds)), \(seconds(judgeProcessorSeconds)) of processor time
      ratio on as many threads: \(ratio.formatted(.number.precision(.fractionLength(2))))
      """
  }

  /// For a program.
  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }
}
