import Foundation
import TouchstoneGraph
import TouchstoneModel

/// The shape and the arithmetic choices of a GPT-2-form model.
public struct Configuration: Hashable, Sendable {
  /// V: the number of token ids.
  public let vocabularySize: Int
  /// The context window: the greatest number of tokens in one sequence (`n_positions`).
  public let contextLength: Int
  /// D: the width of the residual stream (`n_embd`).
  public let width: Int
  /// The number of blocks (`n_layer`).
  public let layerCount: Int
  /// H: attention heads in each block (`n_head`).
  public let headCount: Int
  /// F: the width inside the feed-forward block (`n_inner`, 4·D where absent).
  public let feedForwardWidth: Int
  /// The nonlinearity of the feed-forward block.
  public let activationFunction: ActivationFunction.Function
  /// ε added to the variance inside the square root of every LayerNorm.
  public let layerNormEpsilon: Double
  /// Whether the unembedding is the token embedding, transposed.
  public let tiesEmbeddings: Bool
  /// Whether scores are divided by √d (`scale_attn_weights`).
  public let scalesScores: Bool
  /// Whether scores are further divided by the layer's number, from 1 (`scale_attn_by_inverse_layer_idx`).
  public let scalesScoresByLayer: Bool
  /// The model.
  public let graph: Graph

  /// d: the width of one head.
  public var headWidth: Int { width / headCount }

  /// The greatest extent that a dimension may declare; keeps the number of parameters inside an `Int`.
  public static let greatestExtent = 1 << 24

  /// The greatest number of blocks; keeps the list of parameters and operations small.
  public static let greatestLayerCount = 1 << 10

  /// Creates a configuration after checking that its numbers fit together.
  ///
  /// - Throws: ``BadInput`` naming the field (by its Hugging Face name) that cannot be.
  public init(
    vocabularySize: Int, contextLength: Int, width: Int, layerCount: Int, headCount: Int,
    feedForwardWidth: Int? = nil, activationFunction: ActivationFunction.Function = .geluTanh,
    layerNormEpsilon: Double = 1e-5, tiesEmbeddings: Bool = true, scalesScores: Bool = true,
    scalesScoresByLayer: Bool = false
  ) throws(BadInput) {
    let innerWidth = feedForwardWidth ?? 4 * min(max(width, 0), Self.greatestExtent)
    let extents = [
      ("vocab_size", vocabularySize, Self.greatestExtent),
      ("n_positions", contextLength, Self.greatestExtent), ("n_embd", width, Self.greatestExtent),
      ("n_layer", layerCount, Self.greatestLayerCount), ("n_head", headCount, Self.greatestExtent),
      ("n_inner", innerWidth, Self.greatestExtent),
    ]
    for (field, extent, greatest) in extents where !(1...greatest).contains(extent) {
      throw BadInput(
        place: field, problem: "is \(extent), outside 1…\(greatest)", remedy: "correct the field")
    }
    guard width % headCount == 0 else {
      throw BadInput(
        place: "n_head", problem: "\(headCount) heads do not divide n_embd = \(width) evenly",
        remedy: "correct one of the two")
    }
    guard layerNormEpsilon.isFinite, layerNormEpsilon >= 0 else {
      throw BadInput(
        place: "layer_norm_epsilon", problem: "is \(layerNormEpsilon)", remedy: "give a number of at least 0")
    }
    self.vocabularySize = vocabularySize
    self.contextLength = contextLength
    self.width = width
    self.layerCount = layerCount
    self.headCount = headCount
    self.feedForwardWidth = innerWidth
    self.activationFunction = activationFunction
    self.layerNormEpsilon = layerNormEpsilon
    self.tiesEmbeddings = tiesEmbeddings
    self.scalesScores = scalesScores
    self.scalesScoresByLayer = scalesScoresByLayer
    graph = try GPT2Form(
      vocabularySize: vocabularySize, contextLength: contextLength, width: width, layerCount: layerCount,
      headCount: headCount, feedForwardWidth: innerWidth, activationFunction: activationFunction,
      layerNormEpsilon: layerNormEpsilon, tiesEmbeddings: tiesEmbeddings,
      scoreScales: (0..<layerCount).map {
        Self.scoreScale(
          headWidth: width / headCount, layer: $0, scalesScores: scalesScores, byLayer: scalesScoresByLayer)
      }
    ).graph()
  }

  /// The factor on q·k in the block `layer` (from 0): 1/√d, further divided where the configuration says so.
  public func scoreScale(layer: Int) -> Double {
    Self.scoreScale(
      headWidth: headWidth, layer: layer, scalesScores: scalesScores, byLayer: scalesScoresByLayer)
  }

  static func scoreScale(headWidth: Int, layer: Int, scalesScores: Bool, byLayer: Bool) -> Double {
    let byWidth = scalesScores ? 1 / Double(headWidth).squareRoot() : 1
    return byLayer ? byWidth / Double(layer + 1) : byWidth
  }
}
