import Foundation
import TouchstoneCheckpoints
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneTokenizer

/// A model folder as the verbs use it.
struct LoadedModel {
  let directory: URL
  let weights: Weights

  /// Opens the checkpoint in a folder.
  init(_ path: String) throws(BadInput) {
    directory = URL(filePath: path, directoryHint: .isDirectory)
    weights = try Checkpoint(directory: directory).weights
  }

  var configuration: Configuration { weights.configuration }

  /// The tokenizer beside the weights, whose ids must all be in the model's vocabulary.
  func tokenizer() throws(BadInput) -> Tokenizer {
    let tokenizer = try Tokenizer(folder: directory.path)
    guard tokenizer.vocabularySize <= configuration.vocabularySize else {
      throw BadInput(
        file: directory.path,
        problem:
          "the tokenizer has \(tokenizer.vocabularySize) ids, the model \(configuration.vocabularySize)",
        remedy: "use the tokenizer of this model")
    }
    return tokenizer
  }
}
