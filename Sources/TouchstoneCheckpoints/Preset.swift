import Foundation
import TouchstoneFamilies
import TouchstoneModel

/// A model of a known name whose weights can be synthesised.
public struct Preset: Sendable {
  /// Its name on the command line.
  public let name: String
  /// What it is for, in a few words.
  public let summary: String
  /// Its family and its shape, worked out when it is asked for: a list of presets is quick to read.
  public var architecture: Architecture { made.architecture }
  /// How large its weights are.
  public var rule: WeightRule { made.rule }
  /// What it is given where ids do not say it; nil where they do.
  let given: Given?

  private let model: @Sendable () throws(BadInput) -> (architecture: Architecture, rule: WeightRule)

  private var made: (architecture: Architecture, rule: WeightRule) {
    do {
      return try model()
    } catch {
      preconditionFailure("the preset \(name) contradicts itself: \(error)")
    }
  }

  /// Every preset, from the published sizes to the small ones.
  public static let all: [Preset] =
    published + tiny + llama + families + layerNormFamilies + encoders + otherFamilies + probes + familyProbes
    + encoderProbes + otherProbes

  /// The preset called `name`.
  ///
  /// - Throws: ``BadInput`` that lists the names there are.
  public static func named(_ name: String) throws(BadInput) -> Preset {
    guard let preset = all.first(where: { $0.name == name }) else {
      throw BadInput(
        place: "preset", problem: "there is no \(name)",
        remedy: "choose one of " + all.map(\.name).joined(separator: ", "))
    }
    return preset
  }

  /// A model of the GPT-2 form.
  init(
    _ name: String, _ summary: String, rule: WeightRule? = nil,
    _ configuration: @escaping @Sendable () throws(BadInput) -> Configuration
  ) {
    self.init(name: name, summary: summary) { () throws(BadInput) in
      let configuration = try configuration()
      return (Architecture(configuration), rule ?? .probing(width: configuration.width))
    }
  }

  /// A model of the family that a `config.json` names.
  init(
    _ name: String, _ summary: String, width: Int, given: Given? = nil, huggingFaceJSON text: String
  ) {
    self.init(name, summary, rule: .probing(width: width), given: given, huggingFaceJSON: text)
  }

  /// The same with weights of its own.
  init(
    _ name: String, _ summary: String, rule: WeightRule, given: Given? = nil, huggingFaceJSON text: String
  ) {
    self.init(name: name, summary: summary, given: given) { () throws(BadInput) in
      (try Architecture(huggingFaceJSON: Data(text.utf8), file: name), rule)
    }
  }

  private init(
    name: String, summary: String, given: Given? = nil,
    model: @escaping @Sendable () throws(BadInput) -> (architecture: Architecture, rule: WeightRule)
  ) {
    self.name = name
    self.summary = summary
    self.given = given
    self.model = model
  }

  /// The four sizes of GPT-2 (Radford 2019) and the largest of GPT-3 (Brown 2020, table 2.1).
  ///
  /// GPT-3's alternation of dense and banded attention is not modelled.
  private static let published = [
    published("gpt2-124m", "GPT-2 small, 124 M parameters", width: 768, layers: 12, heads: 12),
    published("gpt2-medium", "GPT-2 medium, 355 M parameters", width: 1024, layers: 24, heads: 16),
    published("gpt2-large", "GPT-2 large, 774 M parameters", width: 1280, layers: 36, heads: 20),
    published("gpt2-xl", "GPT-2 XL, 1.6 G parameters", width: 1600, layers: 48, heads: 25),
    published("gpt3", "GPT-3, 175 G parameters", context: 2048, width: 12288, layers: 96, heads: 96),
  ]

  private static func published(
    _ name: String, _ summary: String, context: Int = 1024, width: Int, layers: Int, heads: Int
  ) -> Preset {
    Preset(name, summary, rule: .published) { () throws(BadInput) in
      try Configuration(
        vocabularySize: 50257, contextLength: context, width: width, layerCount: layers, headCount: heads)
    }
  }

  /// Small models, each odd in one way, whose weights let faults show.
  ///
  /// Hardly an extent is a multiple of a vector's width, so that the ends of loops are reached.
  private static let tiny = [
    Preset("tiny-heads1", "every head is one value wide") { () throws(BadInput) in
      try Configuration(
        vocabularySize: 29, contextLength: 16, width: 6, layerCount: 2, headCount: 6, feedForwardWidth: 23)
    },
    Preset("tiny-odd", "five heads of width 7") { () throws(BadInput) in
      try Configuration(
        vocabularySize: 53, contextLength: 19, width: 35, layerCount: 2, headCount: 5, feedForwardWidth: 43)
    },
    Preset("tiny-vocab3", "a vocabulary of three") { () throws(BadInput) in
      try Configuration(vocabularySize: 3, contextLength: 11, width: 10, layerCount: 2, headCount: 2)
    },
    Preset("tiny-prime", "every extent is prime") { () throws(BadInput) in
      try Configuration(
        vocabularySize: 97, contextLength: 17, width: 37, layerCount: 2, headCount: 1, feedForwardWidth: 41)
    },
    Preset("tiny-epsilon", "LayerNorm epsilon 1e-3, embeddings small beside it", rule: smallEmbeddings) {
      () throws(BadInput) in
      try Configuration(
        vocabularySize: 31, contextLength: 13, width: 21, layerCount: 2, headCount: 3, layerNormEpsilon: 1e-3)
    },
    Preset("tiny-large", "large values in the residual stream", rule: largeStream) { () throws(BadInput) in
      try Configuration(
        vocabularySize: 37, contextLength: 13, width: 22, layerCount: 2, headCount: 2, tiesEmbeddings: false)
    },
    Preset("tiny-offset", "rows whose mean is far from 0", rule: offsetStream) { () throws(BadInput) in
      try Configuration(vocabularySize: 41, contextLength: 13, width: 26, layerCount: 2, headCount: 2)
    },
    Preset("tiny-erf", "GELU by the error function") { () throws(BadInput) in
      try Configuration(
        vocabularySize: 43, contextLength: 13, width: 27, layerCount: 2, headCount: 3,
        activationFunction: .geluErf)
    },
    Preset("tiny-relu", "ReLU instead of GELU") { () throws(BadInput) in
      try Configuration(
        vocabularySize: 47, contextLength: 13, width: 30, layerCount: 2, headCount: 5,
        activationFunction: .relu)
    },
    Preset("tiny-untied", "an unembedding of its own") { () throws(BadInput) in
      try Configuration(
        vocabularySize: 59, contextLength: 13, width: 33, layerCount: 2, headCount: 3, feedForwardWidth: 39,
        tiesEmbeddings: false)
    },
    Preset("tiny-layer-scale", "scores divided by the layer's number too") { () throws(BadInput) in
      try Configuration(
        vocabularySize: 23, contextLength: 13, width: 20, layerCount: 3, headCount: 4, feedForwardWidth: 45,
        scalesScoresByLayer: true)
    },
    Preset("tiny-unscaled", "scores not divided by the root of the head width", rule: halfMatrices) {
      () throws(BadInput) in
      try Configuration(
        vocabularySize: 19, contextLength: 13, width: 18, layerCount: 2, headCount: 2, scalesScores: false)
    },
  ]

  private static var smallEmbeddings: WeightRule {
    var rule = WeightRule.probing(width: 21)
    rule.tokenEmbedding = WeightRule.Distribution(scale: 1 / 2)
    rule.positionEmbedding = WeightRule.Distribution(scale: 1 / 16)
    return rule
  }

  /// A few hundred in the first layer and thousands after it, as trained models have at some positions.
  private static var largeStream: WeightRule {
    var rule = WeightRule.probing(width: 22)
    rule.tokenEmbedding = WeightRule.Distribution(scale: 512)
    rule.positionEmbedding = WeightRule.Distribution(scale: 512)
    // What the feed-forward block adds to the stream: on [−4096, 4096).
    rule.setPattern { role, _, _, random in role == .feedForwardOutputBias ? 32768 * random : random }
    return rule
  }

  /// Scores would be nearly all or nothing otherwise.
  private static var halfMatrices: WeightRule {
    var rule = WeightRule.probing(width: 18)
    rule.matrix = WeightRule.Distribution(scale: rule.matrix.scale / 2)
    return rule
  }

  /// Mean over standard deviation about 100, where a variance in one pass loses digits.
  private static var offsetStream: WeightRule {
    var rule = WeightRule.probing(width: 26)
    rule.positionEmbedding = WeightRule.Distribution(base: 64, scale: 1)
    return rule
  }
}
