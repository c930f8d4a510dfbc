import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// Softmax with sinks as Hugging Face's code computes it in 16 bits: it subtracts the greatest itself, in the type.
@Suite struct ShiftedSoftmaxTests {
  private func model() throws -> (weights: Weights, inputs: Inputs) {
    let family = try #require(Family.all.first { $0.name == "gpt_oss" })
    let model = RandomDecoder(family, kind: .probing, width: 32, seed: 8)
    let weights = try model.weights()
    return (weights, try model.inputs(weights.graph))
  }

  /// A run in a narrow type whose softmax is of what `shift` makes of scores, and of their greatest.
  private func run(
    _ weights: Weights, _ inputs: Inputs, _ type: ScalarType, shift: (Double, Double) -> Double
  ) -> RecordedActivations {
    var tensors: [Activation: Tensor<Double>] = [:]
    let narrow = RecordedActivations(weights: weights, inputs: inputs, precision: Precision(type))
    for operation in weights.graph.operations {
      guard case .probabilities(let kind) = operation.kind, let scores = narrow.tensors[operation.inputs[0]],
        let sinks = operation.parameters.first.map({ weights.float32($0.parameter).values })
      else { continue }
      var made = Tensor<Double>(repeating: 0, shape: scores.shape)
      for row in 0..<scores.rowCount {
        let visible = (0..<scores.rowWidth).filter {
          inputs.isVisible(key: $0, from: row % inputs.count, under: kind.visibility)
        }
        let offsets = visible.map { row * scores.rowWidth + $0 }
        let read = offsets.map { scores.values[$0] } + [type.rounded(Double(sinks[row / inputs.count]))]
        let greatest = read.max() ?? 0
        let exponentials = read.map { exp(shift($0, greatest)) }
        let sum = exponentials.reduce(0, +)
        for (offset, weight) in zip(offsets, exponentials) {
          made.values[offset] = type.rounded(weight / sum)
        }
      }
      tensors[operation.output] = made
    }
    return RecordedActivations(
      graph: weights.graph, inputs: inputs, precision: Precision(type),
      tensors: narrow.tensors.merging(tensors) { $1 })
  }

  /// What was made of the probabilities is that of others, and no part of this.
  private func judged(_ weights: Weights, _ run: RecordedActivations) throws -> [Finding] {
    try Judge(weights: weights).verdict(on: run).findings.filter { $0.activation.name == "attn_probs" }
  }

  @Test(.clause("BND-16", "ATT-31"), arguments: [ScalarType.bfloat16, .float16])
  func theGreatestMayBeSubtractedInTheType(_ type: ScalarType) throws {
    let (weights, inputs) = try model()
    let found = try judged(weights, run(weights, inputs, type) { type.rounded($0 - $1) })
    #expect(!found.isEmpty && found.allSatisfy { $0.zone == .consistent }, "\(found)")
    #expect(found.contains { $0.policy == .shiftInType })
  }

  /// Arguments that are a hundredth too great are another program's.
  @Test(.clause("BND-16"), arguments: [ScalarType.bfloat16, .float16])
  func nothingElseIsGrantedByThat(_ type: ScalarType) throws {
    let (weights, inputs) = try model()
    let found = try judged(weights, run(weights, inputs, type) { type.rounded(type.rounded($0 - $1) * 1.01) })
    #expect(found.contains { $0.zone != .consistent }, "\(found)")
  }
}
