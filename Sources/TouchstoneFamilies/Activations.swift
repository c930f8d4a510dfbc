import TouchstoneGraph
import TouchstoneModel

extension ConfigFields {
  /// The nonlinearity that a field names.
  ///
  /// - Parameter known: the functions that models of the family have.
  /// - Throws: ``BadInput`` naming the field for a name that stands for no function, or for one that is not known.
  public mutating func activation(
    _ name: String, else fallback: String,
    among known: [ActivationFunction.Function] = ActivationFunction.Function.allCases
  ) throws(BadInput) -> ActivationFunction {
    try activation(try string(name) ?? fallback, at: name, among: known)
  }

  /// The nonlinearity of a name.
  ///
  /// - Parameter field: where the name stands.
  /// - Throws: ``BadInput`` naming the field for a name that stands for no function, or for one that is not known.
  func activation(
    _ text: String, at name: String,
    among known: [ActivationFunction.Function] = ActivationFunction.Function.allCases
  ) throws(BadInput) -> ActivationFunction {
    let functions = Self.functions.filter { known.contains($0.value) }
    guard let function = functions[text] else {
      throw BadInput(
        place: name, problem: "\(text) is not supported",
        remedy: "supported are " + functions.keys.sorted().joined(separator: ", "))
    }
    return ActivationFunction(function)
  }

  /// Hugging Face's names (`activations.py`) and what they compute.
  private static let functions: [String: ActivationFunction.Function] = [
    "gelu_new": .geluTanh, "gelu_pytorch_tanh": .geluTanh, "gelu_python_tanh": .geluTanh,
    "gelu_accurate": .geluTanh,
    "gelu_fast": .geluFast,
    "gelu": .geluErf, "gelu_python": .geluErf,
    "quick_gelu": .quickGELU,
    "silu": .silu, "swish": .silu,
    "relu": .relu, "relu2": .reluSquared,
    "tanh": .tanh, "sigmoid": .sigmoid,
  ]
}
