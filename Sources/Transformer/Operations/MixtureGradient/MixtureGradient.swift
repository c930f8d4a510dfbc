import TouchstoneModel

/// The gradients by what a mixture of experts reads.
///
/// - weights: dw[t, k] = Σ_c dy[t, c]·o(ids[t, k])[t, c]; of the chosen ids [T, K], dy [T, D], and what each expert made, in
///   their order, each [n, D]. Makes [T, K].
/// - expert e: do[t] = w[t, k]·dy[t] where ids[t, k] = e, of the tokens that chose it; of ids, the weights [T, K] and dy. Makes
///   [n, D].
public struct MixtureGradient: OperationKind {
  /// By what.
  public enum Side: Hashable, Sendable {
    case weights
    case expert(Int)
  }

  /// By what.
  public let side: Side

  /// A gradient by one side of a mixture.
  public init(of side: Side) {
    self.side = side
  }

  package static let name = Operation.Kind.Name.mixtureGradient
  package var kind: Operation.Kind { .mixtureGradient(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 3...Int.max)
    let ids = operands.activations[0]
    guard ids.count == 2, ids[0] == .token, case .slot = ids[1] else {
      throw .graph("reads \(ids.inWords) where [token, choice] is wanted")
    }
    switch side {
    case .weights:
      let (gradient, width) = (operands.activations[1], try operands.widthOfExperts(from: 2))
      guard gradient == [.token, .unit(width)] else {
        throw .graph("reads \(gradient.inWords) where [token, unit \(width)] is wanted")
      }
      return ids
    case .expert(let expert):
      try operands.expect(activations: 3...3)
      let (weights, gradient) = (operands.activations[1], operands.activations[2])
      guard weights == ids, gradient.count == 2, gradient[0] == .token else {
        throw .graph("weighs \(gradient.inWords) by \(weights.inWords)")
      }
      guard (0..<ChosenRows.greatestCount).contains(expert) else {
        throw .graph("is of the expert \(expert)")
      }
      return [.rows(.expert(expert, of: operands.names[0])), gradient[1]]
    }
  }

  package var fields: [(name: String, value: JSONText)] {
    switch side {
    case .weights: [("expert", .null)]
    case .expert(let expert): [("expert", .integer(expert))]
    }
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(of: try fields.integer("expert").map { .expert($0) } ?? .weights)
  }
}
