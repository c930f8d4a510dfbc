import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

/// One view covers every layout of checkpoints.
@Suite struct ParameterViewTests {
  /// W with W(j, i) = 100·j + i, stored as the view's layout says.
  private static func matrix(outputs: Int, inputs: Int, _ layout: ParameterView.Layout) -> Tensor<Double> {
    switch layout {
    case .outputsFirst:
      Tensor(
        (0..<outputs).flatMap { j in (0..<inputs).map { Double(100 * j + $0) } }, shape: [outputs, inputs])
    case .inputsFirst:
      Tensor(
        (0..<inputs).flatMap { i in (0..<outputs).map { Double(100 * $0 + i) } }, shape: [inputs, outputs])
    }
  }

  /// Which outputs of 24 a selection keeps, in order.
  @Test(
    .clause("GRA-4"),
    arguments: [
      (ParameterView.Selection.whole, Array(0..<24)),
      (.part(0, of: 3), Array(0..<8)), (.part(2, of: 3), Array(16..<24)),
      // GPT-NeoX: four heads of (q, k, v), two rows each.
      (.init(groups: 4, parts: 3, take: 0..<1), [0, 1, 6, 7, 12, 13, 18, 19]),
      (.init(groups: 4, parts: 3, take: 1..<2), [2, 3, 8, 9, 14, 15, 20, 21]),
      // Falcon: two groups of four queries, a key and a value, two rows each.
      (.init(groups: 2, parts: 6, take: 0..<4), Array(0..<8) + Array(12..<20)),
      (.init(groups: 2, parts: 6, take: 5..<6), [10, 11, 22, 23]),
      // Phi-3: four queries, one key, one value, four rows each.
      (.init(parts: 6, take: 4..<5), [16, 17, 18, 19]),
      // gpt-oss: gate and up in turn.
      (.init(groups: 12, parts: 2, take: 1..<2), stride(from: 1, to: 24, by: 2).map { $0 }),
    ], ParameterView.Layout.allCases)
  func aSelectionKeepsItsOutputs(
    _ chosen: (selection: ParameterView.Selection, outputs: [Int]), layout: ParameterView.Layout
  ) {
    let tensor = Self.matrix(outputs: 24, inputs: 5, layout)
    let view = ParameterView(Parameter("w", tensor.shape), layout, chosen.selection)
    #expect(view.shape == [chosen.outputs.count, 5])
    let values = ParameterValues(tensor, view)
    #expect(values.outputCount == chosen.outputs.count && values.inputCount == 5)
    for (output, stored) in chosen.outputs.enumerated() {
      for input in 0..<5 {
        #expect(values[output, input] == Double(100 * stored + input))
      }
    }
    let bias = ParameterView(Parameter("b", [24]), layout, chosen.selection)
    let shift = ParameterValues(Tensor((0..<24).map(Double.init), shape: [24]), bias)
    #expect(bias.shape == [chosen.outputs.count])
    #expect(chosen.outputs.indices.map { shift[$0] } == chosen.outputs.map(Double.init))
  }

  @Test(.clause("GRA-4"), arguments: ParameterView.Layout.allCases)
  func anExpertIsOneMatrixOfAStack(layout: ParameterView.Layout) {
    let one = Self.matrix(outputs: 6, inputs: 3, layout)
    let stack = Tensor(
      (0..<4).flatMap { e in one.values.map { $0 + Double(10_000 * e) } }, shape: [4] + one.shape)
    let selection = ParameterView.Selection(groups: 3, parts: 2, take: 0..<1, expert: 2)
    let view = ParameterView(Parameter("w", stack.shape), layout, selection)
    #expect(view.shape == [3, 3])
    let values = ParameterValues(stack, view)
    for output in 0..<3 {
      for input in 0..<3 {
        #expect(values[output, input] == Double(20_000 + 200 * output + input))
      }
    }
  }
}
