import TouchstoneModel

/// Layer normalisation along the last axis (Ba, Kiros & Hinton 2016, equation 4):
/// y = (x − mean)/√(variance + ε)·weight + bias.
///
/// One activation; a gain and a shift, each as long as its last axis, or the gain alone, or neither.
public struct LayerNorm: OperationKind {
  /// ε, added to the variance inside the square root.
  public let epsilon: Double

  /// Normalises with `epsilon`.
  public init(epsilon: Double) {
    self.epsilon = epsilon
  }

  package static let name = Operation.Kind.Name.layerNorm
  package var kind: Operation.Kind { .layerNorm(self) }
  package var parameterPurposes: [Parameter.Purpose] { [.gain(neutral: 1), .shift] }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let axes = try operands.single(parameters: 0...2)
    let width = try OperandAxes.units(of: axes)
    for index in operands.parameters.indices { try operands.expect(parameter: index, shape: [width]) }
    guard epsilon >= 0 else { throw .graph("has the epsilon \(epsilon)") }
    return axes
  }

  /// What reaches the row goes through its mean and its deviation as well.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    let read = [operation.inputs[0], gradient]
    pullbacks.give(
      input: 0, of: operation, NormGradient(epsilon: epsilon, isCentred: true), from: read,
      with: Array(operation.parameters.prefix(1)))
    guard let gain = operation.parameters.first else { return }
    try pullbacks.give(
      alone: gain, GainGradient(epsilon: epsilon, isCentred: true), from: read)
    guard operation.parameters.count > 1 else { return }
    pullbacks.give(operation.parameters[1], .shift, from: [gradient])
  }

  package var fields: [(name: String, value: JSONText)] { [("epsilon", .number(epsilon))] }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(epsilon: try fields.required("epsilon", try fields.number("epsilon")))
  }
}
