import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// One of the random models of a family that the verdict's studies run on, with a sequence to run through it.
///
/// Everything that a `config.json` of the family may say is drawn by the seed (``RandomFields``). Positions may begin far
/// out, and keys may be masked. What has an encoder reads a source of another length.
public struct RandomDecoder: Sendable, CustomStringConvertible {
  /// The family.
  public let family: Family
  /// How its weights are distributed.
  public let kind: SyntheticModel
  /// D, but for what its heads leave over.
  public let width: Int
  /// The seed of its shape, weights and sequence.
  public let seed: UInt64

  /// A model of about this width, of the kind that the seed comes to.
  public init(_ family: Family, kind: SyntheticModel? = nil, width: Int, seed: UInt64) {
    self.family = family
    self.kind = kind ?? SyntheticModel.allCases[Int(seed % UInt64(SyntheticModel.allCases.count))]
    self.width = width
    self.seed = seed
  }

  /// Three of every kind, of two or three layers and widths from 35 to 160.
  public static func all(of family: Family, seed: UInt64) -> [RandomDecoder] {
    SyntheticModel.allCases.enumerated().flatMap { index, kind in
      (0..<3).map {
        let place = seed * 41 + UInt64(3 * index + $0) * 53
        return RandomDecoder(family, kind: kind, width: 35 + Int(place % 126), seed: seed)
      }
    }
  }

  /// Family, kind, width and seed.
  public var description: String { "\(family.name), \(kind), width \(width), seed \(seed)" }

  /// Whether it is of a real model's width, and has one layer.
  private var isWide: Bool { width > 200 }

  /// What everything is drawn from.
  private var source: SplitMix64 {
    let place = UInt64(width) &* 31 &+ UInt64(kind.rawValue.utf8.count)
    return SplitMix64(
      seed: family.name.utf8.reduce(seed &* 0x2545_f491_4f6c_dd1d &+ place) { $0 &* 131 &+ UInt64($1) })
  }

  /// What its `config.json` says.
  ///
  /// - Throws: `BadInput` where the family needs a field that ``RandomFields`` does not draw.
  public func architecture() throws -> Architecture {
    try RandomFields.architecture(
      of: family, width: width, layers: isWide ? 1 : 2 + Int(seed % 2), source)
  }

  /// The weights.
  ///
  /// - Throws: `BadInput` as ``architecture()`` does.
  public func weights() throws -> Weights {
    try kind.weights(of: architecture().graph, names: family.tensors, seed: seed)
  }

  /// A sequence, one in two with some keys masked, one in two beginning far from position 0 where that has a place.
  ///
  /// - Throws: ``BadInput`` where the graph is another model's.
  public func inputs(_ graph: Graph) throws -> Inputs {
    var random = source
    for _ in 0..<400 { _ = random.next() }
    let count = 8 + Int(random.next() % (isWide ? 9 : 18))
    let firsts = [0, 0, 97, 5_003].map { $0 + count <= graph.contextLength ?? .max ? $0 : 7 }
    let first = firsts[Int(random.next() % 4)]
    let padding = Int(random.next() % 2) * Int(random.next() % 4)
    let isMasked = random.next() % 2 == 0
    // Half of those that count positions over the mask are given none.
    let areGiven = !graph.countsVisible || random.next() % 2 == 0
    if graph.readsArrays { return try given(graph, count: count, &random) }
    let tokens = (0..<count).map { _ in Int(random.next() % 61) }
    return try Inputs(
      tokenIDs: tokens, positionIDs: areGiven ? (0..<count).map { first + max($0 - padding, 0) } : nil,
      attentionMask: isMasked ? (0..<count).map { $0 >= padding && $0 % 7 != 5 } : nil,
      source: graph.readsSource ? try read(graph, &random) : nil, graph: graph)
  }

  /// Pixels, or vectors and a condition.
  private func given(_ graph: Graph, count: Int, _ random: inout SplitMix64) throws -> Inputs {
    var arrays: [Input: Tensor<Float>] = [:]
    for input in graph.arrays {
      let shape = graph.shape(of: Activation("inputs/" + input.rawValue), tokenCount: count) ?? []
      let values = (0..<shape.reduce(1, *)).map { _ in Float.random(in: -1.5...2, using: &random) }
      arrays[input] = Tensor(values, shape: shape)
    }
    return try Inputs(arrays: arrays, graph: graph)
  }

  /// A source of up to twenty tokens, one in two with some of them masked.
  private func read(_ graph: Graph, _ random: inout SplitMix64) throws -> Inputs {
    if let hearing = graph.hearing {
      let values = (0..<hearing.mels * hearing.frames).map { _ in
        Float.random(in: -1...1.5, using: &random)
      }
      return try Inputs.source(
        Sound(features: Tensor(values, shape: [hearing.mels, hearing.frames])), graph: graph)
    }
    let count = 1 + Int(random.next() % 20)
    let isMasked = random.next() % 2 == 0
    return try Inputs.source(
      tokenIDs: (0..<count).map { _ in Int(random.next() % 61) },
      attentionMask: isMasked ? (0..<count).map { $0 % 5 != 3 } : nil, graph: graph)
  }
}
