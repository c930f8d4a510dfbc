import Testing
import TouchstoneModel
import TouchstoneReference
import TouchstoneSIMD

@Suite struct SIMDTransformerTests {
  @Test(arguments: cases, InstructionSet.available)
  func everyBitIsThatOfTheWrittenOrder(_ example: Case, _ set: InstructionSet) throws {
    let weights = try example.weights
    let inputs = try example.inputs
    let expected = ScalarModel(weights: weights, fused: set.fusesMultiplyAdd).forward(inputs)
    let transformer = try SIMDTransformer(weights: weights, instructionSet: set, threadCount: 2)
    try transformer.forward(inputs) { activation, value in
      let wanted = try #require(expected[activation])
      #expect(value.shape == wanted.shape, "\(activation)")
      #expect(firstDifference(value.values, wanted.values) == nil, "\(activation) of \(example)")
    }
  }

  @Test(arguments: cases)
  func activationsComeInTheOrderOfComputationWithTheGoldenShapes(_ example: Case) throws {
    let transformer = try SIMDTransformer(weights: example.weights, threadCount: 1)
    var seen: [Activation] = []
    try transformer.forward(try example.inputs) { activation, value in
      seen.append(activation)
      #expect(value.shape == example.configuration.shape(of: activation, tokenCount: example.tokenCount))
    }
    #expect(seen == example.configuration.operations.map(\.output))
  }

  @Test(arguments: cases, InstructionSet.available)
  func everyOperationAgreesWithTheReferenceOnItsOwnInputs(_ example: Case, _ set: InstructionSet) throws {
    let weights = try example.weights
    let inputs = try example.inputs
    var values: [Activation: Tensor<Double>] = [:]
    try SIMDTransformer(weights: weights, instructionSet: set).forward(inputs) { activation, value in
      values[activation] = value.converted(to: Double.self)
    }
    for operation in example.configuration.operations {
      let got = try #require(values[operation.output])
      let want = evaluate(
        operation, activations: operation.inputs.compactMap { values[$0] },
        parameters: operation.parameters.map(weights.float64), inputs: inputs)
      let scale = want.values.filter(\.isFinite).map(abs).max() ?? 0
      for (index, (one, other)) in zip(got.values, want.values).enumerated() {
        #expect(
          one == other || abs(one - other) <= 3e-6 * scale,
          "\(operation.output) of \(example) at \(got.index(of: index)): got \(one), want \(other)")
      }
    }
  }
}

/// The first place where two arrays differ in a bit; −0 and 0 differ, one NaN equals another.
func firstDifference(_ one: [Float], _ other: [Float]) -> String? {
  guard one.count == other.count else { return "\(one.count) values against \(other.count)" }
  for (index, (a, b)) in zip(one, other).enumerated()
  where a.bitPattern != b.bitPattern && !(a.isNaN && b.isNaN) {
    return "at \(index): \(a) against \(b)"
  }
  return nil
}
