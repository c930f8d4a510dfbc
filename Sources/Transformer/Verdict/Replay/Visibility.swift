import TouchstoneGraph
import TouchstoneModel

extension Inputs {
  /// For each token, whether there is a key that it may attend to.
  ///
  /// One that sees none does not see itself, so that nobody attends to it either: what attention gives it, and all
  /// that follows in its row, is an engine's own affair.
  func seesAnyKey(under visibility: Visibility) -> [Bool] {
    if visibility.readsSource {
      let seesAny = (0..<keyCount(under: visibility)).contains {
        isVisible(key: $0, from: 0, under: visibility)
      }
      return [Bool](repeating: seesAny, count: count)
    }
    return (0..<count).map { row in
      isVisible(key: row, from: row, under: visibility)
        || (0..<count).contains { isVisible(key: $0, from: row, under: visibility) }
    }
  }
}

extension Graph {
  /// For each token of the sequence that an activation is of, whether it has a key to attend to wherever the model attends
  /// from these tokens.
  ///
  /// - Parameters:
  ///   - inputs: the whole sequence.
  ///   - activation: nil for the sequence that logits are made of.
  package func seesAnyKey(_ inputs: Inputs, of activation: Activation? = nil) -> [Bool] {
    let ofSource = activation.map(isOfSource) ?? false
    let own = ofSource ? inputs.source ?? inputs : inputs
    let attentions = operations.filter { isOfSource($0.output) == ofSource }.compactMap(
      \.kind.bounded.attention)
    return Set(attentions).reduce([Bool](repeating: true, count: own.count)) {
      zip($0, own.seesAnyKey(under: $1)).map { $0 && $1 }
    }
  }
}

extension ActivationSource {
  /// For each token of the sequence that an activation is of, whether it has a key to attend to.
  func seesAnyKey(of activation: Activation?) -> [Bool] { graph.seesAnyKey(inputs, of: activation) }
}

extension ReplayPlan {
  /// Which elements of the output are judged: those of the operation, and where attention is replayed with it, the
  /// rows of tokens that attend to something.
  func judgedElements(_ inputs: Inputs, graph: Graph) -> (Int) -> Bool {
    let isJudged = operation.judgedElements(inputs, graph: graph)
    let ofSource = graph.isOfSource(operation.output)
    // Rows of the other tokens are not these.
    let attentions = Set(
      steps.dropLast().map(\.operation).filter { graph.isOfSource($0.output) == ofSource }
        .compactMap(\.kind.bounded.attention))
    guard !attentions.isEmpty else { return isJudged }
    let width = graph.shape(of: operation.output, in: inputs)?.last ?? 1
    let own = ofSource ? inputs.source ?? inputs : inputs
    let seesAnyKey = attentions.map(own.seesAnyKey(under:))
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
    let all = graph.seesAnyKey(inputs, of: plan.operation.output)
    guard let selection = graph.selection(of: plan.operation.output) else { return all }
    let ids = selection.decider.flatMap { recorded[$0]?.values }
    return selection.tokens(of: inputs, decidedBy: ids).map { all[$0] }
  }
}
