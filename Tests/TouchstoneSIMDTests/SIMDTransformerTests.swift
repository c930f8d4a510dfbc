import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneSIMD
import TouchstoneTestSupport
import TouchstoneVerdict

@Suite struct SIMDTransformerTests {
  @Test(
    .clause(
      "KER-1", "KER-2", "KER-3", "KER-4", "KER-5", "KER-6", "KER-7", "KER-8", "KER-9", "KER-12", "KER-13",
      "KER-14", "KER-16", "KER-17", "KER-18", "KER-19", "KER-20", "KER-21", "KER-22",
      "KER-23", "KER-24", "KER-25", "KER-26", "KER-27", "GQA-1", "GQA-2"),
    arguments: everyCase,
    InstructionSet.available)
  func everyBitIsThatOfTheWrittenOrder(_ example: Case, _ set: InstructionSet) throws {
    let weights = try example.weights
    let inputs = try example.inputs
    let expected = ScalarForward(weights, fused: set.fusesMultiplyAdd).run(inputs)
    let transformer = try SIMDTransformer(weights: weights, instructionSet: set, threadCount: 2)
    try transformer.forward(inputs) { activation, value in
      let wanted = try #require(expected[activation])
      #expect(value.shape == wanted.shape, "\(activation)")
      #expect(firstDifference(value.values, wanted.values) == nil, "\(activation) of \(example)")
    }
  }

  @Test(.clause("RES-8"), arguments: everyCase)
  func activationsComeInTheOrderOfComputationWithTheGoldenShapes(_ example: Case) throws {
    let transformer = try SIMDTransformer(weights: example.weights, threadCount: 1)
    var seen: [Activation] = []
    var decided: [Activation: Tensor<Double>] = [:]
    let (graph, inputs) = (example.graph, try example.inputs)
    func own(_ activation: Activation) -> Inputs? { graph.inputs(of: activation, in: inputs) { decided[$0] } }
    try transformer.forward(inputs) { activation, value in
      seen.append(activation)
      if graph.decisions.contains(activation) { decided[activation] = value.converted(to: Double.self) }
      let part = try #require(own(activation))
      #expect(value.shape == graph.shape(of: activation, in: part))
    }
    // Of an expert that no token chose there is nothing; what is of the source's tokens comes first.
    let made = graph.operations.map(\.output).filter { own($0)?.count != 0 }
    #expect(seen == made.filter(graph.isOfSource) + made.filter { !graph.isOfSource($0) })
  }

  @Test(
    arguments: everyCase,
    InstructionSet.available)
  func everyOperationIsConsistentWithTheDefinition(_ example: Case, _ set: InstructionSet) throws {
    let weights = try example.weights
    let transformer = try SIMDTransformer(weights: weights, instructionSet: set)
    let capture = try RecordedActivations(of: transformer, inputs: example.inputs)
    let verdict = try Judge(weights: weights).verdict(on: capture)
    #expect(verdict.outcome == .consistent, "\(example): \(verdict.flagged)")
    #expect(verdict.findings.count == capture.tensors.count)
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
