import TouchstoneModel

/// The nonlinearity of a feed-forward block, element by element.
///
/// One activation of any axes, and the same made.
public struct ActivationFunction: OperationKind {
  /// Which one.
  public enum Function: String, Hashable, Sendable, CaseIterable {
    /// max(0, x).
    case relu
    /// max(0, x)² (So et al. 2021, §3.1).
    case reluSquared = "relu2"
    /// x·σ(x) (Hendrycks & Gimpel 2016, §2; "swish", Ramachandran et al. 2017).
    case silu
    /// x·σ(1.702·x) (Hendrycks & Gimpel 2016, §2).
    case quickGELU = "quick_gelu"
    /// 0.5·x·(1 + erf(x/√2)) (Hendrycks & Gimpel 2016, §2).
    case geluErf = "gelu_erf"
    /// 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) (Hendrycks & Gimpel 2016, §2).
    case geluTanh = "gelu_tanh"
    /// The same with 0.7978845608 for √(2/π).
    case geluFast = "gelu_fast"
    /// The same with 0.79788456 for √(2/π), as BLOOM has it.
    case geluBloom = "gelu_bloom"
    /// The hyperbolic tangent.
    case tanh
    /// σ(x) = 1/(1 + e^(−x)).
    case sigmoid
  }

  /// Which nonlinearity.
  public let function: Function
  /// The greatest x it is applied to, greater ones being as this; nil for none.
  ///
  /// 7 in gpt-oss.
  public let limit: Double?

  /// Applies `function`, to no more than `limit`.
  public init(_ function: Function, limit: Double? = nil) {
    self.function = function
    self.limit = limit
  }

  package static let name = Operation.Kind.Name.activationFunction
  package var kind: Operation.Kind { .activationFunction(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    guard limit ?? 1 > 0 else { throw .graph("is applied to no more than \(limit ?? 0)") }
    return try operands.single()
  }

  /// An argument as it is once it is clipped.
  package func clipped<Number: BinaryFloatingPoint>(_ x: Number) -> Number {
    guard let limit, x > Number(limit) else { return x }
    return Number(limit)
  }

  /// The gradient times the slope.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    pullbacks.give(
      input: 0, of: operation, ActivationGradient(function, limit: limit),
      from: [operation.inputs[0], gradient])
  }

  package var fields: [(name: String, value: JSONText)] {
    [("function", .string(function.rawValue))] + (limit.map { [("limit", .number($0))] } ?? [])
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(try fields.choice("function"), limit: try fields.number("limit"))
  }
}

extension ActivationFunction.Function {
  /// What stands for √(2/π) in a form of GELU by tanh; nil in other functions.
  package var tanhFactor: Double? {
    switch self {
    case .geluTanh: (2 / Double.pi).squareRoot()
    case .geluFast: 0.7978845608
    case .geluBloom: 0.79788456
    case .relu, .reluSquared, .silu, .quickGELU, .geluErf, .tanh, .sigmoid: nil
    }
  }
}
