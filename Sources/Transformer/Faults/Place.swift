import TouchstoneGraph

/// The operations that a fault can spoil, told by what they are and by where they stand in a graph.
struct Place: Sendable {
  /// Whether an operation of a graph is among them.
  let contains: @Sendable (Operation, Graph) -> Bool

  init(_ contains: @escaping @Sendable (Operation, Graph) -> Bool) {
    self.contains = contains
  }

  /// Those that are here or there.
  func union(_ other: Place) -> Place {
    Place { contains($0, $1) || other.contains($0, $1) }
  }

  /// Those that are here and not there.
  func subtracting(_ other: Place) -> Place {
    Place { contains($0, $1) && !other.contains($0, $1) }
  }

  /// Those of which `isRight` holds.
  func filtered(_ isRight: @escaping @Sendable (Operation, Graph) -> Bool) -> Place {
    Place { contains($0, $1) && isRight($0, $1) }
  }

  /// Those inside the blocks.
  var inBlocks: Place { filtered { operation, _ in operation.output.block != nil } }
}

extension Place {
  /// Operations of one kind.
  static func of<Kind: OperationKind>(_ kind: Kind.Type) -> Place {
    Place { operation, _ in operation.kind.payload is Kind }
  }

  /// Operations whose arithmetic is of this sort.
  private static func having(_ traits: FaultTraits) -> Place {
    Place { operation, _ in operation.kind.traits.isSuperset(of: traits) }
  }

  /// Where more is done than handing a value on.
  static let computed = Place { operation, _ in !operation.kind.traits.contains(.copy) }
  /// Those of them that make a row for each token.
  static let rowsOfTokens = computed.filtered { operation, graph in
    let axes = graph.axes(of: operation.output) ?? []
    return axes.count > 1 && [.token, .query].contains(axes[axes.count - 2])
  }
  /// Sums of products.
  static let contractions = having(.contraction)
  /// The two products of attention.
  static let attention = of(AttentionScores.self).union(.of(AttentionContext.self))
  /// Norms.
  static let norms = Place { operation, _ in operation.kind.payload is any Normalising }
  /// What makes probabilities.
  static let softmaxes = having(.softmax)
  /// Products with a matrix of weights.
  static let products = of(Linear.self)
  /// Products with a matrix and a bias.
  static let projections = products.filtered { operation, _ in operation.parameters.count > 1 }
  /// Products that are split into heads.
  static let headProjections = Place { operation, _ in (operation.kind.payload as? Linear)?.heads != nil }
  /// Parts of one product that stand side by side in three: queries, keys and values.
  static let thirds = headProjections.filtered { operation, _ in operation.third != nil }
  /// What makes the logits.
  static let logits = Place { operation, graph in operation.output == graph.results.logits }
  /// The product that makes them.
  static let unembedding = Place { operation, graph in operation == graph.unembedding }
  /// Additions to the residual stream.
  static let residuals = of(Sum.self).inBlocks
  /// Rows of a table for tokens.
  static let tokenEmbeddings = embeddings(of: .tokenIDs)
  /// Rows of a table for positions.
  static let positionEmbeddings = embeddings(of: .positionIDs)
  /// Where positions are added to tokens.
  static let embeddingSums = of(Sum.self).filtered { operation, graph in
    operation.inputs.contains { input in
      graph.operation(making: input).map { positionEmbeddings.contains($0, graph) } ?? false
    }
  }

  private static func embeddings(of ids: Input) -> Place {
    Place { operation, _ in (operation.kind.payload as? Embedding)?.ids.own == ids }
  }
}

extension Operation {
  /// Which of three parts side by side it reads; nil where its parameters are viewed otherwise.
  var third: Int? {
    guard let selection = parameters.first?.selection, selection.groups == 1, selection.parts == 3,
      selection.take.count == 1
    else { return nil }
    return selection.take.lowerBound
  }
}

/// How operations hang together, as far as wrong wiring has to know.
extension Graph {
  /// What makes the first input of an operation.
  func source(of operation: Operation) -> Operation? {
    operation.inputs.first.flatMap { self.operation(making: $0) }
  }

  /// The norm that an operation reads.
  func norm(readBy operation: Operation) -> Operation? {
    source(of: operation).flatMap { $0.kind.payload is any Normalising ? $0 : nil }
  }

  /// The norm that reads an activation first.
  func norm(of activation: Activation) -> Operation? {
    operations.first { $0.kind.payload is any Normalising && $0.inputs.first == activation }
  }

  /// The addition to the stream, within the same block, that an operation reads first.
  func residual(before operation: Operation) -> Operation? {
    guard let source = source(of: operation), source.kind.payload is Sum, source.output.block != nil,
      source.output.block == operation.output.block
    else { return nil }
    return source
  }

  /// The activation of the same name in the block before; nil in the first block and outside the blocks.
  func previous(_ activation: Activation) -> Activation? {
    guard let block = activation.block, block.index > 0 else { return nil }
    let previous = Activation(
      activation.name, in: Activation.Block(block.index - 1, of: block.stack))
    return operation(making: previous) == nil ? nil : previous
  }

  /// Whether several heads of what an operation of attention reads first share a head of what it reads second.
  func sharesHeads(_ operation: Operation) -> Bool {
    let heads = operation.inputs.prefix(2).compactMap { shape(of: $0, tokenCount: 1)?.first }
    return heads.count == 2 && heads[1] < heads[0]
  }

  /// The number of numbers that stand for a token in the residual stream.
  var streamWidth: Int {
    // Pixels are none of it.
    operations.first { !$0.output.isGiven && axes(of: $0.output)?.last != nil }
      .flatMap { axes(of: $0.output)?.last }?.extent(tokenCount: 1) ?? 1
  }
}
