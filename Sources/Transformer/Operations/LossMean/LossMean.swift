import TouchstoneModel

/// The loss of a sequence: L = Σₜ ℓ[t]/divisor, over the tokens that have a target.
///
/// One activation, the loss of each token [T]. Makes one number, [].
public struct LossMean: OperationKind {
  /// What it is divided by.
  public let loss: Loss

  /// The mean, or whatever the divisor says.
  public init(_ loss: Loss) {
    self.loss = loss
  }

  package static let name = Operation.Kind.Name.lossMean
  package var kind: Operation.Kind { .lossMean(self) }
  package var sequenceInputs: [Input] { [.targets] }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let axes = try operands.single()
    guard axes == [.token] else { throw .graph("reads \(axes.inWords) where [token] is wanted") }
    try loss.check()
    return []
  }

  package var fields: [(name: String, value: JSONText)] { loss.fields }

  package init(fields: inout JSONFields) throws(BadInput) { self.init(try Loss(fields: &fields)) }
}
