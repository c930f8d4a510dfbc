/// The choices that right float32 implementations make differently.
public struct HonestArithmetic: Sendable, CustomStringConvertible {
  /// How the variance of LayerNorm is found and applied.
  public enum LayerNormForm: Sendable {
    /// The mean, then the mean squared deviation.
    case twoPass
    /// The mean square less the squared mean.
    case onePass
    /// Running mean and deviation (Welford 1962).
    case welford
    /// x·s + t with s = g/σ and t = b − μ·s.
    case folded
  }

  /// How softmax is computed.
  public enum SoftmaxForm: Sendable {
    /// exp(x − max), divided by the sum.
    case exponential
    /// 2^(x·log₂e − max·log₂e).
    case base2
    /// exp(x − max), multiplied by the reciprocal of the sum.
    case reciprocal
    /// In blocks of keys, rescaled whenever a greater score comes (Milakov & Gimelshein 2018).
    case online(block: Int)
  }

  /// How GELU is computed.
  public enum GELUForm: Sendable {
    /// As it is written.
    case direct
    /// With tanh by exp.
    case byExponential
    /// x times a logistic function; for erf, the polynomial of Abramowitz & Stegun 7.1.26.
    case byLogistic
  }

  /// How RMSNorm applies gain and size.
  public enum RMSNormForm: Sendable {
    /// x times one over the root, times the gain.
    case product
    /// x by the root, times the gain.
    case quotient
    /// x times the gain, times one over the root.
    case gainFirst
    /// As the product, with what is added to the gain multiplied by itself: n·offset + n·g, fused.
    case offsetApart
  }

  /// How biases come onto scores.
  public enum ScoreBiasForm: Sendable {
    /// They stand in memory and are added to the scaled product.
    case added
    /// They never stand: the scaling of the product and their addition are one step.
    case fused
  }

  /// How the frequencies of rotary positions are found.
  public enum RotaryForm: String, Sendable, CaseIterable {
    /// Exact ones are rounded to float32.
    case rounded
    /// A power for each pair, in float32.
    case powers
    /// One over a power for each pair.
    case reciprocals
    /// That of the first pair, multiplied by one factor from pair to pair.
    case multiplied
    /// Cosines and sines of exact angles are rounded to float32.
    case tables
  }

  /// How a router compares experts.
  public enum RoutingForm: Sendable {
    /// By their logits, of which the chosen ones become weights.
    case byLogits
    /// By their probabilities among all, of which the chosen ones are divided by their sum.
    case byProbabilities
    /// The same, the last of equal ones being the first choice.
    case lastOfEqual
  }

  /// What it is called in reports.
  public let name: String
  /// The order of every sum.
  public var summation: Summation
  /// LayerNorm.
  public var layerNorm: LayerNormForm
  /// Softmax.
  public var softmax: SoftmaxForm
  /// The feed-forward nonlinearity.
  public var gelu: GELUForm
  /// Whether queries are scaled before their products with keys are summed.
  public var scalesQueries: Bool
  /// Whether projections add into the residual stream, so that nothing stands between.
  public var fusesResidual: Bool
  /// Whether scores and probabilities are never stored.
  public var fusesAttention: Bool

  /// RMSNorm.
  public var rmsNorm = RMSNormForm.product
  /// Rotary positions.
  public var rotary = RotaryForm.rounded
  /// Biases on scores.
  public var scoreBias = ScoreBiasForm.added
  /// Routing to experts.
  public var routing = RoutingForm.byProbabilities
  /// Whether more than two values are summed from the last on: both halves of a block, and then the stream.
  public var addsBackwards = false
  /// Whether queries and keys are rotated as they are made, so that they never stand unrotated.
  public var fusesRotation = false
  /// Whether a gate is applied as it is made, so that the nonlinearity's value never stands.
  public var fusesGate = false
  /// Whether what stands between the steps of an operation is stored as narrowly as its result, as frameworks do that call
  /// one kernel for each step: the normalised stream before its gain; cosines, sines, and their products.
  public var storesSteps = false

  /// Chooses a variant of everything.
  public init(
    _ name: String, _ summation: Summation = .sequential, layerNorm: LayerNormForm = .twoPass,
    softmax: SoftmaxForm = .exponential, gelu: GELUForm = .direct, scalesQueries: Bool = false,
    fusesResidual: Bool = false, fusesAttention: Bool = false
  ) {
    self.name = name
    self.summation = summation
    self.layerNorm = layerNorm
    self.softmax = softmax
    self.gelu = gelu
    self.scalesQueries = scalesQueries
    self.fusesResidual = fusesResidual
    self.fusesAttention = fusesAttention
  }

  /// What it is called in reports.
  public var description: String { name }

  /// Implementations as unusual as real engines are.
  public static let all: [HonestArithmetic] = [
    HonestArithmetic("sequential"),
    HonestArithmetic("sequential, fused multiply-add", .fused),
    HonestArithmetic("reversed", .reversed, layerNorm: .welford),
    HonestArithmetic("shuffled", .shuffled(seed: 7)),
    HonestArithmetic("shuffled otherwise", .shuffled(seed: 8), layerNorm: .onePass, softmax: .base2),
    HonestArithmetic("pairwise", .pairwise),
    HonestArithmetic("4 lanes", .lanes(4, fused: false), layerNorm: .folded),
    HonestArithmetic("4 lanes, fused", .lanes(4, fused: true), gelu: .byExponential),
    HonestArithmetic("8 lanes", .lanes(8, fused: false)),
    HonestArithmetic("8 lanes, fused", .lanes(8, fused: true), softmax: .reciprocal),
    HonestArithmetic("16 lanes", .lanes(16, fused: false), gelu: .byLogistic),
    HonestArithmetic("16 lanes, fused", .lanes(16, fused: true), layerNorm: .folded, scalesQueries: true),
    HonestArithmetic("blocks of 32", .blocked(32)),
    HonestArithmetic("blocks of 7", .blocked(7), layerNorm: .onePass),
    HonestArithmetic("compensated", .compensated),
    HonestArithmetic("float64 sums", .wide),
    HonestArithmetic("float64 sums, one-pass norm", .wide, layerNorm: .onePass, softmax: .base2),
    HonestArithmetic("Welford norm", layerNorm: .welford),
    HonestArithmetic("one-pass norm", layerNorm: .onePass),
    HonestArithmetic("folded norm", layerNorm: .folded),
    HonestArithmetic("softmax in base 2", softmax: .base2),
    HonestArithmetic("softmax by reciprocal", softmax: .reciprocal),
    HonestArithmetic("GELU by exp", gelu: .byExponential),
    HonestArithmetic("GELU by a logistic function", gelu: .byLogistic),
    HonestArithmetic("queries scaled first", scalesQueries: true),
    HonestArithmetic("residual fused into projections", .fused, fusesResidual: true),
    HonestArithmetic(
      "residual fused, 8 lanes", .lanes(8, fused: true), layerNorm: .folded, fusesResidual: true),
    HonestArithmetic("fused attention, blocks of 4", softmax: .online(block: 4), fusesAttention: true),
    HonestArithmetic(
      "fused attention, blocks of 16, 8 lanes", .lanes(8, fused: true), softmax: .online(block: 16),
      scalesQueries: true, fusesAttention: true),
    HonestArithmetic(
      "everything fused", .lanes(16, fused: true), layerNorm: .onePass, softmax: .online(block: 1),
      gelu: .byLogistic, scalesQueries: true, fusesResidual: true, fusesAttention: true),
  ]
}
