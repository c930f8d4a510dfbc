import TouchstoneModel

/// How much each chosen expert counts: its share in the softmax of the router logits, of all or of the chosen ones; or the
/// logistic function of its logit, divided by the sum of those of the chosen ones, or as it is.
///
/// Two activations, the logits [T, E] and the chosen ids [T, K]; makes [T, K].
public struct RouteWeights: OperationKind {
  /// Whether the weights of a token add up to 1.
  public let isNormalised: Bool
  /// What they are multiplied by.
  public let factor: Double
  /// What is made of a logit.
  public let function: RouterFunction

  /// What is added to the sum that divides logistic functions, so that it is not 0 (DeepSeek-V3).
  package static let leastSum = 1e-20

  /// Weighs the chosen experts.
  public init(isNormalised: Bool, factor: Double = 1, by function: RouterFunction = .softmax) {
    self.isNormalised = isNormalised
    self.factor = factor
    self.function = function
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

  /// The logits have the gradient of the weights; which experts are chosen is held fixed.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    pullbacks.give(input: 0, of: operation, RouteGradient(of: self), from: operation.inputs + [gradient])
  }

  package var fields: [(name: String, value: JSONText)] {
    [
      ("normalised", .bool(isNormalised)), ("factor", .number(factor)),
      ("function", .string(function.rawValue)),
    ]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      isNormalised: try fields.required("normalised", try fields.bool("normalised")),
      factor: try fields.required("factor", try fields.number("factor")), by: try fields.choice("function"))
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
