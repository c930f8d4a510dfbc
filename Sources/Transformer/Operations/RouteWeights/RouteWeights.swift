import TouchstoneModel

/// How much each chosen expert counts: its share in the softmax of the router logits, of all or of the chosen ones.
///
/// Two activations, the logits [T, E] and the chosen ids [T, K]; makes [T, K].
public struct RouteWeights: OperationKind {
  /// Whether the weights of a token add up to 1.
  public let isNormalised: Bool
  /// What they are multiplied by.
  public let factor: Double

  /// Weighs the chosen experts.
  public init(isNormalised: Bool, factor: Double = 1) {
    self.isNormalised = isNormalised
    self.factor = factor
  }

  package static let name = Operation.Kind.Name.routeWeights
  package var kind: Operation.Kind { .routeWeights(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 2...2)
    let (logits, ids) = (operands.activations[0], operands.activations[1])
    guard logits.count == 2, logits[0] == .token, case .unit = logits[1] else {
      throw .graph("reads \(logits.inWords) where [token, unit] is wanted")
    }
    guard ids.count == 2, ids[0] == .token, case .slot = ids[1] else {
      throw .graph("reads \(ids.inWords) where [token, choice] is wanted")
    }
    guard factor > 0, factor.isFinite else { throw .graph("has the factor \(factor)") }
    return ids
  }

  package var fields: [(name: String, value: JSONText)] {
    [("normalised", .bool(isNormalised)), ("factor", .number(factor))]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      isNormalised: try fields.required("normalised", try fields.bool("normalised")),
      factor: try fields.required("factor", try fields.number("factor")))
  }
}

extension Tensor {
  /// The numbers of the experts that a token goes to, by its choices; nil for a choice of none that there is.
  package func experts(of token: Int, among count: Int) -> [Int?] {
    row(token).map { id in
      let number = Double(id)
      return number >= 0 && number < Double(count) && number == number.rounded(.down) ? Int(number) : nil
    }
  }
}
