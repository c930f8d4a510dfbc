import TouchstoneGraph
import TouchstoneModel

/// A kind of operation that float32 computes rightly in several ways.
protocol Honest: OperationKind {
  /// What an implementation of that arithmetic makes of its operands, every step rounded to float32.
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float>
}

/// What an operation reads in float32.
struct HonestOperands {
  /// The activations, in the order of the formula.
  let activations: [Tensor<Float>]
  /// The parameters, weight before bias.
  let parameters: [ParameterValues<Float>]
  /// The sequence.
  let inputs: Inputs
  /// What is stored between the steps of the operation becomes.
  let stored: (Float) -> Float
}

extension Operation.Kind {
  /// The kind as honest arithmetic computes it; the only place of it that lists the kinds.
  var honest: any Honest {
    switch self {
    case .embedding(let kind): kind
    case .sum(let kind): kind
    case .product(let kind): kind
    case .identity(let kind): kind
    case .scale(let kind): kind
    case .softCap(let kind): kind
    case .layerNorm(let kind): kind
    case .rmsNorm(let kind): kind
    case .linear(let kind): kind
    case .rotate(let kind): kind
    case .alibi(let kind): kind
    case .relativeBias(let kind): kind
    case .sinusoid(let kind): kind
    case .logMel(let kind): kind
    case .convolution(let kind): kind
    case .transpose(let kind): kind
    case .given(let kind): kind
    case .patches(let kind): kind
    case .classRow(let kind): kind
    case .modulation(let kind): kind
    case .scores(let kind): kind
    case .probabilities(let kind): kind
    case .context(let kind): kind
    case .activationFunction(let kind): kind
    case .softmax(let kind): kind
    case .routeIDs(let kind): kind
    case .routeWeights(let kind): kind
    case .chosenRows(let kind): kind
    case .mixture(let kind): kind
    case .pickedRow(let kind): kind
    case .joinedColumns(let kind): kind
    case .crossEntropy(let kind): kind
    case .lossMean(let kind): kind
    case .crossEntropyGradient(let kind): kind
    case .linearGradient(let kind): kind
    case .convolutionGradient(let kind): kind
    case .parameterGradient(let kind): kind
    case .normGradient(let kind): kind
    case .gainGradient(let kind): kind
    case .activationGradient(let kind): kind
    case .softCapGradient(let kind): kind
    case .attentionGradient(let kind): kind
    case .softmaxGradient(let kind): kind
    case .clipGradient(let kind): kind
    case .sinkGradient(let kind): kind
    case .routeGradient(let kind): kind
    case .mixtureGradient(let kind): kind
    case .returnedRows(let kind): kind
    case .takenColumns(let kind): kind
    }
  }
}

extension Inputs {
  /// The keys that a query sees, in ascending order.
  func visibleKeys(from query: Int, under visibility: Visibility) -> [Int] {
    (0..<keyCount(under: visibility)).filter { isVisible(key: $0, from: query, under: visibility) }
  }
}
