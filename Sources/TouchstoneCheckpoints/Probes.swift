import TouchstoneFamilies
import TouchstoneModel

/// Models made to make faults visible, each by what its summary says that it hunts.
///
/// Few terms in every sum and many tokens: what rounding leaves of one sum is then smaller than the least bit of a
/// weight, or becomes so over all tokens. Hardly an extent is a multiple of a vector's width.
extension Preset {
  static let probes: [Preset] = [
    Preset("probe-narrow", "hunts the low bits of every weight: at most 10 terms in a sum") {
      () throws(BadInput) in
      try Configuration(
        vocabularySize: 13, contextLength: 150, width: 6, layerCount: 2, headCount: 3, feedForwardWidth: 10,
        tiesEmbeddings: false)
    },
    Preset("probe-narrow-erf", "hunts the same with GELU by the error function, embeddings tied") {
      () throws(BadInput) in
      try Configuration(
        vocabularySize: 11, contextLength: 150, width: 5, layerCount: 2, headCount: 1, feedForwardWidth: 9,
        activationFunction: .geluErf)
    },
    Preset("probe-shapes", "hunts loops that end early: no extent is a multiple of 8, heads are uneven") {
      () throws(BadInput) in
      try Configuration(
        vocabularySize: 59, contextLength: 45, width: 45, layerCount: 2, headCount: 3, feedForwardWidth: 51,
        tiesEmbeddings: false)
    },
    Preset("probe-vocabulary", "hunts ids beyond a byte", rule: halved(.probing(width: 5))) {
      () throws(BadInput) in
      try Configuration(vocabularySize: 307, contextLength: 29, width: 5, layerCount: 1, headCount: 1)
    },
    Preset(
      "probe-one-hot", "hunts every bit of the feed-forward output: one active unit for each token",
      rule: oneHot
    ) { () throws(BadInput) in
      try Configuration(
        vocabularySize: 13, contextLength: 104, width: 13, layerCount: 1, headCount: 1, feedForwardWidth: 13,
        tiesEmbeddings: false)
    },
    Preset(
      "probe-two-hot", "hunts every bit of what reads a LayerNorm: two entries of its output are not 0",
      rule: twoHot
    ) { () throws(BadInput) in
      try Configuration(
        vocabularySize: 121, contextLength: 121, width: 12, layerCount: 1, headCount: 3, feedForwardWidth: 14,
        tiesEmbeddings: false)
    },
    Preset(
      "probe-rows", "hunts epsilon and the variance: rows of standard deviation 1e-4 to 10",
      rule: rowsOfEverySize
    ) { () throws(BadInput) in
      try Configuration(vocabularySize: 37, contextLength: 37, width: 20, layerCount: 2, headCount: 2)
    },
    Preset(
      "probe-offsets", "hunts the mean: rows whose mean is 1 to 1000 times their deviation",
      rule: rowsOfEveryOffset
    ) { () throws(BadInput) in
      try Configuration(vocabularySize: 31, contextLength: 31, width: 21, layerCount: 1, headCount: 3)
    },
    Preset(
      "probe-scores", "hunts masks and exponentials: scores of −10,000 to −20,000 everywhere", rule: lowScores
    ) { () throws(BadInput) in
      try Configuration(vocabularySize: 23, contextLength: 23, width: 12, layerCount: 1, headCount: 2)
    },
    Preset(
      "probe-high-scores", "hunts small probabilities, rows that see no key: scores from −65 to 63",
      rule: highScores
    ) { () throws(BadInput) in
      try Configuration(vocabularySize: 29, contextLength: 29, width: 14, layerCount: 1, headCount: 2)
    },
  ]

  private static func halved(_ rule: WeightRule) -> WeightRule {
    var rule = rule
    rule.matrix = WeightRule.Distribution(scale: rule.matrix.scale / 2)
    return rule
  }

  /// Token i is about 16·e(i): its LayerNorm is large at i alone, and so is its unit i; GELU(−60) is exactly 0.
  private static var oneHot: WeightRule {
    var rule = WeightRule.probing(width: 13)
    rule.matrix = WeightRule.Distribution(scale: 1 / 4)
    rule.setPattern { role, row, column, random in
      switch role {
      case .tokenEmbedding: row == column ? 16 + random : 0
      // Positions move the active unit's input, so that each weight is multiplied by several numbers.
      case .positionEmbedding: random
      case .layerNorm2Weight: 1
      case .feedForwardInputWeight: row == column ? 24 : random
      case .feedForwardInputBias: -60 + random
      case .feedForwardOutputWeight: 4 * random
      case .feedForwardOutputBias: 0
      // The stream stays what the tokens are.
      case .attentionOutputWeight: random / 16
      default: random
      }
    }
    return rule
  }

  /// Token i is +a at one entry and −a at another, so that its mean is exactly 0 in every order of summation.
  ///
  /// Nothing is added to the stream. ε leaves another size of the same entry for each of seven a. Token 0 is 0.
  private static var twoHot: WeightRule {
    let width = 12
    var rule = WeightRule.probing(width: width)
    rule.setPattern { role, row, column, random in
      switch role {
      case .tokenEmbedding:
        let (first, second) = (row % width, (row + 1 + row / width) % width)
        let size = row == 0 ? 0 : Float(sign: .plus, exponent: row % 7 - 9, significand: 1)
        return column == first ? size : column == second && second != first ? -size : 0
      case .positionEmbedding, .layerNorm1Bias, .layerNorm2Bias, .finalLayerNormBias: return 0
      case .attentionInputBias, .feedForwardInputBias: return 0
      case .attentionOutputWeight, .attentionOutputBias, .feedForwardOutputWeight, .feedForwardOutputBias:
        return 0
      default: return random
      }
    }
    return rule
  }

  /// The rows of the stream keep the size of their token: what the blocks add is smaller than the smallest.
  private static var rowsOfEverySize: WeightRule {
    var rule = WeightRule.probing(width: 20)
    rule.setPattern { role, row, _, random in
      switch role {
      case .tokenEmbedding: random * Float(sign: .plus, exponent: row % 18 - 13, significand: 1)
      case .positionEmbedding, .attentionOutputBias, .feedForwardOutputBias: random * 0x1p-17
      case .attentionOutputWeight, .feedForwardOutputWeight: random * 0x1p-17
      default: random
      }
    }
    return rule
  }

  private static var rowsOfEveryOffset: WeightRule {
    var rule = WeightRule.probing(width: 21)
    rule.setPattern { role, row, _, random in
      switch role {
      case .tokenEmbedding: Float(sign: .plus, exponent: row % 11, significand: 1) + random
      case .attentionOutputWeight, .feedForwardOutputWeight: random / 16
      default: random
      }
    }
    return rule
  }

  /// All tokens are nearly one, and keys are the queries' opposites, so that every product of the two is very negative.
  private static var lowScores: WeightRule {
    let width = 12
    var rule = WeightRule.probing(width: width)
    rule.matrix = WeightRule.Distribution(scale: 1)
    rule.setPattern { role, row, column, random in
      switch role {
      case .tokenEmbedding: (column % 2 == 0 ? 1 : -1) + random / 8
      case .positionEmbedding: random / 8
      case .layerNorm1Weight: 1
      case .layerNorm1Bias: 0
      case .attentionInputWeight where column < 2 * width:
        // Query and key of a column read entry `column mod D` alone.
        row == column % width ? (column < width ? 80 : -80) + random : random / 8
      case .attentionInputBias where column < 2 * width: random
      default: random
      }
    }
    return rule
  }

  private static var highScores: WeightRule {
    let width = 14
    var rule = WeightRule.probing(width: width)
    rule.setPattern { role, _, column, random in
      role == .attentionInputWeight && column < 2 * width ? 2 * random : random
    }
    return rule
  }
}
