import TouchstoneModel

/// The gradient by the logits of a router, through the weights of the experts that were chosen; the choice is held fixed.
///
/// - a softmax over the chosen: dz[k] = f·s[k]·(dw[k] − Σ s·dw), s = w/f, 0 for the others
/// - a softmax over all: dz[j] = p[j]·(dp[j] − Σ p·dp), dp = f·dw for the chosen, 0 for the others
/// - logistic functions o: dz[k] = do[k]·o[k]·(1 − o[k]), 0 for the others; do = f·dw, or normalised by S = Σ o
///   do[k] = f/S·(dw[k] − Σ (o/S)·dw)
///
/// The logits [T, E], the chosen ids [T, K], and the gradients of their weights [T, K]; makes [T, E].
public struct RouteGradient: OperationKind {
  /// How the chosen experts are weighed.
  public let weights: RouteWeights

  /// The gradient of `weights`.
  public init(of weights: RouteWeights) {
    self.weights = weights
  }

  package static let name = Operation.Kind.Name.routeGradient
  package var kind: Operation.Kind { .routeGradient(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 3...3)
    let made = try weights.axes(
      of: OperandAxes(
        activations: Array(operands.activations.prefix(2)), names: Array(operands.names.prefix(2)),
        parameters: []))
    guard made == operands.activations[2] else {
      throw .graph("reads \(operands.activations[2].inWords) where \(made.inWords) is wanted")
    }
    return operands.activations[0]
  }

  package var fields: [(name: String, value: JSONText)] { weights.fields }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(of: try RouteWeights(fields: &fields))
  }
}
