extension Graph {
  /// The number of blocks of the stack `layers`.
  public var layerCount: Int { blockCount(of: "layers") }

  /// The number of blocks of a stack.
  public func blockCount(of stack: String) -> Int {
    operations.reduce(0) { count, operation in
      guard let block = operation.output.block, block.stack == stack else { return count }
      return max(count, block.index + 1)
    }
  }

  /// The context window: the greatest number of tokens in one sequence, where positions are looked up in a table; nil
  /// where they are not.
  public var contextLength: Int? { idCount(of: .positionIDs) }

  /// V: how many token ids have a logit; nil in a model without logits.
  public var vocabularySize: Int? {
    results.logits.flatMap { axes(of: $0)?.last?.extent(tokenCount: 1) }
  }

  /// The probabilities of the next token: the softmax of the logits; nil where there are none.
  public var probabilities: Activation? {
    guard let logits = results.logits else { return nil }
    return operations.first { operation in
      if case .softmax = operation.kind { operation.inputs == [logits] } else { false }
    }?.output
  }
}
