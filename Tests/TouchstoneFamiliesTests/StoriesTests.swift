import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// A small Llama that others trained, where it lies beside the checkout.
@Suite struct StoriesTests {
  private static let folder = URL(fileURLWithPath: #filePath)
    .appendingPathComponent("../../../../shared/data/third-party-weights/stories260K/hf").standardizedFileURL

  /// Without a tokenizer: the model must know what it was trained on, which a wrong rotation or norm spoils.
  @Test(
    .enabled(
      if: FileManager.default.fileExists(atPath: folder.path),
      "the model is not bundled; it is not beside the checkout"))
  func greedyTokensAreHuggingFaces() throws {
    let weights = try Checkpoint(directory: Self.folder).weights
    var tokens = [1]
    while tokens.count <= StoriesTests.expected.count {
      let inputs = try Inputs(tokenIDs: tokens, graph: weights.graph)
      Executor(weights, inputs).run { activation, logits in
        guard activation == weights.graph.results.logits else { return }
        let last = logits.row(tokens.count - 1)
        let best = last.indices.max { last[$0] < last[$1] } ?? last.startIndex
        tokens.append(best - last.startIndex)
      }
    }
    #expect(Array(tokens.dropFirst()) == Self.expected)
  }

  /// What `transformers` 5.24.0 generates greedily behind the token 1, in float64.
  private static let expected: [Int] = [
    403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396, 267, 337, 410,
    408, 419, 292,
  ]
}
