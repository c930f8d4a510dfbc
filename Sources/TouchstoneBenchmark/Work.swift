import TouchstoneGraph
import TouchstoneModel

/// How much a result costs at least, by the definition of the model.
struct Work {
  private let graph: Graph
  /// What is needed of every row; of the rest the last row alone is.
  private let wholeActivations: Set<Activation>

  /// Works out which rows the logits of the last one need.
  ///
  /// All of the keys and values, and of what those are made from; of anything else the rows that its readers need.
  init(_ graph: Graph) {
    self.graph = graph
    var whole: Set<Activation> = []
    for operation in graph.operations.reversed() {
      let isWhole = whole.contains(operation.output)
      let cached = operation.kind.payload.cachedOperands
      for (index, input) in operation.inputs.enumerated() where isWhole || cached[index] != nil {
        whole.insert(input)
      }
    }
    wholeActivations = whole
  }

  /// Floating-point operations of matrix products (a multiply-add is two) for the logits that follow `tokens`.
  ///
  /// What the causal mask hides is not counted, nor what only rows before the last need: in the last block every row has
  /// a key and a value, and the last one alone the rest.
  func prefillOperations(tokens: Int) -> Double {
    let pairs = tokens * (tokens + 1) / 2
    return graph.operations.reduce(0) { total, operation in
      let isWhole = wholeActivations.contains(operation.output)
      return total + 2
        * multiplications(of: operation, rows: isWhole ? tokens : 1, pairs: isWhole ? pairs : tokens)
    }
  }

  /// Multiplications of a matrix product for some rows, and for some pairs of a query and a visible key; 0 of anything
  /// else.
  private func multiplications(of operation: Operation, rows: Int, pairs: Int) -> Double {
    switch operation.kind.payload {
    case is Linear: Double(rows * operation.parameters[0].shape.reduce(1, *))
    case is AttentionScores: Double(pairs * width(of: operation.inputs[0]))
    case is AttentionContext: Double(pairs * width(of: operation.output))
    default: 0
    }
  }

  /// Bytes that one more token reads: every weight of the blocks and of the logits once, and the keys and values.
  func decodeBytes(context: Int) -> Double {
    var parameters: Set<Parameter> = []
    var cached: Set<Activation> = []
    for operation in graph.operations {
      if operation.output.block != nil || operation.output == graph.results.logits {
        parameters.formUnion(operation.parameters.map(\.parameter))
      }
      for index in operation.kind.payload.cachedOperands.keys {
        cached.insert(operation.inputs[index])
      }
    }
    let weights = parameters.reduce(0) { $0 + $1.shape.reduce(1, *) }
    let cache = cached.reduce(0) { $0 + width(of: $1) * context }
    return 4 * Double(weights + cache)
  }

  /// Numbers of an activation for one token.
  private func width(of activation: Activation) -> Int {
    graph.shape(of: activation, tokenCount: 1)?.reduce(1, *) ?? 0
  }
}
