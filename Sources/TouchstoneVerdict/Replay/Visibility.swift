import TouchstoneGraph
import TouchstoneModel

extension Inputs {
  /// For each token, whether there is a key that it may attend to.
  ///
  /// One that sees none does not see itself, so that nobody attends to it either: what attention gives it, and all
  /// that follows in its row, is an engine's own affair.
  package var seesAnyKey: [Bool] {
    (0..<count).map { row in
      (0...row).contains { isVisible(key: $0, from: row) }
    }
  }
}

extension ReplayPlan {
  /// Which elements of the output are judged: those of the operation, and where attention is replayed with it, the
  /// rows of tokens that attend to something.
  func judgedElements(_ inputs: Inputs, configuration: Configuration) -> (Int) -> Bool {
    let isJudged = operation.judgedElements(inputs, configuration: configuration)
    guard hidden.contains(where: { $0.point == .attentionContext }) else { return isJudged }
    let shape = configuration.shape(of: operation.output, tokenCount: inputs.count)
    let width = shape.last ?? 1
    let seesAnyKey = inputs.seesAnyKey
    return { offset in isJudged(offset) && seesAnyKey[offset / width % seesAnyKey.count] }
  }
}

extension Operation {
  /// Which elements of the output are judged.
  ///
  /// The definition says which keys a query sees. Scores it does not see may hold anything; a query that sees
  /// none has no attention to judge.
  package func judgedElements(_ inputs: Inputs, configuration: Configuration) -> (Int) -> Bool {
    let tokens = inputs.count
    let seesAny = inputs.seesAnyKey
    switch kind {
    case .attentionScores:
      return { offset in inputs.isVisible(key: offset % tokens, from: offset / tokens % tokens) }
    case .maskedSoftmax:
      return { offset in seesAny[offset / tokens % tokens] }
    case .attentionContext:
      let width = configuration.width
      return { offset in seesAny[offset / width] }
    default:
      return { _ in true }
    }
  }
}
