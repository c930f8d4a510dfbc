import TouchstoneModel

/// The gradient by what products with matrices read: dx[t, i] = Σₖ Σⱼ dyₖ[t, j]·Wₖ(j, i), one sum over all outputs of all
/// products.
///
/// The gradients dyₖ of their outputs, [T, out], of some tokens, or split into heads [n, T, d], and as many matrices. Makes
/// [T, in], of the same tokens.
public struct LinearGradient: OperationKind {
  /// A gradient.
  public init() {}

  package static let name = Operation.Kind.Name.linearGradient
  package var kind: Operation.Kind { .linearGradient(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 1...Int.max, parameters: 1...Int.max)
    let matrices = operands.parameters
    guard let inputs = matrices[0].inputCount, matrices.count == operands.activations.count else {
      throw .graph("reads \(operands.activations.count) gradients and \(matrices.count) matrices")
    }
    for (place, axes) in operands.activations.enumerated() {
      try operands.expect(parameter: place, shape: [try OperandAxes.tokenWidth(of: axes), inputs])
    }
    let tokens = operands.activations.map { $0[$0.count - 2] }
    guard tokens.allSatisfy({ $0 == tokens[0] }) else { throw .graph("reads gradients of different tokens") }
    return [tokens[0], .unit(inputs)]
  }

  package var fields: [(name: String, value: JSONText)] { [] }
  package init(fields: inout JSONFields) throws(BadInput) { self.init() }
}
