import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel

/// One of the random models that the verdict's studies run on, with a sequence to run through it.
///
/// Kinds, widths, depths, both forms of GELU, tied and separate unembeddings, masked and unmasked sequences are mixed by
/// the seed, so that each seed brings twelve models and no two seeds the same.
public struct RandomModel: Sendable, CustomStringConvertible {
  /// How its weights are distributed.
  public let kind: SyntheticModel
  /// D.
  public let width: Int
  /// The seed of its weights.
  public let seed: UInt64

  /// Three widths of every kind.
  public static func all(seed: UInt64) -> [RandomModel] {
    SyntheticModel.allCases.flatMap { kind in
      [35, kind.index % 2 == 0 ? 64 : 96, 100].map { RandomModel(kind: kind, width: $0, seed: seed) }
    }
  }

  /// One model of every kind, their widths moving on with the seed.
  public static func oneOfEachKind(seed: UInt64) -> [RandomModel] {
    SyntheticModel.allCases.map { kind in
      let widths = [35, kind.index % 2 == 0 ? 64 : 96, 100]
      return RandomModel(kind: kind, width: widths[(kind.index + Int(seed % 3)) % 3], seed: seed)
    }
  }

  /// Kind, width and seed.
  public var description: String { "\(kind), width \(width), seed \(seed)" }

  /// The weights.
  ///
  /// - Throws: ``BadInput`` never: these shapes agree.
  public func weights() throws -> Weights {
    let index = kind.index
    let configuration = try Configuration(
      vocabularySize: 101 + 13 * index, contextLength: 32, width: width, layerCount: 2 + Int(seed % 2),
      headCount: width % 4 == 0 ? 4 : 5,
      activationFunction: (index + Int(seed % 2)) % 2 == 0 ? .geluTanh : .geluErf,
      tiesEmbeddings: (index + width) % 2 == 0)
    return try kind.weights(configuration, seed: seed)
  }

  /// A sequence, one in two with some keys masked.
  ///
  /// - Throws: ``BadInput`` where the graph is another model's.
  public func inputs(_ graph: Graph) throws -> Inputs {
    let count = [24, 13, 19, 17][(kind.index + width) % 4]
    let mask = (Int(seed % 2) + width / 4) % 2 == 0 ? (0..<count).map { $0 % 7 != 3 } : nil
    return try Inputs(
      tokenIDs: (0..<count).map { ($0 * 7 + 3) % 100 }, attentionMask: mask, graph: graph)
  }
}

extension SyntheticModel {
  fileprivate var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
