import TouchstoneModel

/// An implementation of the forward pass: what is judged, and what judges.
public protocol Transformer {
  /// The precision in which activations are handed out.
  associatedtype Scalar: BinaryFloatingPoint & Sendable

  /// The model it computes.
  var graph: Graph { get }
  /// The arithmetic that it computes in; that of ``Scalar`` unless it says otherwise.
  var precision: Precision { get }

  /// Computes a whole sequence and hands every activation to `observe`, in the order of computation.
  ///
  /// Observing changes no bit of any value.
  func forward(
    _ inputs: Inputs, observe: (Activation, Tensor<Scalar>) throws -> Void
  ) throws
}

extension Transformer {
  /// Operands of the type in which activations are handed out, accumulators that round to nearest.
  public var precision: Precision { Precision(ScalarType(Scalar.self)) }
}

/// What an implementation throws for a model or a sequence that it does not offer to compute.
///
/// It is not an error: a check that meets it was not made, and says so.
public struct NotImplemented: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is not offered, such as `attention masks`.
  public let what: String
  /// A sentence.
  public var description: String { "not implemented: \(what)" }

  /// Names what is not offered.
  public init(_ what: String) {
    self.what = what
  }
}

/// An implementation that predicts the next token.
public protocol NextTokenPredictor {
  /// The model it computes.
  var graph: Graph { get }

  /// What the encoder reads; nil in a model without one.
  var source: Inputs? { get set }

  /// The logits that follow `tokens`: [V].
  ///
  /// Positions run from 0. An implementation may keep what it computed for a common beginning of successive
  /// calls; the result must not depend on it.
  mutating func nextTokenLogits(after tokens: [Int]) throws -> [Double]
}

extension NextTokenPredictor {
  /// An implementation that knows no encoder is given nothing to read.
  public var source: Inputs? {
    get { nil }
    set {}
  }
}

extension Graph {
  /// Why a model cannot continue a text.
  package var obstacleToContinuing: BadInput {
    BadInput(
      problem: results.logits == nil
        ? "the model makes no logits" : "the model sees what comes later, so that it continues no text",
      remedy: "give a model that continues text")
  }
}

/// Recorded activations of one sequence, wherever they are kept.
public protocol ActivationSource {
  /// The model they belong to.
  var graph: Graph { get }
  /// What the forward pass was given.
  var inputs: Inputs { get }
  /// The arithmetic that made them; plain float32 unless the source says otherwise.
  var precision: Precision { get }
  /// Whether the source itself says so of its arithmetic; it does unless it says otherwise.
  var namesPrecision: Bool { get }
  /// In what products with a matrix read their inputs; as they are recorded unless the source says otherwise.
  var productInputs: ProductInputs { get }
  /// What divides the logits before `final/probs`; 1 unless the source says otherwise.
  var temperature: Double { get }
  /// The type in which an activation is stored; nil where it is not recorded.
  func storedType(of activation: Activation) -> ScalarType?
  /// The recorded extents, which a faulty engine may have got wrong; nil where it is not recorded.
  func storedShape(of activation: Activation) -> [Int]?
  /// Whether an engine reconstructed the activation for the recording, instead of computing with it.
  func isDerived(_ activation: Activation) -> Bool
  /// The values, widened exactly; nil where the activation is not recorded.
  func tensor(_ activation: Activation) throws -> Tensor<Double>?
  /// The recorded noise floor, one root mean square for each row; nil where there is none.
  func noiseFloor(of activation: Activation) throws -> Tensor<Double>?
  /// What is recorded under names that are not of the format, and therefore never read; nothing in memory is.
  var unknownPaths: [String] { get }
  /// How many floating-point numbers stand under a name that is not of the format; nil where other things do.
  func elementCount(atUnknown path: String) -> Int?
  /// Whether positions are recorded, rather than 0 … T−1 assumed.
  var givesPositions: Bool { get }
}

extension ActivationSource {
  /// Plain float32.
  public var precision: Precision { .float32 }
  /// The arithmetic is named.
  public var namesPrecision: Bool { true }
  /// Inputs as they are recorded.
  public var productInputs: ProductInputs { .recorded }
  /// Logits undivided.
  public var temperature: Double { 1 }
  /// Nothing is reconstructed.
  public func isDerived(_ activation: Activation) -> Bool { false }
  /// No floor is recorded.
  public func noiseFloor(of activation: Activation) throws -> Tensor<Double>? { nil }
  /// Every name is known.
  public var unknownPaths: [String] { [] }
  /// Nothing is known of what is never read.
  public func elementCount(atUnknown path: String) -> Int? { nil }
  /// Positions are part of the inputs.
  public var givesPositions: Bool { true }
}
