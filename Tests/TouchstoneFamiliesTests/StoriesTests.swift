import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneSIMD

private let storiesFolder = URL(fileURLWithPath: #filePath)
  .appendingPathComponent("../../../../shared/data/third-party-weights/stories260K/hf").standardizedFileURL

/// A small Llama that others trained, where it lies beside the checkout.
///
/// Without a tokenizer: the model must know what it was trained on, which a wrong rotation or norm spoils.
@Suite(
  .enabled(
    if: FileManager.default.fileExists(atPath: storiesFolder.path),
    "the model is not bundled; it is not beside the checkout"))
struct StoriesTests {
  /// The greatest logit behind each token is the token that follows: what generating one after the other gives.
  @Test func greedyTokensOfTheReferenceAreHuggingFaces() throws {
    let weights = try Checkpoint(directory: storiesFolder).weights
    let inputs = try Inputs(tokenIDs: [1] + Self.expected.dropLast(), graph: weights.graph)
    var tokens: [Int] = []
    Executor(weights, inputs).run { activation, logits in
      guard activation == weights.graph.results.logits else { return }
      tokens = (0..<inputs.count).map { logits.row($0).greatestColumn }
    }
    #expect(tokens == Self.expected)
  }

  /// Token by token, with its cache.
  @Test func greedyTokensOfTheFastImplementationAreHuggingFaces() throws {
    var predictor = try SIMDTransformer(weights: try Checkpoint(directory: storiesFolder).weights)
    var sampler = Sampler(options: try SamplingOptions(temperature: 0), seed: 0)
    var tokens: [Int] = []
    let ending = try Generation(maximumTokens: Self.expected.count).run(
      prompt: [1], predictor: &predictor, sampler: &sampler
    ) { event in
      if case .token(let token) = event { tokens.append(token) }
    }
    #expect(ending == .maximumReached)
    #expect(tokens == Self.expected)
  }

  /// What `transformers` 5.24.0 generates greedily behind the token 1, in float32 and in float64 alike; the two best
  /// logits are nowhere nearer than 0.0041.
  private static let expected: [Int] = [
    403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396, 267, 337, 410,
    408, 419, 292, 411, 322, 265, 282, 295, 433, 426, 385, 328, 432, 358, 394, 261, 370, 432, 352, 266, 268,
    388, 426, 338, 391, 266, 267, 337, 335, 312, 432, 398, 312, 286, 267, 414, 270, 333, 415, 426, 13, 438,
    310, 439, 419, 357, 336, 432, 313, 438, 310, 432, 278, 316, 439, 419, 298, 414, 267, 265, 282, 295, 433,
    426, 436, 317, 286, 296, 418, 269, 279, 292, 416, 439, 413, 409, 416, 327, 263, 415, 294, 267, 400, 426,
    338, 336, 432, 313, 442, 391, 267, 337, 335, 364, 420, 268, 388, 432, 398, 359, 280, 303, 439, 413, 272,
    417, 264, 312, 426, 436, 13, 438, 310, 286, 296, 418, 269, 279, 292, 416, 439, 413, 409, 416, 327, 263,
    415, 294, 267, 400, 426, 338, 336, 432, 313, 442, 439, 423, 262, 304, 420, 422, 432, 317, 426, 359, 279,
    292, 416, 439, 413, 409, 416, 327, 263, 415, 294, 267, 400, 426, 436, 13, 438, 310, 279, 292, 416, 439,
    413, 391, 267, 281, 421, 427, 311, 357, 432, 384, 358,
  ]
}

extension ArraySlice<Double> {
  /// The place of the greatest.
  fileprivate var greatestColumn: Int { (indices.max { self[$0] < self[$1] } ?? startIndex) - startIndex }
}
