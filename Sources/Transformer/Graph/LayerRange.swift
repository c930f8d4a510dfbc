import TouchstoneModel

/// Some consecutive layers of a model: a shard, which is recorded and judged by itself.
///
/// What stands before the first layer belongs to the shard that begins with it, and what stands behind the last to the
/// one that ends with it, so that shards which cover all layers cover all operations, each once.
public struct LayerRange: Hashable, Sendable, CustomStringConvertible {
  /// The layers, counted from 0.
  public let layers: Range<Int>

  /// Some layers; at least one.
  public init?(_ layers: Range<Int>) {
    guard layers.lowerBound >= 0, !layers.isEmpty else { return nil }
    self.layers = layers
  }

  /// Reads `A..<B`; nil for anything else, and where B is not greater than A.
  public init?(_ text: String) {
    let ends = text.split(separator: "..<", omittingEmptySubsequences: false).map(Self.wholeNumber)
    guard ends.count == 2, let lower = ends[0], let upper = ends[1], lower < upper else { return nil }
    self.init(lower..<upper)
  }

  private static func wholeNumber(_ text: Substring) -> Int? {
    text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(text) : nil
  }

  /// `A..<B`.
  public var description: String { "\(layers.lowerBound)..<\(layers.upperBound)" }

  /// - Throws: ``BadInput`` where the model has not so many layers, or several stacks of them.
  public func check(in graph: Graph) throws(BadInput) {
    let stacks = Set(graph.operations.compactMap(\.output.block?.stack))
    guard stacks.count == 1 else {
      throw BadInput(
        place: "--layers", problem: "chooses among one stack of layers, and the model has \(stacks.count)",
        remedy: "leave it out")
    }
    let count = graph.operations.compactMap(\.output.block?.index).max().map { $0 + 1 } ?? 0
    guard layers.upperBound <= count else {
      throw BadInput(
        place: "--layers", problem: "\(self) goes beyond the model's \(count) layers",
        remedy: "give A..<B with B up to \(count)")
    }
  }
}

extension Graph {
  /// The operations of a shard, in the order of computation.
  public func operations(of shard: LayerRange) -> [Operation] {
    let layers = operations.compactMap(\.output.block?.index)
    let last = layers.max() ?? 0
    var hasBegun = false
    return operations.filter { operation in
      if operation.output.block != nil { hasBegun = true }
      return shard.layers.contains(operation.output.block?.index ?? (hasBegun ? last : 0))
    }
  }

  /// How many operations, from the first on, a shard needs.
  public func prefix(through shard: LayerRange) -> Int {
    operations(of: shard).compactMap { index(making: $0.output) }.max().map { $0 + 1 } ?? 0
  }

  /// What is recorded of a shard: what its operations make, and what they read that others make.
  public func activations(of shard: LayerRange) -> Set<Activation> {
    Set(operations(of: shard).map(\.output) + edges(of: shard))
  }

  /// What the operations of a shard read that others make: it is recorded with them, and judged where it is made.
  public func edges(of shard: LayerRange) -> [Activation] {
    let own = operations(of: shard)
    let made = Set(own.map(\.output))
    var seen: Set<Activation> = []
    return own.flatMap(\.inputs).filter { !made.contains($0) && seen.insert($0).inserted }
  }
}
