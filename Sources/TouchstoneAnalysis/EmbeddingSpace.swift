import TouchstoneGraph
import TouchstoneModel

/// The token embedding as a space in which directions mean something.
public struct EmbeddingSpace: Sendable {
  /// How alike two vectors are.
  public enum Similarity: String, Sendable, CaseIterable {
    /// a·b/(|a||b|), in −1…1: the angle alone.
    case cosine
    /// a·b: the angle and both lengths.
    case dotProduct = "dot"
  }

  /// A token and how alike it is to what was asked for.
  public struct Neighbour: Hashable, Sendable {
    /// The token's id.
    public let id: Int
    /// The similarity that was asked for.
    public let similarity: Double
  }

  private let table: Tensor<Float>

  /// The rows of a model's table of tokens: [V, D].
  ///
  /// - Throws: ``BadInput`` for a model that looks no tokens up.
  public init(_ weights: Weights) throws(BadInput) {
    let tables = weights.graph.operations.lazy.compactMap { operation -> Parameter? in
      guard case .embedding(let kind) = operation.kind, kind.ids == .tokenIDs else { return nil }
      return operation.parameters[0].parameter
    }
    guard let table = tables.first else {
      throw BadInput(
        place: "embedding", problem: "the model has no table of tokens", remedy: "use a language model")
    }
    self.table = weights.float32(table)
  }

  /// The rows of a table: [V, D].
  public init(table: Tensor<Float>) {
    self.table = table
  }

  /// V: the number of tokens.
  public var count: Int { table.rowCount }

  /// The embedding of the token `id`, widened exactly: [D].
  public func vector(_ id: Int) -> [Double] {
    table.row(id).map(Double.init)
  }

  /// The step that leads from one token to another: E(to) − E(from): [D].
  public func direction(from: Int, to: Int) -> [Double] {
    zip(vector(to), vector(from)).map { $0 - $1 }
  }

  /// E(a) − E(b) + E(c), the vector where "a is to b as … is to c" should lead: [D].
  public func analogy(_ a: Int, minus b: Int, plus c: Int) -> [Double] {
    zip(direction(from: b, to: a), vector(c)).map { $0 + $1 }
  }

  /// How far the token `id` lies along a direction: the dot product of the two.
  ///
  /// - Parameter direction: [D].
  public func projection(of id: Int, on direction: [Double]) -> Double {
    dot(vector(id), direction)
  }

  /// The tokens most alike to a vector, the most alike first; of equally alike ones the lower id.
  ///
  /// Rows without a direction (all zero) have no cosine and are left out, as are rows that hold NaN or ∞.
  ///
  /// - Parameters:
  ///   - vector: [D].
  ///   - similarity: how to compare.
  ///   - count: how many to give at most.
  ///   - excluded: ids to leave out: customarily those the vector was made of.
  /// - Throws: ``BadInput`` when the vector itself has no direction.
  public func nearest(
    to vector: [Double], by similarity: Similarity, count: Int, excluding excluded: Set<Int> = []
  ) throws(BadInput) -> [Neighbour] {
    let length = dot(vector, vector).squareRoot()
    guard length > 0, length.isFinite else {
      throw BadInput(
        place: "embedding",
        problem: "the vector to compare with is zero or not finite, so it has no direction",
        remedy: "choose other words")
    }
    let candidates = (0..<self.count).compactMap { id -> Neighbour? in
      if excluded.contains(id) { return nil }
      let row = self.vector(id)
      let product = dot(row, vector)
      let value =
        switch similarity {
        case .cosine: product / (length * dot(row, row).squareRoot())
        case .dotProduct: product
        }
      return value.isFinite ? Neighbour(id: id, similarity: value) : nil
    }
    let sorted = candidates.sorted { ($1.similarity, $0.id) < ($0.similarity, $1.id) }
    return Array(sorted.prefix(max(0, count)))
  }
}

private func dot(_ a: [Double], _ b: [Double]) -> Double {
  var total = 0.0
  for index in a.indices {
    total += a[index] * b[index]
  }
  return total
}
