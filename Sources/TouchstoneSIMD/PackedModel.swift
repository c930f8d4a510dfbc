import TouchstoneGraph
import TouchstoneModel

/// A matrix [depth, columns] in panels of 16 columns, [panel][depth][16]: an even number of them, the last
/// filled up with zeros.
struct PackedMatrix {
  let panels: UnsafeMutablePointer<Float>
  /// One start value for each column, zeros where there is no bias; filled up to whole panels.
  let bias: UnsafeMutablePointer<Float>
  let depth: Int
  let columns: Int

  var panelStride: Int { depth * Kernels.panelWidth }
  var panelCount: Int { Self.panelCount(columns) }

  static func panelCount(_ columns: Int) -> Int {
    roundedUp(columns, to: Kernels.pairWidth) / Kernels.panelWidth
  }

  static func floatCount(depth: Int, columns: Int) -> Int {
    panelCount(columns) * Kernels.panelWidth * (depth + 1)
  }
}

/// The parameters of one LayerNorm.
struct PackedNorm {
  let weight: UnsafeMutablePointer<Float>
  let bias: UnsafeMutablePointer<Float>
}

/// The parameters of one block.
struct PackedLayer {
  let norm1: PackedNorm
  let attentionInput: PackedMatrix
  let attentionOutput: PackedMatrix
  let norm2: PackedNorm
  let feedForwardInput: PackedMatrix
  let feedForwardOutput: PackedMatrix
  let scoreScale: Float
}

/// Every parameter in float32, in the order in which a forward pass reads it; never written after `init`.
final class PackedModel: @unchecked Sendable {
  let configuration: Configuration
  let layers: [PackedLayer]
  let finalNorm: PackedNorm
  let unembedding: PackedMatrix
  /// [V, D] row by row; nil where the embedding is tied and read out of ``unembedding``.
  private let tokenTable: UnsafeMutablePointer<Float>?
  /// [context, D] row by row.
  private let positionTable: UnsafeMutablePointer<Float>
  private let memory: AlignedBuffer

  init(_ weights: Weights) throws(BadInput) {
    let configuration = weights.configuration
    var packer = try WeightPacker(weights)
    func norm(_ weight: Parameter, _ bias: Parameter) -> PackedNorm {
      PackedNorm(weight: packer.rows(weight), bias: packer.rows(bias))
    }
    layers = (0..<configuration.layerCount).map { layer in
      func at(_ role: Parameter.Role) -> Parameter { Parameter(role, layer: layer) }
      return PackedLayer(
        norm1: norm(at(.layerNorm1Weight), at(.layerNorm1Bias)),
        attentionInput: packer.matrix(at(.attentionInputWeight), bias: at(.attentionInputBias)),
        attentionOutput: packer.matrix(at(.attentionOutputWeight), bias: at(.attentionOutputBias)),
        norm2: norm(at(.layerNorm2Weight), at(.layerNorm2Bias)),
        feedForwardInput: packer.matrix(at(.feedForwardInputWeight), bias: at(.feedForwardInputBias)),
        feedForwardOutput: packer.matrix(at(.feedForwardOutputWeight), bias: at(.feedForwardOutputBias)),
        scoreScale: Float(configuration.scoreScale(layer: layer)))
    }
    finalNorm = norm(Parameter(.finalLayerNormWeight), Parameter(.finalLayerNormBias))
    unembedding = packer.transposedTable(configuration.unembeddingParameter)
    tokenTable = configuration.tiesEmbeddings ? nil : packer.rows(Parameter(.tokenEmbedding))
    positionTable = packer.rows(Parameter(.positionEmbedding))
    memory = packer.memory
    self.configuration = configuration
  }

  /// Where the embedding of a token begins, and how far apart its values stand.
  func tokenEmbedding(_ token: Int) -> (first: UnsafePointer<Float>, stride: Int) {
    if let tokenTable { return (UnsafePointer(tokenTable + token * configuration.width), 1) }
    let (panel, column) = token.quotientAndRemainder(dividingBy: Kernels.panelWidth)
    return (UnsafePointer(unembedding.panels + panel * unembedding.panelStride + column), Kernels.panelWidth)
  }

  /// The embedding of a position: [D].
  func positionEmbedding(_ position: Int) -> UnsafePointer<Float> {
    UnsafePointer(positionTable + position * configuration.width)
  }
}
