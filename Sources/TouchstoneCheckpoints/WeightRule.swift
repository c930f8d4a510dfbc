import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

/// How large the random weights of a model are, by what they do.
public struct WeightRule: Sendable {
  /// Uniform on [base − scale/2, base + scale/2).
  public struct Distribution: Hashable, Sendable {
    /// The mean.
    public let base: Float
    /// The width of the interval; a power of two, so that the product with a 24-bit fraction is exact.
    public let scale: Float

    /// A uniform distribution.
    public init(base: Float = 0, scale: Float) {
      self.base = base
      self.scale = scale
    }
  }

  /// Weights of matrices, the unembedding's among them.
  public var matrix: Distribution
  /// Rows of the token embedding.
  public var tokenEmbedding: Distribution
  /// Rows of the position embedding.
  public var positionEmbedding: Distribution
  /// The width of the interval around 1 from which the effective gain of a norm is drawn.
  public var gainScale: Float
  /// Biases of matrices and shifts of norms.
  public var bias: Distribution

  /// What a probe puts in the place of random numbers; nil where all are random.
  public var pattern: Pattern?

  /// What stands in a parameter; nil for one that is random.
  public typealias Pattern = @Sendable (_ parameter: Parameter) -> Element?

  /// A number from its row and column (column 0 of a vector) and the random number due there.
  public typealias Element = @Sendable (_ row: Int, _ column: Int, _ random: Float) -> Float

  /// For the published sizes: scores, activations and logits of the magnitude that trained models have.
  public static let published = WeightRule(
    matrix: Distribution(scale: 1 / 8), tokenEmbedding: Distribution(scale: 1 / 8),
    positionEmbedding: Distribution(scale: 1 / 16), gainScale: 1 / 4, bias: Distribution(scale: 1 / 4))

  /// For small models, so that faults show: gains 0.5…1.5, biases about 0.1, and matrices scaled by the width
  /// so that attention scores reach 10 to 30 and the feed-forward nonlinearity sees about −8…8.
  ///
  /// Weights as a model is initialised (gain 1, bias 0, small matrices) would hide a missing gain or bias, the
  /// wrong nonlinearity, and most faults of attention.
  public static func probing(width: Int) -> WeightRule {
    let matrix = Distribution(scale: powerOfTwo(below: 10 / Float(width).squareRoot()))
    return WeightRule(
      matrix: matrix, tokenEmbedding: matrix, positionEmbedding: matrix, gainScale: 1,
      bias: Distribution(scale: 1 / 4))
  }

  private static func powerOfTwo(below value: Float) -> Float {
    Float(sign: .plus, exponent: value.exponent, significand: 1)
  }

  /// How large the weights are that do what `purpose` says.
  package func distribution(_ purpose: Parameter.Purpose) -> Distribution {
    switch purpose {
    case .table(.positionIDs), .table(.encoderPositionIDs): positionEmbedding
    case .table: tokenEmbedding
    case .gain(let neutral): Distribution(base: Float(neutral), scale: gainScale)
    case .shift, .bias, .sink: bias
    case .matrix: matrix
    }
  }
}

extension WeightRule {
  /// Puts something in the place of a model's random numbers, by their roles in the GPT-2 form.
  mutating func setPattern(
    _ element:
      @escaping @Sendable (_ role: ParameterRole, _ row: Int, _ column: Int, _ random: Float) -> Float
  ) {
    pattern = { parameter in
      guard let role = parameter.role else { return nil }
      return { row, column, random in element(role, row, column, random) }
    }
  }
}
