import TouchstoneGraph
import TouchstoneModel

/// A kind of operation that the reference computes: plain loops over float64, one file a kind.
package protocol Evaluated {
  /// What the operation makes of its operands, in the shape of a golden file.
  func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double>
}

/// What an operation reads.
public struct Operands: Sendable {
  /// The activations, in the order of ``Operation/inputs``.
  public let activations: [Tensor<Double>]
  /// The parameters as they are viewed, in the order of ``Operation/parameters``.
  public let parameters: [ParameterValues<Double>]

  /// Gathers what an operation reads.
  public init(_ activations: [Tensor<Double>], parameters: [ParameterValues<Double>] = []) {
    self.activations = activations
    self.parameters = parameters
  }
}

extension Operation.Kind {
  /// The kind as what the reference computes; the only place of the reference that lists the kinds.
  private var evaluated: any Evaluated {
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

  /// What an operation of this kind makes of its operands.
  public func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double> {
    evaluated.value(operands, in: inputs)
  }
}
