import TouchstoneModel

/// A condition's scale, and shift if there is one, on every token: y[t] = x[t]·(plus + c[scale]) + c[shift].
///
/// Two activations: x [T, D], and the condition's numbers [1, n·D], of which parts of D are read. Makes [T, D]. Perez et al. 2018; Peebles & Xie
/// 2023, §3.2 (adaLN-Zero): plus is 1 for what a norm makes, and 0, without a shift, for the gate of what is added to the stream.
public struct Modulation: OperationKind {
  /// n: how many parts the condition's numbers have.
  public let parts: Int
  /// Which of them scales.
  public let scale: Int
  /// Which of them is added; nil for none.
  public let shift: Int?
  /// What is added to the scale.
  public let plus: Double

  /// Modulates by two parts, or one.
  public init(parts: Int, scale: Int, shift: Int? = nil, plus: Double) {
    self.parts = parts
    self.scale = scale
    self.shift = shift
    self.plus = plus
  }

  package static let name = Operation.Kind.Name.modulation
  package var kind: Operation.Kind { .modulation(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 2...2)
    let (x, condition) = (operands.activations[0], operands.activations[1])
    guard (1...Parameter.greatestExtent).contains(parts), (0..<parts).contains(scale),
      shift.map((0..<parts).contains) ?? true, plus.isFinite
    else { throw .graph("reads the parts \(scale) and \(shift.map(String.init) ?? "none") of \(parts)") }
    guard x.count == 2, x[0] == .token, case .unit(let width) = x[1],
      condition == [.row(1), .unit(parts * width)]
    else { throw .graph("modulates \(x.inWords) by \(parts) parts of \(condition.inWords)") }
    return x
  }

  package var fields: [(name: String, value: JSONText)] {
    [
      ("parts", .integer(parts)), ("scale", .integer(scale)), ("shift", .optional(shift)),
      ("plus", .number(plus)),
    ]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      parts: try fields.required("parts", try fields.integer("parts")),
      scale: try fields.required("scale", try fields.integer("scale")),
      shift: try fields.integer("shift"), plus: try fields.required("plus", try fields.number("plus")))
  }
}
