import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

@testable import TouchstoneVerdict

/// The definition of one operation on numbers that belong to no model.
enum Definition {
  /// A sequence of one token; what it is does not matter.
  private static let one = Result {
    try Inputs(
      tokenIDs: [0],
      configuration: Configuration(
        vocabularySize: 1, contextLength: 1, width: 1, layerCount: 1, headCount: 1))
  }

  /// The same.
  static var oneToken: Inputs {
    guard let inputs = try? one.get() else { preconditionFailure("there is no sequence") }
    return inputs
  }

  private static func value(
    _ kind: Operation.Kind, _ activations: [Tensor<Double>], _ parameters: [ParameterValues<Double>] = [],
    inputs: Inputs? = nil
  ) -> Tensor<Double> {
    kind.value(Operands(activations, parameters: parameters), in: inputs ?? oneToken)
  }

  private static func parameter(
    _ values: Tensor<Double>, _ layout: ParameterView.Layout = .outputsFirst
  ) -> ParameterValues<Double> {
    ParameterValues(values, ParameterView(Parameter("parameter", values.shape), layout))
  }

  /// x·W + b for W [in, out].
  static func linear(
    _ x: Tensor<Double>, weight: Tensor<Double>, bias: Tensor<Double>? = nil
  ) -> Tensor<Double> {
    value(.linear(Linear()), [x], [parameter(weight, .inputsFirst)] + (bias.map { [parameter($0)] } ?? []))
  }

  /// x·Wᵀ for W [out, in].
  static func linear(_ x: Tensor<Double>, rowsOf table: Tensor<Double>) -> Tensor<Double> {
    value(.linear(Linear()), [x], [parameter(table)])
  }

  static func layerNorm(
    _ x: Tensor<Double>, gain: [Double], shift: [Double], epsilon: Double
  ) -> Tensor<Double> {
    value(
      .layerNorm(LayerNorm(epsilon: epsilon)), [x],
      [gain, shift].map { parameter(Tensor($0, shape: [$0.count])) })
  }

  static func softmax(_ x: Tensor<Double>, temperature: Double = 1) -> Tensor<Double> {
    value(.softmax(Softmax(temperature: temperature)), [x])
  }

  static func softmax(_ x: [Double]) -> [Double] { softmax(Tensor(x, shape: [1, x.count])).values }

  static func scores(
    query: Tensor<Double>, key: Tensor<Double>, scale: Double, inputs: Inputs
  ) -> Tensor<Double> {
    value(.scores(AttentionScores(scale: scale)), [query, key], inputs: inputs)
  }

  static func probabilities(_ scores: Tensor<Double>, inputs: Inputs) -> Tensor<Double> {
    value(.probabilities(AttentionProbabilities()), [scores], inputs: inputs)
  }

  static func context(
    probabilities: Tensor<Double>, value values: Tensor<Double>, inputs: Inputs
  ) -> Tensor<Double> {
    value(.context(AttentionContext()), [probabilities, values], inputs: inputs)
  }

  static func activate(_ x: Tensor<Double>, _ function: ActivationFunction.Function) -> Tensor<Double> {
    value(.activationFunction(ActivationFunction(function)), [x])
  }
}

extension Operation {
  /// Whether the definition only looks rows of a table up.
  var isEmbedding: Bool { making == .lookedUp }
}

extension MatrixView {
  /// A matrix stored as [out, in].
  init(transposing matrix: StoredTensor) {
    self.init(matrix, ParameterView(Parameter("matrix", matrix.shape)))
  }
}

extension ParameterOperand {
  /// A vector in float64 whose values are float32.
  init(_ vector: [Double]) {
    self.init(
      StoredTensor(Tensor(vector, shape: [vector.count])), ParameterView(Parameter("vector", [vector.count])))
  }
}

extension Weights {
  /// The operands of one operation.
  func operands(of operation: Operation) -> [ParameterOperand] {
    operation.parameters.map { ParameterOperand(storedFloat32($0.parameter), $0) }
  }

  /// The tensors as they are stored, each value made by `change` of what it was and of its parameter's name.
  func changed(_ change: (String, [Float]) -> [Float]) throws -> Weights {
    var tensors: [String: StoredTensor] = [:]
    for parameter in graph.parameters {
      let values = float64(parameter).values.map { Float($0) }
      tensors[parameter.name] = StoredTensor(
        Tensor(change(parameter.name, values), shape: parameter.shape))
    }
    return try Weights(graph: graph, names: Family.gpt2.tensors, tensors: tensors)
  }
}
