import TouchstoneModel

/// Softmax along the last axis: y = exp(x/T)/Σ exp(x/T).
///
/// One activation of any axes, and the same made.
public struct Softmax: OperationKind {
  /// T: what the scores are divided by first.
  public let temperature: Double

  /// Softmax at a temperature.
  public init(temperature: Double = 1) {
    self.temperature = temperature
  }

  package static let name = Operation.Kind.Name.softmax
  package var kind: Operation.Kind { .softmax(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    guard temperature.isFinite, temperature > 0 else { throw .graph("has the temperature \(temperature)") }
    return try operands.single()
  }

  package var fields: [(name: String, value: JSONText)] { [("temperature", .number(temperature))] }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(temperature: try fields.required("temperature", try fields.number("temperature")))
  }
}
