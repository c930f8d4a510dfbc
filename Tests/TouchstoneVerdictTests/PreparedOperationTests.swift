import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// Products by the judge's own loop.
@Suite struct PreparedOperationTests {
  private func random(_ shape: [Int], seed: UInt64) -> Tensor<Double> {
    var random = SplitMix64(seed: seed)
    return Tensor(
      (0..<shape.reduce(1, *)).map { _ in Double(Float.random(in: -1...1, using: &random)) }, shape: shape)
  }

  private func operation(_ weight: Tensor<Double>, _ bias: Tensor<Double>, heads: Int?, limit: Double?) -> (
    Operation, [ParameterOperand]
  ) {
    let matrix = ParameterView(Parameter("matrix", weight.shape), .inputsFirst)
    let vector = ParameterView(Parameter("vector", bias.shape))
    let operation = Operation(
      .linear(Linear(heads: heads, limit: limit)), Activation("y"), from: [Activation("x")],
      with: [matrix, vector])
    return (
      operation,
      [ParameterOperand(StoredTensor(weight), matrix), ParameterOperand(StoredTensor(bias), vector)]
    )
  }

  /// Widths around the eight outputs of a strip, rows around the four that are summed at once.
  @Test(.clause("NUM-5"), arguments: [1, 8, 9, 130, 300], [1, 4, 7])
  func valuesAreTheReferencesToTheBit(_ columns: Int, _ rows: Int) throws {
    let (x, weight, bias) = (
      random([rows, 19], seed: 1), random([19, columns], seed: 2), random([columns], seed: 3)
    )
    let inputs = try Sample.visible.inputs(Sample.visible.weights().graph)
    for (heads, limit) in [(nil, nil), (1, 0.5), (columns % 2 == 0 ? 2 : nil, nil)] as [(Int?, Double?)] {
      let (operation, parameters) = operation(weight, bias, heads: heads, limit: limit)
      let want = operation.kind.value(Operands([x], parameters: parameters.map(\.values)), in: inputs)
      let prepared = PreparedOperation(operation, parameters)
      #expect(prepared.value(of: [x], in: inputs) == want)
      #expect(prepared.repeated.value(of: [x], in: inputs) == want)
    }
    let (operation, parameters) = operation(weight, bias, heads: nil, limit: nil)
    let want = operation.kind.value(Operands([x], parameters: parameters.map(\.values)), in: inputs)
    let few = PreparedOperation(operation, parameters).everyEight(3).value(of: [x], in: inputs)
    let kept = PreparedOperation.outputs(of: columns, everyEight: 3)
    #expect(few.values == (0..<rows).flatMap { row in kept.map { want[row, $0] } })
  }
}
