import TouchstoneModel

/// The gradients by what attention multiplies, over the visible pairs of a query i and a key j; g = ⌊h·KV/H⌋.
///
/// - probabilities: dp[h, i, j] = Σ_c do[i, h·d + c]·v[g, j, c], 0 elsewhere; of do [T, H·d] and v [KV, S, d]
/// - values: dv[g, j, c] = Σ p[h, i, j]·do[i, h·d + c] over i and the heads h of g; of p [H, T, S] and do [T, H·d]
/// - queries: dq[h, i, c] = scale·Σⱼ ds[h, i, j]·k[g, j, c]; of ds [H, T, S] and k [KV, S, d]
/// - keys: dk[g, j, c] = scale·Σ ds[h, i, j]·q[h, i, c] over i and the heads h of g; of ds [H, T, S] and q [H, T, d]
///
/// S is T, but where the keys are those of a source: keys and values have its tokens then, and so do their gradients.
public struct AttentionGradient: OperationKind {
  /// By what.
  public enum Side: String, Hashable, Sendable, CaseIterable {
    case probabilities, values, queries, keys
  }

  /// By what.
  public let side: Side
  /// How many heads that is split into.
  public let heads: Int
  /// The factor on the scores; 1 for probabilities and values.
  public let scale: Double
  /// Which keys a query may see.
  public let visibility: Visibility

  /// A gradient by one side of attention.
  public init(of side: Side, heads: Int, scale: Double = 1, visibility: Visibility = .causal) {
    self.side = side
    self.heads = heads
    self.scale = scale
    self.visibility = visibility
  }

  package static let name = Operation.Kind.Name.attentionGradient
  package var kind: Operation.Kind { .attentionGradient(self) }
  package var sequenceInputs: [Input] { [visibility.readsSource ? .encoderAttentionMask : .attentionMask] }
  package var isOfSource: Bool? { visibility.readsSource && makesKeys ? true : nil }
  package var crossedOperands: Set<Int>? { visibility.readsSource ? (makesKeys ? [0, 1] : [1]) : [] }
  /// Whether it is of keys or values.
  private var makesKeys: Bool { side == .keys || side == .values }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 2...2)
    try visibility.check()
    guard heads >= 1, scale.isFinite else { throw .graph("has \(heads) heads and the scale \(scale)") }
    let (first, second) = (operands.activations[0], operands.activations[1])
    func unfit() -> BadInput { .graph("weighs \(second.inWords) by \(first.inWords)") }
    if side == .probabilities {
      let value = try OperandAxes.heads(of: second)
      guard first == [.token, .unit(heads * value.width)], heads.isMultiple(of: value.count) else {
        throw unfit()
      }
      return [.head(heads), .query, visibility.keyAxis]
    }
    guard first.count == 3, case .head(let count) = first[0], first[1...] == [.query, visibility.keyAxis]
    else {
      throw unfit()
    }
    switch side {
    case .values:
      guard second.count == 2, second[0] == .token, case .unit(let width) = second[1],
        width.isMultiple(of: count), count.isMultiple(of: heads)
      else { throw unfit() }
      return [.head(heads), .token, .unit(width / count)]
    case .queries, .probabilities:
      let key = try OperandAxes.heads(of: second)
      guard heads == count, heads.isMultiple(of: key.count) else { throw unfit() }
      return [.head(heads), .token, .unit(key.width)]
    case .keys:
      let query = try OperandAxes.heads(of: second)
      guard query.count == count, count.isMultiple(of: heads) else { throw unfit() }
      return [.head(heads), .token, .unit(query.width)]
    }
  }

  package var fields: [(name: String, value: JSONText)] {
    [
      ("side", .string(side.rawValue)), ("heads", .integer(heads)), ("scale", .number(scale)),
      ("visibility", visibility.stored),
    ]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      of: try fields.choice("side"), heads: try fields.required("heads", try fields.integer("heads")),
      scale: try fields.required("scale", try fields.number("scale")),
      visibility: try Visibility(fields: &fields))
  }
}
