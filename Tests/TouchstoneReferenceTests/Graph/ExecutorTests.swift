import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

/// One way to run a graph: where values come from, who computes, who sees.
@Suite struct ExecutorTests {
  /// x₁ = W·e, x₂ = 2·x₁, x₃ = x₁ + x₂, x₄ = W·x₃, with W twice the identity.
  private static func model() throws -> (Weights, Inputs) {
    let table = Parameter("e", [3, 2])
    let matrix = ParameterView(Parameter("w", [2, 2]))
    let x = (0...4).map { Activation("x_\($0)") }
    let graph = try Graph(validating: [
      Operation(Embedding(.tokenIDs).kind, x[0], with: [ParameterView(table)]),
      Operation(Linear().kind, x[1], from: [x[0]], with: [matrix]),
      Operation(Scale(by: 2).kind, x[2], from: [x[1]]),
      Operation(Sum().kind, x[3], from: [x[1], x[2]]),
      Operation(Linear().kind, x[4], from: [x[3]], with: [matrix]),
    ])
    let weights = try Weights(
      graph: graph, names: TensorNames(root: ""),
      tensors: [
        "e": StoredTensor(Tensor<Float>([0, 0, 1, 2, 3, 4], shape: [3, 2])),
        "w": StoredTensor(Tensor<Float>([2, 0, 0, 2], shape: [2, 2])),
      ])
    return (weights, try Inputs(tokenIDs: [1, 2], graph: graph))
  }

  @Test(.clause("GRA-1")) func valuesPassFromOperationToOperation() throws {
    let (weights, inputs) = try Self.model()
    var seen: [(String, [Double])] = []
    Executor(weights, inputs).run { seen.append(($0.path, $1.values)) }
    #expect(seen.map(\.0) == ["x_0", "x_1", "x_2", "x_3", "x_4"])
    #expect(
      seen.map(\.1) == [[1, 2, 3, 4], [2, 4, 6, 8], [4, 8, 12, 16], [6, 12, 18, 24], [12, 24, 36, 48]])
  }

  @Test func aSourceReplacesWhatIsRead() throws {
    let (weights, inputs) = try Self.model()
    let recorded = Tensor([1.0, 1, 1, 1], shape: [2, 2])
    var seen: [String: [Double]] = [:]
    Executor(weights, inputs).run(from: { $0.name == "x_1" ? recorded : nil }) { seen[$0.path] = $1.values }
    #expect(seen["x_1"] == [2, 4, 6, 8])
    #expect(seen["x_2"] == [2, 2, 2, 2])
    #expect(seen["x_3"] == [3, 3, 3, 3])
  }

  @Test func anotherComputationIsHandedOn() throws {
    let (weights, inputs) = try Self.model()
    var seen: [String: [Double]] = [:]
    Executor(weights, inputs).run(computing: { site in
      let value = site.value()
      return site.operation.output.name == "x_2"
        ? Tensor(value.values.map { -$0 }, shape: value.shape) : value
    }) { seen[$0.path] = $1.values }
    #expect(seen["x_2"] == [-4, -8, -12, -16])
    #expect(seen["x_3"] == [-2, -4, -6, -8])
  }

  @Test func oneOperationIsASite() throws {
    let (weights, inputs) = try Self.model()
    let executor = Executor(weights, inputs)
    let sum = weights.graph.operations[3]
    let ones = Tensor(repeating: 1.0, shape: [2, 2])
    #expect(try #require(executor.site(of: sum) { _ in ones }).value().values == [2, 2, 2, 2])
    #expect(executor.site(of: sum) { $0.name == "x_1" ? ones : nil } == nil)
  }

  @Test func whatComputingThrowsEndsTheRun() throws {
    let (weights, inputs) = try Self.model()
    var count = 0
    #expect(throws: BadInput.self) {
      try Executor(weights, inputs).run(computing: { site in
        if site.operation.output.name == "x_2" { throw BadInput(problem: "no more") }
        return site.value()
      }) { _, _ in count += 1 }
    }
    #expect(count == 2)
  }
}
