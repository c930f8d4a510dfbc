import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneProperties
import TouchstoneReference

/// The reference with each operation's output put through `substitute`: an honest or a faulty implementation.
struct TestDouble<Scalar: BinaryFloatingPoint & Sendable>: Transformer {
  typealias Substitute =
    @Sendable (Operation, [Tensor<Double>], [Tensor<Double>], Inputs) -> Tensor<Double>

  let reference: ReferenceTransformer
  let substitute: Substitute
  var configuration: Configuration { reference.configuration }

  func forward(_ inputs: Inputs, observe: (Activation, Tensor<Scalar>) throws -> Void) throws {
    try reference.forward(inputs) { operation, activations, parameters in
      let value = substitute(operation, activations, parameters, inputs).converted(to: Scalar.self)
      try observe(operation.output, value)
      return value.converted(to: Double.self)
    }
  }
}

extension Engine {
  /// The scalar reference.
  static let reference = Engine(
    "reference", verifyCommand: { "touchstone verify \($0) --implementation reference" }
  ) { ReferenceTransformer($0) }

  /// Computes each operation in float64 and hands it on in float32: rounding, and no fault.
  static let rounding = double("rounding to float32") { operation, activations, parameters, inputs in
    evaluate(operation, activations: activations, parameters: parameters, inputs: inputs)
  }

  /// A float32 implementation whose operations are computed by `substitute`.
  static func double(_ name: String, _ substitute: @escaping TestDouble<Float>.Substitute) -> Engine {
    Engine(name, verifyCommand: { "touchstone verify \($0)" }) {
      TestDouble<Float>(reference: ReferenceTransformer($0), substitute: substitute)
    }
  }
}
