import TouchstoneGraph
import TouchstoneModel
import TouchstoneProperties
import TouchstoneReference

/// The reference with each operation's output put through `substitute`: an honest or a faulty implementation.
struct TestDouble<Scalar: BinaryFloatingPoint & Sendable>: Transformer {
  typealias Substitute = @Sendable (Site) -> Tensor<Double>

  let reference: ReferenceTransformer
  let substitute: Substitute
  var graph: Graph { reference.graph }

  func forward(_ inputs: Inputs, observe: (Activation, Tensor<Scalar>) throws -> Void) throws {
    try Executor(reference.weights, inputs).run {
      substitute($0).converted(to: Scalar.self).converted(to: Double.self)
    } observing: { activation, value in
      try observe(activation, value.converted(to: Scalar.self))
    }
  }
}

extension Engine {
  /// The scalar reference.
  static let reference = Engine(
    "reference", verifyCommand: { "touchstone verify \($0) --implementation reference" }
  ) { ReferenceTransformer($0) }

  /// Computes each operation in float64 and hands it on in float32: rounding, and no fault.
  static let rounding = double("rounding to float32") { $0.value() }

  /// A float32 implementation whose operations are computed by `substitute`.
  static func double(_ name: String, _ substitute: @escaping TestDouble<Float>.Substitute) -> Engine {
    Engine(name, verifyCommand: { "touchstone verify \($0)" }) {
      TestDouble<Float>(reference: ReferenceTransformer($0), substitute: substitute)
    }
  }
}
