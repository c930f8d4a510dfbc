extension Graph {
  /// The number of blocks, of all stacks together.
  public var layerCount: Int {
    Set(operations.compactMap(\.output.block?.stack)).reduce(0) { $0 + blockCount(of: $1) }
  }

  /// The number of blocks of a stack.
  public func blockCount(of stack: String) -> Int {
    operations.reduce(0) { count, operation in
      guard let block = operation.output.block, block.stack == stack else { return count }
      return max(count, block.index + 1)
    }
  }

  /// The context window: the greatest number of tokens in one sequence, where positions are looked up in a table; nil
  /// where they are not.
  public var contextLength: Int? {
    idCount(of: .positionIDs).map { max(0, $0 - (paddingID.map { $0 + 1 } ?? 0)) }
  }

  /// Whether it continues a text: it has logits, and no token sees one behind it.
  public var continuesText: Bool {
    results.logits != nil
      && operations.allSatisfy { operation in
        guard case .scores(let kind) = operation.kind, !isOfSource(operation.output) else { return true }
        return kind.visibility.isCausal || kind.visibility.readsSource
      }
  }

  /// Whether a run may be given an input: ids of every model that reads no arrays, token types and a source where they are read, targets
  /// where there are logits.
  package func mayBeGiven(_ input: Input) -> Bool {
    switch input {
    case .tokenIDs, .positionIDs, .attentionMask: !readsArrays
    case .tokenTypeIDs: inputs.contains(input)
    case .targets: results.logits != nil
    case .encoderTokenIDs, .encoderPositionIDs, .encoderAttentionMask: readsSource && hearing == nil
    case .inputFeatures, .audio, .pixelValues, .hidden, .condition: inputs.contains(input)
    }
  }

  /// V: how many token ids have a logit; nil in a model without logits.
  public var vocabularySize: Int? {
    results.logits.flatMap { axes(of: $0)?.last?.extent(tokenCount: 1) }
  }

  /// By which operations the pairs of a query and a key come about that `operation` reads first: their products, then
  /// each that is made of the one before; none where it reads no such pairs.
  package func pairs(readBy operation: Operation) -> [Operation] {
    var makers: [Operation] = []
    var next = operation.inputs.first
    while let maker = next.flatMap(self.operation(making:)), axes(of: maker.output)?.last?.isOfKeys == true {
      makers.insert(maker, at: 0)
      if case .scores = maker.kind { return makers }
      next = maker.inputs.first
    }
    return []
  }

  /// The product that makes the logits, whatever is done to them element by element afterwards; nil where there is none.
  package var unembedding: Operation? {
    var maker = results.logits.flatMap(operation(making:))
    while let operation = maker {
      if case .linear = operation.kind { return operation }
      guard let input = operation.inputs.first, shape(of: input, tokenCount: 1)?.last == vocabularySize else {
        return nil
      }
      maker = self.operation(making: input)
    }
    return nil
  }

  /// The probabilities of the next token: the softmax of the logits; nil where there are none.
  public var probabilities: Activation? {
    guard let logits = results.logits else { return nil }
    return operations.first { operation in
      if case .softmax = operation.kind { operation.inputs == [logits] } else { false }
    }?.output
  }
}
