import TouchstoneFamilies
import TouchstoneModel

/// How many numbers a model has learned, family by family.
///
/// The eight families and their counting (query, key and value by head, output by layer, the unembedding for itself
/// even where it is the embedding) are those in which the transformer is usually explained; biases, LayerNorms and
/// positions, which that account leaves out, stand beside them.
public struct ParameterCensus: Hashable, Sendable {
  /// Tensors that do the same work.
  public struct Family: Hashable, Sendable {
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
  /// ``Configuration``'s limits keep every sum inside an `Int`.
  public init(_ configuration: Configuration) {
    let layers = configuration.layerCount
    let (width, headWidth) = (configuration.width, configuration.headWidth)
    let (vocabulary, inner) = (configuration.vocabularySize, configuration.feedForwardWidth)
    let heads = layers * configuration.headCount
    matrices = [
      Family("embedding", [vocabulary, width], count: 1),
      Family("key", [width, headWidth], count: heads),
      Family("query", [width, headWidth], count: heads),
      Family("value", [width, headWidth], count: heads),
      Family("output", [width, width], count: layers),
      Family("up-projection", [width, inner], count: layers),
      Family("down-projection", [inner, width], count: layers),
      Family("unembedding", [vocabulary, width], count: 1),
    ]
    others = [
      Family("position embedding", [configuration.contextLength, width], count: 1),
      // Query, key and value share one bias of 3·D; output and down-projection have D each.
      Family(name: "biases", shape: nil, tensors: 4 * layers, weights: layers * (5 * width + inner)),
      // A gain and a shift for each of the two in a block, and for the last one.
      Family(name: "LayerNorms", shape: nil, tensors: 4 * layers + 2, weights: (2 * layers + 1) * 2 * width),
    ]
    matrixCount = matrices.reduce(0) { $0 + $1.tensors }
    matrixWeights = matrices.reduce(0) { $0 + $1.weights }
    weights = others.reduce(matrixWeights) { $0 + $1.weights }
    tiedWeights = weights - vocabulary * width
    storedWeights = configuration.tiesEmbeddings ? tiedWeights : weights
  }
}

extension ParameterCensus.Family {
  fileprivate init(_ name: String, _ shape: [Int], count: Int) {
    self.init(name: name, shape: shape, tensors: count, weights: shape.reduce(count, *))
  }
}
