import Foundation
import TouchstoneModel

/// Positions as sines and cosines of many wavelengths: sin(t·ω_p) and cos(t·ω_p), ω_p = 10000^(−2p/D).
///
/// Vaswani et al. 2017, §3.5. No input but the sequence. Makes [T, D].
public struct Sinusoid: OperationKind {
  /// Where sines and cosines stand.
  public enum Form: String, Hashable, Sendable, CaseIterable {
    /// All sines, then all cosines: Marian's.
    case halves
    /// Sine and cosine of each wavelength side by side: that of the paper.
    case interleaved
  }

  /// Which positions: those of the sequence, or of the source.
  public let ids: Input
  /// D.
  public let width: Int
  /// Where sines and cosines stand.
  public let form: Form

  /// Positions of `width` numbers.
  public init(_ ids: Input, width: Int, form: Form) {
    self.ids = ids
    self.width = width
    self.form = form
  }

  package static let name = Operation.Kind.Name.sinusoid
  package var kind: Operation.Kind { .sinusoid(self) }
  package var sequenceInputs: [Input] { [ids.own] }
  package var isOfSource: Bool? { ids.isOfSource }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 0...0)
    guard ids.own == .positionIDs, (1...Parameter.greatestExtent).contains(width) else {
      throw .graph("makes \(width) sines and cosines of \(ids.rawValue)")
    }
    return [.token, .unit(width)]
  }

  package var fields: [(name: String, value: JSONText)] {
    [("ids", .string(ids.rawValue)), ("width", .integer(width)), ("form", .string(form.rawValue))]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      try fields.choice("ids"), width: try fields.required("width", try fields.integer("width")),
      form: try fields.choice("form"))
  }

  /// What a column holds: a wavelength, and its sine or cosine.
  package func term(of column: Int) -> (pair: Int, isCosine: Bool) {
    switch form {
    case .interleaved: return (column / 2, column % 2 == 1)
    case .halves:
      let sines = (width + 1) / 2
      return column < sines ? (column, false) : (column - sines, true)
    }
  }

  /// ln ω_p.
  package func exponent(of pair: Int) -> Double { -2 * Double(pair) / Double(width) * log(10_000) }

  /// ω_p.
  package func frequency(of pair: Int) -> Double { pow(10_000, -2 * Double(pair) / Double(width)) }
}
