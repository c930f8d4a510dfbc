import TouchstoneModel

/// The gradient by what was clipped to ±limit: dx = dy where |x| ≤ limit, 0 elsewhere.
///
/// The gradient of what it became, and x, of one shape, which is made. Where what it became is all that is known, dx = dy
/// where that is within the limit and not on it.
public struct ClipGradient: OperationKind {
  /// The greatest magnitude.
  public let limit: Double
  /// Whether it reads what is clipped already.
  public let isOfClipped: Bool

  /// The gradient by what is clipped to `limit`.
  public init(limit: Double, ofClipped isOfClipped: Bool = false) {
    self.limit = limit
    self.isOfClipped = isOfClipped
  }

  package static let name = Operation.Kind.Name.clipGradient
  package var kind: Operation.Kind { .clipGradient(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 2...2)
    guard limit >= 0 else { throw .graph("clips to the negative limit \(limit)") }
    return try NormGradient.alike(operands.activations)
  }

  /// Whether a value is, or was, within the limit.
  package func passes<Number: BinaryFloatingPoint>(_ x: Number) -> Bool {
    isOfClipped ? abs(x) < Number(limit) : abs(x) <= Number(limit)
  }

  package var fields: [(name: String, value: JSONText)] {
    [("limit", .number(limit)), ("clipped", .bool(isOfClipped))]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      limit: try fields.required("limit", try fields.number("limit")),
      ofClipped: try fields.required("clipped", try fields.bool("clipped")))
  }
}
