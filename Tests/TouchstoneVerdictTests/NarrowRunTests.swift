import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel

/// Runs in 16 bits, by which power in those precisions is told.
@Suite struct NarrowRunTests {
  /// The parameters are read in the type of the run, and every value is handed on in it.
  @Test(arguments: [ScalarType.bfloat16, .float16])
  func aRunInANarrowTypeIsThatOfTheNarrowedModel(_ type: ScalarType) throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let narrowed = try weights.changed { _, values in
      values.map { Float(rounded(Double($0), to: type)) }
    }
    let run = RecordedActivations(weights: weights, inputs: inputs, precision: Precision(type))
    let wanted = RecordedActivations(weights: narrowed, inputs: inputs, precision: Precision(type))
    #expect(run.tensors == wanted.tensors && run.precision == Precision(type))
    for (activation, tensor) in run.tensors {
      #expect(tensor.values.allSatisfy { rounded($0, to: type) == $0 }, "\(activation)")
    }
    let wide = RecordedActivations(weights: weights, inputs: inputs)
    #expect(wide.tensors[Activation(.query, layer: 0)] != run.tensors[Activation(.query, layer: 0)])
  }
}
