import TouchstoneModel

/// How improbable the token that should have come was: ℓ[t] = log Σⱼ exp z[t, j] − z[t, y[t]], 0 where no target is asked for.
///
/// One activation, the logits [T, V]. Makes [T]. With labels smoothed by ε: (1 − ε)·ℓ + ε·(log Σⱼ exp z[t, j] − mean z[t]).
public struct CrossEntropy: OperationKind {
  /// ε: how much of each target is spread over the vocabulary.
  public let labelSmoothing: Double

  /// The loss of each token.
  public init(labelSmoothing: Double = 0) {
    self.labelSmoothing = labelSmoothing
  }

  package static let name = Operation.Kind.Name.crossEntropy
  package var kind: Operation.Kind { .crossEntropy(self) }
  package var sequenceInputs: [Input] { [.targets] }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let axes = try operands.single()
    try Self.check(axes)
    try Loss(labelSmoothing: labelSmoothing).check()
    return [.token]
  }

  /// - Throws: ``BadInput`` unless there is a row of scores for each token.
  static func check(_ logits: [Axis]) throws(BadInput) {
    guard logits.count == 2, logits[0] == .token else {
      throw .graph("reads \(logits.inWords) where [token, vocabulary] is wanted")
    }
  }

  package var fields: [(name: String, value: JSONText)] { [("label_smoothing", .number(labelSmoothing))] }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      labelSmoothing: try fields.required("label_smoothing", try fields.number("label_smoothing")))
  }
}
