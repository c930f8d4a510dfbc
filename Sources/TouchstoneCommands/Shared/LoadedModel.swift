import Foundation
import TouchstoneCheckpoints
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneTokenizer

/// A model as the verbs use it, in a folder or in a GGUF file.
struct LoadedModel {
  let directory: URL
  let architecture: Architecture
  private(set) var weights: Weights
  /// How samples are cut that it hears; nil where it hears none.
  private(set) var frontEnd: FrontEnd?

  /// Opens the checkpoint in a folder.
  init(_ path: String) throws(BadInput) {
    directory = URL(filePath: path, directoryHint: .isDirectory)
    let checkpoint = try Checkpoint(at: directory)
    architecture = checkpoint.architecture
    weights = checkpoint.weights
  }

  /// The model as goldens have it.
  func recorded() throws(BadInput) -> RecordedModel {
    try RecordedModel(architecture).listening(by: frontEnd)
  }

  /// The same model that makes its features itself, of samples; itself where no front end is given.
  func listening(by frontEnd: FrontEnd?) throws(BadInput) -> LoadedModel {
    var model = self
    model.frontEnd = frontEnd
    model.weights = try weights.listening(by: frontEnd)
    return model
  }

  /// The same model as it hears a WAV file, and what it hears.
  ///
  /// - Throws: ``BadInput`` for a model that hears nothing, a file that is no sound, or one of another rate.
  func hearing(_ path: String) throws(BadInput) -> (model: LoadedModel, source: Inputs) {
    let settings = try FrontEndSettings(at: directory)
    let model = try listening(by: settings.frontEnd)
    let sound = try settings.sound(at: path, mels: model.weights.graph.hearing?.mels ?? 0)
    do throws(BadInput) {
      return (model, try Inputs.source(sound, graph: model.weights.graph))
    } catch {
      throw error.inFile(path)
    }
  }

  /// The tokenizer beside the weights, whose ids must all be in the model's vocabulary.
  func tokenizer() throws(BadInput) -> Tokenizer {
    if let array = weights.graph.arrays.first {
      throw BadInput(
        file: directory.path, problem: "is a model that reads \(array.rawValue), and no text",
        remedy: "record what it makes of a file by `touchstone record --inputs FILE.h5`")
    }
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
