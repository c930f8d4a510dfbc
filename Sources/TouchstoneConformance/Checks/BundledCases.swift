import Foundation
import TouchstoneCheckpoints
import TouchstoneGraph
import TouchstoneModel
import TouchstoneProperties

/// A model and a sequence for it that come with this module: what `golden/record.sh` records, without a file.
struct BundledCase: Sendable {
  /// Where the weights come from.
  enum Origin: Sendable {
    /// A folder of `golden/models` in the checkout of this package.
    case folder(String)
    /// A preset, whose weights follow from its name.
    case preset(String)
  }

  let name: String
  let origin: Origin
  let tokens: [Int]
  var positions: [Int]?
  /// The keys that nobody may attend to.
  var masked: Set<Int> = []
  /// Which of several texts each token belongs to; nil for one text.
  var types: [Int]?
  /// What the encoder reads, in a model that has one.
  var read: Source?

  /// A source that an encoder reads.
  struct Source: Sendable {
    let tokens: [Int]
    var masked: Set<Int> = []
  }

  /// The model's parameters.
  ///
  /// - Throws: `BadInput` when a folder is not there.
  func weights() throws -> Weights {
    switch origin {
    case .preset(let name):
      let preset = try Preset.named(name)
      return try Synthesizer.weights(preset).listening(by: preset.frontEnd)
    case .folder(let name):
      return try Checkpoint(directory: Self.models.appending(path: name)).weights
    }
  }

  /// The sequence; or what the preset is given where that is more than ids.
  func inputs(_ graph: Graph) throws -> Inputs {
    if case .preset(let name) = origin, let given = try Synthesizer.inputs(of: Preset.named(name)) {
      return given
    }
    func mask(_ count: Int, _ masked: Set<Int>) -> [Bool]? {
      masked.isEmpty ? nil : (0..<count).map { !masked.contains($0) }
    }
    return try Inputs(
      tokenIDs: tokens, positionIDs: positions, attentionMask: mask(tokens.count, masked),
      tokenTypeIDs: types,
      source: read.map { read in
        try Inputs.source(
          tokenIDs: read.tokens, attentionMask: mask(read.tokens.count, read.masked), graph: graph)
      }, graph: graph)
  }

  private static let models = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "golden/models")

  /// The check of an engine on it.
  func check(_ kind: ConformanceCheck.Kind) -> ConformanceCheck {
    ConformanceCheck(kind, name) { engine in
      let weights = try weights()
      return try engine.outcome(
        "\(kind) \(name)", weights: weights, inputs: inputs(weights.graph))
    }
  }
}

extension ConformanceCheck {
  /// A trained model on real text, and small models that are each odd in one way: `golden/cases`.
  public static let goldens = BundledCase.goldens.map { $0.check(.golden) }

  /// Models made so that faults show in them, down to the last bit of a weight: `golden/probes`.
  public static let probes = BundledCase.probes.map { $0.check(.probe) }
}

extension BundledCase {
  /// `golden/cases`.
  static let goldens = gpt2AndLlama + families + encoders + otherFamilies

  private static let gpt2AndLlama = [
    shakespeare("one-token", [46]),
    shakespeare("short", [49, 46, 44, 36, 46, 25, 198, 449, 11, 365, 69, 83, 0, 435, 357, 350]),
    shakespeare(
      "unicode",
      [
        127, 242, 415, 301, 127, 102, 78, 11, 461, 264, 69, 370, 220, 162, 226, 249, 220, 172, 253, 234,
        117, 281, 64, 127, 107, 294, 220, 158, 222, 241, 220, 158, 222, 250, 82, 78, 69, 83, 158, 222,
        251, 30, 198,
      ]),
    BundledCase(
      name: "shakespeare-padded", origin: .folder("shakespeare-gpt2"),
      tokens: [37, 314, 297, 417, 274, 72, 89, 280, 25, 198, 33, 68, 69, 370],
      positions: [0, 0, 0, 1, 2, 3, 4, 4, 4, 5, 6, 7, 7, 8], masked: [0, 1, 6, 7, 11]),
    shakespeare(
      "full-context",
      [
        37, 314, 297, 417, 274, 72, 89, 280, 25, 198, 33, 68, 69, 370, 331, 288, 369, 306, 315, 403, 88,
        271, 361, 83, 335, 11, 292, 283, 320, 412, 383, 74, 13, 198, 198, 32, 273, 25, 198, 50, 79, 383,
        74, 11, 412, 383, 74, 13, 198, 198, 37, 314, 297, 417, 274, 72, 89, 280, 25, 198, 56, 259, 429,
        397, 353, 82, 488, 294, 67, 220, 81, 303, 335, 287, 276, 480, 256, 408, 287, 271, 386, 269, 71,
        30, 198, 198, 32, 273, 25, 198, 49, 278, 488, 294, 67, 13, 353, 82, 488, 294, 67, 13, 198, 198,
        37, 314, 297, 417, 274, 72, 89, 280, 25, 198, 37, 314, 297, 11, 289, 505, 417, 64, 72, 387, 450,
        283, 66, 72,
      ]),
    BundledCase(
      name: "gpt2-odd-a", origin: .folder("gpt2-odd-a"),
      tokens: [0, 100, 50, 7, 7, 7, 99, 1, 64, 33, 2, 81, 18, 5, 77, 42, 13, 90, 3]),
    tiny("heads1", [0, 28, 14, 7, 3, 21, 11, 5, 5, 17, 26, 2, 9, 19, 1, 23]),
    tiny("odd", [52, 0, 26, 13, 39, 6, 45, 19, 32, 8, 50, 3, 28, 11, 41, 17, 36, 22, 1]),
    tiny("vocab3", [0, 1, 2, 2, 1, 0, 0, 2, 1, 1, 2]),
    tiny(
      "prime", [96, 0, 48, 24, 72, 12, 60, 36, 84, 6, 54, 30, 78, 18, 66, 42, 90], masked: [3, 6, 11, 12]),
    tiny("epsilon", [30, 0, 15, 7, 22, 3, 18, 11, 26, 1, 13, 5, 20]),
    tiny("large", [36, 0, 18, 9, 27, 4, 22, 13, 31, 2, 16, 6, 25]),
    tiny("offset", [40, 0, 20, 10, 30, 5, 25, 15, 35, 2, 22, 12, 32]),
    tiny("erf", [42, 0, 21, 10, 31, 5, 26, 15, 36, 2, 23, 12, 33]),
    tiny("relu", [46, 0, 23, 11, 34, 5, 28, 17, 40, 2, 25, 14, 37]),
    tiny("untied", [58, 0, 29, 14, 43, 7, 36, 21, 50, 3, 32, 17, 46], masked: [0, 5]),
    tiny("layer-scale", [22, 0, 11, 5, 16, 2, 13, 8, 19, 1, 12, 6, 17]),
    tiny("unscaled", [18, 0, 9, 4, 13, 2, 11, 6, 15, 1, 10, 5, 14]),
    tiny("llama3", ids(45, of: 67)),
    BundledCase(
      name: "tiny-llama-yarn", origin: .preset("tiny-llama-yarn"), tokens: ids(40, of: 59),
      positions: [
        0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 14, 15, 16, 17, 18, 19, 20, 21, 22,
        23, 24, 25, 26, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,
      ], masked: [0, 1, 17, 30]),
  ]

  /// `golden/probes`.
  static let probes = gpt2Probes + familyProbes + otherProbes

  private static let gpt2Probes = [
    probe("narrow", ids(150, of: 13), masked: [7, 40]),
    probe("narrow-erf", ids(150, of: 11)),
    probe("shapes", ids(45, of: 59), masked: [3, 21]),
    probe(
      "vocabulary",
      [
        306, 256, 257, 300, 260, 299, 271, 303, 0, 255, 128, 64, 290, 280, 305, 301, 264, 258, 302, 304, 11,
        270, 285,
      ]),
    probe("one-hot", ids(104, of: 13)),
    probe("two-hot", ids(121, of: 121)),
    probe("rows", ids(37, of: 37)),
    probe("offsets", ids(31, of: 31)),
    probe("scores", ids(23, of: 23), masked: [1, 2, 3, 9, 22]),
    probe("high-scores", ids(29, of: 29), masked: [0, 1, 12]),
  ]

  private static func shakespeare(_ name: String, _ tokens: [Int]) -> BundledCase {
    BundledCase(name: "shakespeare-" + name, origin: .folder("shakespeare-gpt2"), tokens: tokens)
  }

  /// A model of `golden/cases` that is made from its name; without tokens where its inputs follow from that, too.
  static func tiny(
    _ name: String, _ tokens: [Int] = [], types: [Int]? = nil, masked: Set<Int> = [],
    reading read: Source? = nil
  ) -> BundledCase {
    preset("tiny-" + name, tokens, types: types, masked: masked, reading: read)
  }

  /// A model of `golden/probes`.
  static func probe(
    _ name: String, _ tokens: [Int] = [], at positions: [Int]? = nil, types: [Int]? = nil,
    masked: Set<Int> = [], reading read: Source? = nil
  ) -> BundledCase {
    preset("probe-" + name, tokens, at: positions, types: types, masked: masked, reading: read)
  }

  private static func preset(
    _ name: String, _ tokens: [Int], at positions: [Int]? = nil, types: [Int]?, masked: Set<Int>,
    reading read: Source?
  ) -> BundledCase {
    BundledCase(
      name: name, origin: .preset(name), tokens: tokens, positions: positions, masked: masked, types: types,
      read: read)
  }

  /// `count` ids of a vocabulary, each in turn.
  static func ids(_ count: Int, of vocabularySize: Int) -> [Int] {
    (0..<count).map { $0 * 5 % vocabularySize }
  }
}
