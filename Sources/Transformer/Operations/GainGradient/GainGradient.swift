import TouchstoneModel

/// The gradient by the gain of a norm: dg[j] = Σ over rows of dy[j]·x̂[j], with x̂ = (x − μ)/√(variance + ε).
///
/// Of RMSNorm, which takes no mean away, the same with μ = 0. What the norm read and the gradient of what it made. Makes as
/// many numbers as are normalised together.
public struct GainGradient: OperationKind {
  /// ε, added to the variance inside the square root.
  public let epsilon: Double
  /// Whether the norm takes the mean of a row away.
  public let isCentred: Bool
  /// Whether all heads of a token are one row.
  public let isJoined: Bool

  /// The gradient of such a norm's gain.
  public init(epsilon: Double, isCentred: Bool, isJoined: Bool = false) {
    self.epsilon = epsilon
    self.isCentred = isCentred
    self.isJoined = isJoined
  }

  package static let name = Operation.Kind.Name.gainGradient
  package var kind: Operation.Kind { .gainGradient(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 2...2)
    guard epsilon >= 0 else { throw .graph("has the epsilon \(epsilon)") }
    let axes = try NormGradient.alike(operands.activations)
    return [.unit(try NormGradient.width(of: axes, isJoined: isJoined))]
  }

  package var fields: [(name: String, value: JSONText)] {
    [("epsilon", .number(epsilon)), ("centred", .bool(isCentred)), ("joined", .bool(isJoined))]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      epsilon: try fields.required("epsilon", try fields.number("epsilon")),
      isCentred: try fields.required("centred", try fields.bool("centred")),
      isJoined: try fields.required("joined", try fields.bool("joined")))
  }
}
