import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// Sums of whole activations, as the residual stream is made of.
@Suite struct AddendBoundTests {
  @Test(.clause("BND-4")) func aSumOfTwoIsRoundedOnce() {
    let rounding = Rounding(.float32)
    let (left, right) = (Double(Float(0.1)), Double(Float(0.7)))
    let value = Tensor([left + right], shape: [1])
    let bound = rounding.ofAddition(
      value, Operand(values: Tensor([left], shape: [1])), Operand(values: Tensor([right], shape: [1])))[0]
    #expect(bound.zone(of: abs(Double(Float(left) + Float(right)) - (left + right))) == .consistent)
    #expect(bound.zone(of: 2 * 0x1p-24 * (left + right)) == .proven)
  }

  /// One instruction multiplies by a gate and adds; the gate's product is recorded beside it, rounded.
  @Test(.clause("BND-4"))
  func aProductThatIsAddedMayBeFused() throws {
    let text = """
      {"model_type": "dit_block", "hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3, "head_dim": 8,
       "ff_mult": 2}
      """
    let architecture = try Architecture(huggingFaceJSON: Data(text.utf8), file: "config.json")
    let weights = try SyntheticModel.probing.weights(
      of: architecture.graph, names: architecture.family.tensors, seed: 17)
    var random = SplitMix64(seed: 18)
    func numbers(_ shape: [Int]) -> Tensor<Float> {
      Tensor((0..<shape.reduce(1, *)).map { _ in Float.random(in: -2...2, using: &random) }, shape: shape)
    }
    let inputs = try Inputs(
      arrays: [.hidden: numbers([9, 24]), .condition: numbers([1, 24])], graph: weights.graph)
    let gate = Activation("attn_gated", in: Activation.Block(0))
    let fault = Fault("planted", "fused", .wiring, of: Sum.self, practice: "a test") { _, site in
      guard let maker = site.graph.operation(making: gate), site.operation.inputs.contains(gate),
        let half = site.activation(maker.inputs[0]), let condition = site.activation(maker.inputs[1])
      else { return site.evaluated() }
      let exact = maker.kind.value(Operands([half, condition], parameters: []), in: site.inputs)
      let index = site.operation.inputs.firstIndex(of: gate) ?? 0
      return site.evaluated(changing: index) { $0 = exact }
    }
    let middle = Activation("resid_mid", in: Activation.Block(0))
    let capture = RecordedActivations(
      weights: weights, inputs: inputs, planting: [middle: fault])
    let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture)
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
  }

  /// Two halves of a parallel block are added to each other, stored, and then added to the stream, which cancels them.
  @Test(.clause("BND-19"), arguments: [ScalarType.bfloat16, .float16])
  func aSumOfThreeMayBeStoredInBetween(_ type: ScalarType) {
    let rounding = Rounding(Precision(type))
    var random = SplitMix64(seed: 0x5A17)
    var greatest = 0.0
    for _ in 0..<200 {
      let halves = (0..<2).map { _ in type.rounded(Double.random(in: 1...2, using: &random)) }
      let terms = halves + [type.rounded(-1.01 * (halves[0] + halves[1]))]
      let sum = terms.reduce(0, +)
      let got = type.rounded(type.rounded(terms[0] + terms[1]) + terms[2])
      let bound = rounding.ofAddition(
        Tensor([sum], shape: [1]), terms.map { Operand(values: Tensor([$0], shape: [1])) })[0]
      #expect(rounding.stored(bound, sum, as: type).zone(of: abs(got - sum)) == .consistent, "\(terms)")
      greatest = max(greatest, abs(got - sum) / abs(sum))
    }
    #expect(greatest > 4 * type.unitRoundoff)
  }
}
