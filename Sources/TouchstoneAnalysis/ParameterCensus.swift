import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

/// How many numbers a model has learned, family by family.
///
/// The families and their counting (query, key and value by head, output by layer, the unembedding for itself even where
/// it is the embedding) are those in which the transformer is usually explained; biases, norms and positions, which that
/// account leaves out, stand beside them.
public struct ParameterCensus: Hashable, Sendable {
  /// Tensors that do the same work.
  public struct Family: Hashable, Sendable {
    /// What they do.
    public let name: String
    /// Extents of each: [in, out], embeddings [rows, D]; nil where they differ.
    public fileprivate(set) var shape: [Int]?
    /// How many there are.
    public fileprivate(set) var tensors: Int
    /// The numbers in all of them.
    public fileprivate(set) var weights: Int
  }

  /// Embedding, key, query, value, output, projections of the feed-forward block and unembedding; in GPT-2 eight.
  public let matrices: [Family]
  /// Position embedding, biases and norms, as far as the model has them.
  public let others: [Family]
  /// How many matrices there are.
  public let matrixCount: Int
  /// The numbers in the matrices.
  public let matrixWeights: Int
  /// The numbers in every family, the unembedding counted for itself.
  public let weights: Int
  /// The numbers in every family where the unembedding is the embedding.
  public let tiedWeights: Int
  /// The numbers that a checkpoint of this model holds: one of the two above.
  public let storedWeights: Int
  /// Whether the unembedding is the embedding.
  public var tiesEmbeddings: Bool { storedWeights < weights }

  /// Counts the parameters of a model of the GPT-2 form.
  public init(_ configuration: Configuration) {
    self.init(configuration.graph)
  }

  /// Counts the parameters of a model.
  ///
  /// The limits of a graph keep every sum inside an `Int`.
  public init(_ graph: Graph) {
    var count = Counting(graph)
    for operation in graph.operations { count.add(operation) }
    matrices = count.matrices
    others = count.others
    matrixCount = matrices.reduce(0) { $0 + $1.tensors }
    matrixWeights = matrices.reduce(0) { $0 + $1.weights }
    weights = others.reduce(matrixWeights) { $0 + $1.weights }
    storedWeights = graph.parameterCount
    let unembedding = matrices.last { $0.name == Counting.unembedding }
    tiedWeights = weights - (unembedding?.weights ?? 0)
  }
}

/// Goes through the operations of a model and adds up what they read.
private struct Counting {
  static let unembedding = "unembedding"

  /// What matrices are called, by what they make, in the order of the usual account.
  private static let names: KeyValuePairs = [
    "k": "key", "q": "query", "v": "value", "attn_out": "output", "mlp_gate": "gate-projection",
    "mlp_pre": "up-projection", "mlp_up": "up-projection", "mlp_out": "down-projection",
  ]

  private let logits: Activation?
  private var embedding: [ParameterCensus.Family] = []
  private var inside: [ParameterCensus.Family] = []
  private var unembedding: [ParameterCensus.Family] = []
  private var positions: [ParameterCensus.Family] = []
  private var biases: [ParameterCensus.Family] = []
  private var norms: [ParameterCensus.Family] = []
  /// Tables and vectors that were counted: some are read more than once.
  private var seen: Set<String> = []

  init(_ graph: Graph) {
    logits = graph.results.logits
  }

  var matrices: [ParameterCensus.Family] {
    let order = Self.names.map(\.value)
    func place(_ family: ParameterCensus.Family) -> Int { order.firstIndex(of: family.name) ?? order.count }
    let sorted = inside.enumerated().sorted {
      (place($0.element), $0.offset) < (place($1.element), $1.offset)
    }
    return embedding + sorted.map(\.element) + unembedding
  }

  var others: [ParameterCensus.Family] { positions + biases + norms }

  mutating func add(_ operation: TouchstoneGraph.Operation) {
    for (view, purpose) in zip(operation.parameters, operation.kind.payload.parameterPurposes) {
      let shape = view.parameter.shape
      switch purpose {
      case .table(let ids):
        // Two stacks may look their tokens up in one table.
        guard isNew(view) else { continue }
        if ids.own == .positionIDs {
          Self.add("position embedding", shape, to: &positions)
        } else {
          Self.add("embedding", shape, to: &embedding)
        }
      case .matrix: addMatrix(view, of: operation)
      case .bias, .sink:
        guard isNew(view) else { continue }
        if case .classRow = operation.kind {
          Self.add("class row", of: view, to: &positions)
        } else {
          Self.add("biases", of: view, to: &biases)
        }
      case .gain, .shift:
        var name = "RMSNorms"
        if case .layerNorm = operation.kind { name = "LayerNorms" }
        if isNew(view) { Self.add(name, of: view, to: &norms) }
      }
    }
  }

  private mutating func addMatrix(_ view: ParameterView, of operation: TouchstoneGraph.Operation) {
    let (outputs, inputs) = (view.outputCount, view.inputCount ?? 1)
    if operation.output == logits {
      Self.add(Self.unembedding, [outputs, inputs], to: &unembedding)
      return
    }
    var heads = 1
    if case .linear(let linear) = operation.kind { heads = linear.heads ?? 1 }
    let name = Self.names.first { $0.key == operation.output.name }?.value ?? operation.output.name
    Self.add(name, [inputs, outputs / heads], count: heads, to: &inside)
  }

  private mutating func isNew(_ view: ParameterView) -> Bool { seen.insert(view.parameter.name).inserted }

  /// A vector, whose length is of no interest.
  private static func add(
    _ name: String, of view: ParameterView, to families: inout [ParameterCensus.Family]
  ) {
    add(name, nil, weights: view.parameter.shape.reduce(1, *), to: &families)
  }

  private static func add(
    _ name: String, _ shape: [Int], count: Int = 1, to families: inout [ParameterCensus.Family]
  ) {
    add(name, shape, count: count, weights: shape.reduce(count, *), to: &families)
  }

  private static func add(
    _ name: String, _ shape: [Int]?, count: Int = 1, weights: Int, to families: inout [ParameterCensus.Family]
  ) {
    guard let place = families.firstIndex(where: { $0.name == name }) else {
      families.append(ParameterCensus.Family(name: name, shape: shape, tensors: count, weights: weights))
      return
    }
    families[place].tensors += count
    families[place].weights += weights
    if families[place].shape != shape { families[place].shape = nil }
  }
}
