import Foundation
import TouchstoneCheckpoints
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneTokenizer

/// A model as the verbs use it, in a folder or in a GGUF file.
struct LoadedModel {
  let directory: URL
  let architecture: Architecture
  let weights: Weights

  /// Opens the checkpoint in a folder.
  init(_ path: String) throws(BadInput) {
    directory = URL(filePath: path, directoryHint: .isDirectory)
    let checkpoint = try Checkpoint(at: directory)
    architecture = checkpoint.architecture
    weights = checkpoint.weights
  }

  /// The tokenizer beside the weights, whose ids must all be in the model's vocabulary.
  func tokenizer() throws(BadInput) -> Tokenizer {
    let tokenizer = try Tokenizer(at: directory.path)
    let count = weights.graph.idCount(of: .tokenIDs) ?? 0
    guard tokenizer.vocabularySize <= count else {
      throw BadInput(
        file: directory.path,
        problem:
          "the tokenizer has \(tokenizer.vocabularySize) ids, the model \(count)",
        remedy: "use the tokenizer of this model")
    }
    return tokenizer
  }
}
