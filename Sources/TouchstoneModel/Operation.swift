/// One step of the forward pass: which activations and parameters it reads, and which activation it makes.
///
/// A family of models is a list of these. The reference evaluates the list, replay evaluates one entry of it
/// on captured inputs, a planted fault replaces one entry: the wiring is written once.
public struct Operation: Hashable, Sendable {
  /// What is computed; the arithmetic itself is the reference's.
  public enum Kind: Hashable, Sendable {
    /// The row of a table for each token id.
    case tokenEmbedding
    /// The row of a table for each position id.
    case positionEmbedding
    /// The element-wise sum of two inputs.
    case sum
    /// The input itself, bit for bit.
    case identity
    /// (x − mean)/√(variance + ε)·weight + bias along the last axis.
    case layerNorm(epsilon: Double)
    /// x·W + b with W [in, out].
    case linear
    /// x·W + b for one third of a joint query, key and value projection, split into heads: [H, T, d].
    case headProjection(part: Int, headCount: Int)
    /// scale·(q·k) for every visible pair, −∞ elsewhere: [H, T, T].
    case attentionScores(scale: Double)
    /// Softmax along each row of scores; masked entries exactly 0.
    case maskedSoftmax
    /// The probabilities' average of the values, heads concatenated: [T, D].
    case attentionContext
    /// The feed-forward nonlinearity, element by element.
    case activationFunction(ActivationFunction)
    /// x·Wᵀ with W [V, D].
    case unembedding
    /// Softmax along each row of logits, divided by the temperature.
    case softmax
  }

  /// What it computes.
  public let kind: Kind
  /// The activation it makes.
  public let output: Activation
  /// The activations it reads, in the order of the formula.
  public let inputs: [Activation]
  /// The parameters it reads: weight before bias.
  public let parameters: [Parameter]

  /// Declares one step.
  public init(
    _ kind: Kind, _ output: Activation, from inputs: [Activation] = [], with parameters: [Parameter] = []
  ) {
    self.kind = kind
    self.output = output
    self.inputs = inputs
    self.parameters = parameters
  }
}
