import TouchstoneModel

/// The gradient by what a norm reads: dx = I·(h − mean h − x̂·mean(h∘x̂)), with h = dy∘(offset + gain), x̂ = (x − μ)·I and
/// I = 1/√(variance + ε).
///
/// Of RMSNorm, which takes no mean away, the same with μ = 0 and without mean h. What the norm read and the gradient of what
/// it made, of one shape, which is made; the gain where there is one.
public struct NormGradient: OperationKind {
  /// ε, added to the variance inside the square root.
  public let epsilon: Double
  /// Whether the norm takes the mean of a row away.
  public let isCentred: Bool
  /// What is added to the stored gain.
  public let offset: Double
  /// Whether all heads of a token are one row.
  public let isJoined: Bool

  /// The gradient of such a norm.
  public init(epsilon: Double, isCentred: Bool, offset: Double = 0, isJoined: Bool = false) {
    self.epsilon = epsilon
    self.isCentred = isCentred
    self.offset = offset
    self.isJoined = isJoined
  }

  package static let name = Operation.Kind.Name.normGradient
  package var kind: Operation.Kind { .normGradient(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 2...2, parameters: 0...1)
    let axes = try Self.alike(operands.activations)
    let width = try Self.width(of: axes, isJoined: isJoined)
    if !operands.parameters.isEmpty { try operands.expect(parameter: 0, shape: [width]) }
    guard epsilon >= 0 else { throw .graph("has the epsilon \(epsilon)") }
    return axes
  }

  /// The axes of what an operation read, which are those of its output; of scores of a vocabulary on their way to logits
  /// the elements are units still.
  ///
  /// - Throws: ``BadInput`` unless the gradient has the same.
  static func alike(_ activations: [[Axis]]) throws(BadInput) -> [Axis] {
    let units = activations.map { axes in
      axes.map { axis -> Axis in if case .vocabulary(let count) = axis { .unit(count) } else { axis } }
    }
    guard units[0] == units[1] else {
      throw .graph("reads \(activations[0].inWords) and the gradient \(activations[1].inWords)")
    }
    return activations[0]
  }

  /// How many numbers are normalised together.
  static func width(of axes: [Axis], isJoined: Bool) throws(BadInput) -> Int {
    guard isJoined else { return try OperandAxes.units(of: axes) }
    let heads = try OperandAxes.heads(of: axes)
    return heads.count * heads.width
  }

  package var fields: [(name: String, value: JSONText)] {
    [
      ("epsilon", .number(epsilon)), ("centred", .bool(isCentred)), ("offset", .number(offset)),
      ("joined", .bool(isJoined)),
    ]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      epsilon: try fields.required("epsilon", try fields.number("epsilon")),
      isCentred: try fields.required("centred", try fields.bool("centred")),
      offset: try fields.required("offset", try fields.number("offset")),
      isJoined: try fields.required("joined", try fields.bool("joined")))
  }
}

extension Tensor {
  /// The places of the numbers that a norm takes together, each run in the order of its gains: rows, or joined all heads of a
  /// token.
  package func normRuns(isJoined: Bool) -> [[Int]] {
    let headCount = isJoined ? shape[0] : 1
    let tokenCount = rowCount / headCount
    return (0..<tokenCount).map { token in
      (0..<headCount).flatMap { head in
        (0..<rowWidth).map { (head * tokenCount + token) * rowWidth + $0 }
      }
    }
  }
}
