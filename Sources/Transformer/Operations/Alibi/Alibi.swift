import Foundation
import TouchstoneModel

/// A bias on every score that grows with the place of the key: b[h, i, j] = slope[h]·t[j].
///
/// Press, Smith & Lewis 2022, §3.
///
/// No input but the sequence. Makes [H, T, T], before any mask. Slopes fall from head to head as a geometric series; where H
/// is no power of two, the heads beyond the greatest one below it take every other slope of the series for twice as many.
/// What is constant in a row changes no probability, so that families count keys from where they like.
public struct Alibi: OperationKind {
  /// What t[j] is.
  public enum Form: String, Hashable, Sendable, CaseIterable {
    /// (Σ_{n ≤ j} mask[n] − 1)·mask[j]: visible keys are counted, others stand at 0.
    case bloom
    /// j − T + 1: the last key stands at 0.
    case mpt
  }

  /// H.
  public let heads: Int
  /// How keys are counted.
  public let form: Form

  /// Biases for `heads` heads.
  public init(heads: Int, form: Form) {
    self.heads = heads
    self.form = form
  }

  package static let name = Operation.Kind.Name.alibi
  package var kind: Operation.Kind { .alibi(self) }
  package var sequenceInputs: [Input] { form == .bloom ? [.attentionMask] : [] }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 0...0)
    guard (1...1 << 16).contains(heads) else { throw .graph("makes biases for \(heads) heads") }
    return [.head(heads), .query, .key]
  }

  package var fields: [(name: String, value: JSONText)] {
    [("heads", .integer(heads)), ("form", .string(form.rawValue))]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      heads: try fields.required("heads", try fields.integer("heads")), form: try fields.choice("form"))
  }

  /// Which term of which series the slope of a head is: 2^(−8·term/length).
  package func slope(of head: Int) -> (term: Int, length: Int) {
    let whole = 1 << (Int.bitWidth - 1 - heads.leadingZeroBitCount)
    return head < whole ? (head + 1, whole) : (2 * (head - whole) + 1, 2 * whole)
  }

  /// The slope of a head.
  package func value(of head: Int) -> Double {
    let (term, length) = slope(of: head)
    return exp2(-8 * Double(term) / Double(length))
  }

  /// t: how far along each key stands.
  package func places(in inputs: Inputs) -> [Int] {
    switch form {
    case .mpt: return (0..<inputs.count).map { $0 - inputs.count + 1 }
    case .bloom:
      var seen = 0
      return inputs.ids(.attentionMask).map { visible in
        seen += visible
        return visible == 1 ? seen - 1 : 0
      }
    }
  }
}
