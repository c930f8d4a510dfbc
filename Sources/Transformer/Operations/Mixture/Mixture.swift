import TouchstoneModel

/// What the experts of each token made, weighted and added: y[t] = Σₖ w[t, k]·o(ids[t, k])[t].
///
/// The chosen ids [T, K], their weights [T, K], then what each expert made, in their order, each [n, D] of the tokens that
/// chose it; makes [T, D].
public struct Mixture: OperationKind {
  /// A mixture.
  public init() {}

  package static let name = Operation.Kind.Name.mixture
  package var kind: Operation.Kind { .mixture(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 3...Int.max)
    let (ids, weights) = (operands.activations[0], operands.activations[1])
    guard ids.count == 2, ids[0] == .token, case .slot = ids[1], weights == ids else {
      throw .graph("reads \(ids.inWords) and \(weights.inWords) where two of [token, choice] are wanted")
    }
    return [.token, .unit(try operands.widthOfExperts(from: 2))]
  }

  /// The weights have the gradient times what the experts made, and that the gradient times the weights.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    let (ids, weights) = (operation.inputs[0], operation.inputs[1])
    pullbacks.give(
      input: 1, of: operation, MixtureGradient(of: .weights),
      from: [ids, gradient] + operation.inputs.dropFirst(2))
    for place in operation.inputs.indices.dropFirst(2) {
      pullbacks.give(
        input: place, of: operation, MixtureGradient(of: .expert(place - 2)), from: [ids, weights, gradient])
    }
  }

  package var fields: [(name: String, value: JSONText)] { [] }
  package init(fields: inout JSONFields) throws(BadInput) { self.init() }
}

extension Mixture {
  /// Where the row of a token stands in what an expert made: for each choice of each token the expert and the row; nil for
  /// an expert that there is not, or that has no such row.
  package static func places<Scalar>(
    _ ids: Tensor<Scalar>, rowCounts: [Int]
  ) -> [[(expert: Int, row: Int)?]] {
    var next = [Int](repeating: 0, count: rowCounts.count)
    return (0..<ids.rowCount).map { token in
      let experts = ids.experts(of: token, among: rowCounts.count)
      let places = experts.map { expert -> (expert: Int, row: Int)? in
        expert.flatMap { next[$0] < rowCounts[$0] ? ($0, next[$0]) : nil }
      }
      for expert in Set(experts.compactMap { $0 }) { next[expert] += 1 }
      return places
    }
  }
}
