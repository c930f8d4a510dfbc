import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

// The reference's operations as functions of tensors, for tests that look at one of them by itself.

/// What the reference makes of operands; parameters as they are stored, matrices [in, out] unless told otherwise.
package func value(
  _ kind: some OperationKind, _ activations: [Tensor<Double>], parameters: [Tensor<Double>] = [],
  layout: ParameterView.Layout = .inputsFirst, selection: ParameterView.Selection = .whole,
  inputs: Inputs? = nil
) -> Tensor<Double> {
  let views = parameters.map { tensor in
    ParameterValues(tensor, ParameterView(Parameter("p", tensor.shape), layout, selection))
  }
  return kind.kind.value(Operands(activations, parameters: views), in: inputs ?? .oneToken)
}

/// Row `ids[t]` of the table for each token.
package func embedding(_ ids: [Int], table: Tensor<Double>) -> Tensor<Double> {
  value(Embedding(.tokenIDs), [], parameters: [table], layout: .outputsFirst, inputs: .tokens(ids))
}

/// x + y.
package func sum(_ x: Tensor<Double>, _ y: Tensor<Double>) -> Tensor<Double> { value(Sum(), [x, y]) }

/// x·W + b for a matrix [in, out], or one part of `parts` side by side.
package func linear(
  _ x: Tensor<Double>, weight: Tensor<Double>, bias: Tensor<Double>? = nil, part: Int = 0, of parts: Int = 1
) -> Tensor<Double> {
  value(
    Linear(), [x], parameters: [weight] + (bias.map { [$0] } ?? []), selection: .part(part, of: parts))
}

/// x·Wᵀ for a table [V, D].
package func unembedding(_ x: Tensor<Double>, table: Tensor<Double>) -> Tensor<Double> {
  value(Linear(), [x], parameters: [table], layout: .outputsFirst)
}

/// [T, H·d] → [H, T, d].
package func splitHeads(_ x: Tensor<Double>, headCount: Int) -> Tensor<Double> {
  var identity = Tensor<Double>(repeating: 0, shape: [x.rowWidth, x.rowWidth])
  for index in 0..<x.rowWidth { identity[index, index] = 1 }
  return value(Linear(heads: headCount), [x], parameters: [identity])
}

/// LayerNorm of each row.
package func layerNorm(
  _ x: Tensor<Double>, weight: Tensor<Double>, bias: Tensor<Double>, epsilon: Double
) -> Tensor<Double> {
  value(LayerNorm(epsilon: epsilon), [x], parameters: [weight, bias])
}

/// Causal scores.
package func attentionScores(
  query: Tensor<Double>, key: Tensor<Double>, scale: Double, inputs: Inputs
) -> Tensor<Double> {
  value(AttentionScores(scale: scale), [query, key], inputs: inputs)
}

/// Causal probabilities.
package func maskedSoftmax(_ scores: Tensor<Double>, inputs: Inputs) -> Tensor<Double> {
  value(AttentionProbabilities(), [scores], inputs: inputs)
}

/// Causal context.
package func attentionContext(
  probabilities: Tensor<Double>, value values: Tensor<Double>, inputs: Inputs
) -> Tensor<Double> {
  value(AttentionContext(), [probabilities, values], inputs: inputs)
}

/// Softmax of each row.
package func softmax(_ x: Tensor<Double>, temperature: Double) -> Tensor<Double> {
  value(Softmax(temperature: temperature), [x])
}

/// Softmax of one row; of none, none.
package func softmax(_ x: [Double], temperature: Double = 1) -> [Double] {
  softmax(Tensor(x, shape: [x.isEmpty ? 0 : 1, x.count]), temperature: temperature).values
}

/// GELU by its tanh form.
package func geluTanh(_ x: Double) -> Double { activation(.geluTanh, x) }

/// GELU by erf.
package func geluErf(_ x: Double) -> Double { activation(.geluErf, x) }

/// A nonlinearity at x.
package func activation(_ function: ActivationFunction.Function, _ x: Double) -> Double { function(x) }

extension Inputs {
  /// Tokens by their ids, whatever the vocabulary; some may be excluded as keys.
  package static func tokens(_ ids: [Int], mask: [Bool]? = nil) -> Inputs {
    let table = ParameterView(Parameter("table", [(ids.max() ?? 0) + 1, 1]))
    let operation = Operation(.embedding(Embedding(.tokenIDs)), Activation("embed/token"), with: [table])
    do {
      return try Inputs(tokenIDs: ids, attentionMask: mask, graph: Graph(validating: [operation]))
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// One token.
  package static let oneToken = tokens([0])
}
