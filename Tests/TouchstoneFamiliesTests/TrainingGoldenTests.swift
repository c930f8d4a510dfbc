import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

/// The backward pass of the reference against PyTorch's in float64, tensor by tensor: a padded batch of GPT-2's form with targets
/// that are ignored, and Llama's form with grouped heads.
@Suite struct TrainingGoldenTests {
  private static let tolerance = 1e-12

  @Test(
    .clause(
      "LOS-1", "LOS-2", "LOS-4", "BWD-1", "BWD-2", "BWD-3", "BWD-4", "BWD-5", "BWD-6", "BWD-7", "BWD-8",
      "BWD-9",
      "BWD-10", "BWD-12", "BWD-13", "BWD-14", "BWD-15"),
    arguments: ["gpt2-batch3-padded", "llama-odd"])
  func everyGradientIsPyTorchs(name: String) throws {
    let fixture = try Fixture(named: "training/\(name).h5")
    let architecture = try Architecture(huggingFaceJSON: try fixture.config("config_json"), file: name)
    let weights = try fixture.weights(architecture).differentiated(by: Loss())
    let sequenceCount = try #require(try fixture.reader.dataset(at: "inputs/token_ids")).shape[0]
    let hasMask = try fixture.reader.dataset(at: "inputs/attention_mask") != nil
    let inputs = try Inputs(
      tokenIDs: try fixture.integers(at: "inputs/token_ids"),
      attentionMask: hasMask ? try fixture.integers(at: "inputs/attention_mask").map { $0 != 0 } : nil,
      targets: try fixture.integers(at: "inputs/targets"), sequenceCount: sequenceCount, graph: weights.graph)
    var expected = try fixture.datasets(below: "").filter { path, _ in
      ["grad/", "loss/"].contains(where: path.hasPrefix)
    }
    let count = expected.count
    try Executor(weights, inputs).run { activation, value in
      guard let dataset = expected.removeValue(forKey: activation.path) else { return }
      let axes = try #require(weights.graph.axes(of: activation))
      let found = Self.batched(value, axes, sequenceCount: sequenceCount)
      let wanted = try fixture.tensor(dataset).float64().values
      #expect(found.count == wanted.count, "\(activation)")
      // What softmax does not see of a bias of the keys is rounding.
      let isJoint = activation.path.hasSuffix("c_attn.bias")
      let third = found.count / 3
      let greatest = wanted.reduce(0) { max($0, abs($1)) }
      for (place, (found, wanted)) in zip(found, wanted).enumerated() {
        let scale = isJoint && place / third == 1 ? max(greatest, 1e-3) : greatest
        #expect(
          abs(found - wanted) <= Self.tolerance * scale, "\(activation) at \(place): \(found), \(wanted)")
      }
    }
    #expect(expected.isEmpty, "\(expected.keys.sorted())")
    #expect(count > 40)
  }

  /// The numbers with an axis of sequences in front, as PyTorch has them.
  private static func batched(_ value: Tensor<Double>, _ axes: [Axis], sequenceCount: Int) -> [Double] {
    let isOfTokens = axes.map { [.token, .query, .key].contains($0) }
    guard sequenceCount > 1, isOfTokens.contains(true) else { return value.values }
    let lengths = zip(value.shape, isOfTokens).map { $1 ? $0 / sequenceCount : $0 }
    return (0..<sequenceCount).flatMap { sequence in
      value.values.indices.filter { offset in
        zip(value.index(of: offset), zip(lengths, isOfTokens)).allSatisfy { index, axis in
          !axis.1 || index / axis.0 == sequence
        }
      }.map { value.values[$0] }
    }
  }
}
