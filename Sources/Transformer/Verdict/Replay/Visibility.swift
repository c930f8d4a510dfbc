import TouchstoneGraph
import TouchstoneModel

extension Inputs {
  /// For each token, whether there is a key that it may attend to.
  ///
  /// One that sees none does not see itself, so that nobody attends to it either: what attention gives it, and all
  /// that follows in its row, is an engine's own affair.
  func seesAnyKey(under visibility: Visibility) -> [Bool] {
    (0..<count).map { row in
      isVisible(key: row, from: row, under: visibility)
        || (0..<count).contains { isVisible(key: $0, from: row, under: visibility) }
    }
  }
}

extension Graph {
  /// For each token of a sequence, whether it has a key to attend to wherever the model attends.
  package func seesAnyKey(_ inputs: Inputs) -> [Bool] {
    Set(operations.compactMap(\.kind.bounded.attention)).reduce([Bool](repeating: true, count: inputs.count))
    {
      zip($0, inputs.seesAnyKey(under: $1)).map { $0 && $1 }
    }
  }
}

extension ActivationSource {
  /// For each token, whether it has a key to attend to wherever the model attends.
  var seesAnyKey: [Bool] { graph.seesAnyKey(inputs) }
}

extension ReplayPlan {
  /// Which elements of the output are judged: those of the operation, and where attention is replayed with it, the
  /// rows of tokens that attend to something.
  func judgedElements(_ inputs: Inputs, graph: Graph) -> (Int) -> Bool {
    let isJudged = operation.judgedElements(inputs, graph: graph)
    let attentions = Set(steps.dropLast().compactMap(\.operation.kind.bounded.attention))
    guard !attentions.isEmpty else { return isJudged }
    let width = graph.shape(of: operation.output, tokenCount: inputs.count)?.last ?? 1
    let seesAnyKey = attentions.map(inputs.seesAnyKey(under:))
    return { offset in
      isJudged(offset) && seesAnyKey.allSatisfy { $0[offset / width % $0.count] }
    }
  }
}

extension Replay {
  /// The tokens of which an operation computes rows.
  func inputs(of operation: Operation) -> Inputs {
    graph.inputs(of: operation.output, in: inputs) { recorded[$0]?.values } ?? inputs
  }

  /// For each row of the output, whether its token has a key to attend to wherever the model attends.
  var seesAnyKey: [Bool] {
    let all = graph.seesAnyKey(inputs)
    guard let selection = graph.selection(of: plan.operation.output) else { return all }
    let ids = selection.decider.flatMap { recorded[$0]?.values }
    return selection.tokens(of: inputs.count, decidedBy: ids).map { all[$0] }
  }
}
