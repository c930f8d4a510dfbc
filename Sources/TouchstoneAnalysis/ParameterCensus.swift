import TouchstoneModel

/// How many numbers a model has learned, family by family.
///
/// The eight families and their counting (query, key and value by head, output by layer, the unembedding for itself
/// even where it is the embedding) are those in which the transformer is usually explained; biases, LayerNorms and
/// positions, which that account leaves out, stand beside them.
public struct ParameterCensus: Hashable, Sendable, Encodable {
  /// Tensors that do the same work.
  public struct Family: Hashable, Sendable, Encodable {
    /// What they do.
    public let name: String
    /// Extents of each: [in, out], embeddings [rows, D]; nil where they differ.
    public let shape: [Int]?
    /// How many there are.
    public let tensors: Int
    /// The numbers in all of them.
    public let weights: Int
  }

  /// Embedding, key, query, value, output, up-projection, down-projection and unembedding.
  public let matrices: [Family]
  /// Position embedding, biases and LayerNorms.
  public let others: [Family]
  /// The matrices of the eight families.
  public let matrixCount: Int
  /// The numbers in the eight families.
  public let matrixWeights: Int
  /// The numbers in every family, the unembedding counted for itself.
  public let weights: Int
  /// The numbers in every family where the unembedding is the embedding.
  public let tiedWeights: Int
  /// The numbers that a checkpoint of this model holds: one of the two above.
  public let storedWeights: Int

  /// Counts the parameters of a model.
  ///
  /// - Throws: ``BadInput`` when they are more than 2⁶³.
  public init(_ configuration: Configuration) throws(BadInput) {
    let layers = configuration.layerCount
    let (width, headWidth) = (configuration.width, configuration.headWidth)
    let (vocabulary, inner) = (configuration.vocabularySize, configuration.feedForwardWidth)
    let heads = try product([layers, configuration.headCount])
    matrices = [
      try Family("embedding", [vocabulary, width], count: 1),
      try Family("key", [width, headWidth], count: heads),
      try Family("query", [width, headWidth], count: heads),
      try Family("value", [width, headWidth], count: heads),
      try Family("output", [width, width], count: layers),
      try Family("up-projection", [width, inner], count: layers),
      try Family("down-projection", [inner, width], count: layers),
      try Family("unembedding", [vocabulary, width], count: 1),
    ]
    others = [
      try Family("position embedding", [configuration.contextLength, width], count: 1),
      // Query, key and value share one bias of 3·D; output and down-projection have D each.
      try Family("biases", tensors: product([layers, 4]), weights: product([layers, 5 * width + inner])),
      // A gain and a shift for each of the two in a block, and for the last one.
      try Family(
        "LayerNorms", tensors: product([layers, 4]) + 2, weights: product([2 * layers + 1, 2 * width])),
    ]
    matrixCount = try sum(matrices.map(\.tensors))
    matrixWeights = try sum(matrices.map(\.weights))
    weights = try sum([matrixWeights] + others.map(\.weights))
    tiedWeights = weights - vocabulary * width
    storedWeights = configuration.tiesEmbeddings ? tiedWeights : weights
  }
}

extension ParameterCensus.Family {
  fileprivate init(_ name: String, _ shape: [Int], count: Int) throws(BadInput) {
    self.init(name: name, shape: shape, tensors: count, weights: try product(shape + [count]))
  }

  fileprivate init(_ name: String, tensors: Int, weights: Int) throws(BadInput) {
    self.init(name: name, shape: nil, tensors: tensors, weights: weights)
  }
}

private func product(_ factors: [Int]) throws(BadInput) -> Int {
  try checked(factors, from: 1) { $0.multipliedReportingOverflow(by: $1) }
}

private func sum(_ terms: [Int]) throws(BadInput) -> Int {
  try checked(terms, from: 0) { $0.addingReportingOverflow($1) }
}

private func checked(
  _ numbers: [Int], from start: Int, _ combine: (Int, Int) -> (partialValue: Int, overflow: Bool)
) throws(BadInput) -> Int {
  var total = start
  for number in numbers {
    let (value, overflows) = combine(total, number)
    guard !overflows else {
      throw BadInput(
        place: "config.json", problem: "declares more than 2^63 parameters", remedy: "correct its extents")
    }
    total = value
  }
  return total
}
