import TouchstoneModel

/// Normalisation by the root mean square (Zhang & Sennrich 2019, equation 4): y = x/√(mean x² + ε)·(offset + weight).
///
/// One activation and a gain. Along the last axis: a token's vector, or each of its heads; `joined`: over all heads of
/// a token together, as OLMo 2 does, with a gain for each head's numbers in turn.
public struct RMSNorm: OperationKind {
  /// ε, added to the mean of the squares inside the square root.
  public let epsilon: Double
  /// What is added to the stored gain: 1 in Gemma, else 0.
  public let offset: Double
  /// Whether all heads of a token are normalised together.
  public let isJoined: Bool

  /// Normalises with `epsilon`.
  public init(epsilon: Double, offset: Double = 0, isJoined: Bool = false) {
    self.epsilon = epsilon
    self.offset = offset
    self.isJoined = isJoined
  }

  package static let name = Operation.Kind.Name.rmsNorm
  package var kind: Operation.Kind { .rmsNorm(self) }
  package var parameterPurposes: [Parameter.Purpose] { [.gain(neutral: 1 - offset)] }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let axes = try operands.single(parameters: 1...1)
    if isJoined {
      let heads = try OperandAxes.heads(of: axes)
      try operands.expect(parameter: 0, shape: [heads.count * heads.width])
    } else {
      try operands.expect(parameter: 0, shape: [try OperandAxes.units(of: axes)])
    }
    guard epsilon >= 0 else { throw .graph("has the epsilon \(epsilon)") }
    return axes
  }

  /// What reaches the row goes through its root mean square as well.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    let read = [operation.inputs[0], gradient]
    pullbacks.give(
      input: 0, of: operation,
      NormGradient(epsilon: epsilon, isCentred: false, offset: offset, isJoined: isJoined), from: read,
      with: operation.parameters)
    try pullbacks.give(
      alone: operation.parameters[0],
      GainGradient(epsilon: epsilon, isCentred: false, isJoined: isJoined), from: read)
  }

  package var fields: [(name: String, value: JSONText)] {
    [("epsilon", .number(epsilon)), ("offset", .number(offset)), ("joined", .bool(isJoined))]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      epsilon: try fields.required("epsilon", try fields.number("epsilon")),
      offset: try fields.required("offset", try fields.number("offset")),
      isJoined: try fields.required("joined", try fields.bool("joined")))
  }
}
