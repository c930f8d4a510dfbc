import TouchstoneFaults
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel

/// Small models of odd shapes and sequences to run through them.
struct Sample: Sendable, CustomStringConvertible {
  let kind: SyntheticModel
  let seed: UInt64
  let width: Int
  let headCount: Int
  let tokenCount: Int
  let activationFunction: ActivationFunction.Function
  let attentionMask: [Bool]?

  static let all: [Sample] = [
    Sample(
      kind: .initialised, seed: 1, width: 35, headCount: 5, tokenCount: 11, activationFunction: .geluTanh,
      attentionMask: nil),
    Sample(
      kind: .probing, seed: 2, width: 44, headCount: 4, tokenCount: 13, activationFunction: .geluErf,
      attentionMask: nil),
    Sample(
      kind: .trainedLike, seed: 3, width: 51, headCount: 3, tokenCount: 9, activationFunction: .geluTanh,
      attentionMask: [true, true, true, false, true, true, true, true, true]),
    Sample(
      kind: .probing, seed: 4, width: 6, headCount: 6, tokenCount: 5, activationFunction: .relu,
      attentionMask: [false, true, true, true, true]),
    Sample(
      kind: .probing, seed: 5, width: 7, headCount: 1, tokenCount: 1, activationFunction: .geluTanh,
      attentionMask: nil),
  ]

  /// Where every fault is visible.
  static let visible = all[1]

  var description: String { "\(kind) \(width)x\(headCount), \(tokenCount) tokens, seed \(seed)" }

  func weights() throws -> Weights {
    let configuration = try Configuration(
      vocabularySize: 53, contextLength: 19, width: width, layerCount: 2, headCount: headCount,
      activationFunction: activationFunction, tiesEmbeddings: seed % 2 == 0)
    return try kind.weights(configuration, seed: seed)
  }

  func inputs(_ graph: Graph) throws -> Inputs {
    try Inputs(
      tokenIDs: (0..<tokenCount).map { ($0 * 7 + 3) % 53 }, attentionMask: attentionMask,
      graph: graph)
  }
}
