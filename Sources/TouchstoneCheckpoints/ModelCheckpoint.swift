import Foundation
import TouchstoneFamilies
import TouchstoneGraph

/// A model of any family as Hugging Face stores it: a folder with `config.json` and safetensors.
///
/// The tensors stay in their files, mapped into memory; the mapping ends with the last tensor that uses it. The files
/// must not be shortened meanwhile.
public struct ModelCheckpoint: Sendable {
  /// The family and the graph.
  public let architecture: Architecture
  /// The learned tensors.
  public let weights: Weights

  /// Opens the checkpoint in `directory`.
  ///
  /// Reads `model.safetensors`, or else the shards that `model.safetensors.index.json` names; float32, float16,
  /// bfloat16 and float64 tensors, under names with or without the family's root. Buffers that hold no parameters are
  /// ignored whatever their type.
  ///
  /// - Throws: ``BadInput`` for a folder, a file, a field or a tensor that is missing, malformed or not of the family.
  public init(directory: URL) throws(BadInput) {
    let folder = try CheckpointFolder(directory)
    let config = folder.file("config.json")
    architecture = try Architecture(huggingFaceJSON: MappedFile.contents(of: config), file: config.path)
    let files = try folder.safetensors()
    let (tensors, origin) = try Self.tensors(for: architecture, in: files)
    do {
      weights = try Weights(graph: architecture.graph, names: architecture.family.tensors, tensors: tensors)
    } catch {
      throw error.inFile(error.place.flatMap { origin[$0] } ?? directory.path)
    }
  }

  /// The tensors of all files by their full names, and the file that each comes from.
  private static func tensors(
    for architecture: Architecture, in files: [SafetensorsFile]
  ) throws(BadInput) -> ([String: StoredTensor], [String: String]) {
    let (graph, names) = (architecture.graph, architecture.family.tensors)
    let needed = Set(graph.parameters.map(\.name))
    var tensors = [String: StoredTensor]()
    var origin = [String: String]()
    for file in files {
      let fullNames = names.fullNames(ofStored: file.entries.keys, in: graph)
      for (name, entry) in file.entries.sorted(by: { $0.key < $1.key }) {
        let fullName = fullNames[name] ?? name
        if let first = origin.updateValue(file.path, forKey: fullName) {
          throw BadInput(
            file: file.path, place: name, problem: "is stored twice, the other time in \(first)",
            remedy: "keep one of the two")
        }
        if let tensor = file.tensor(entry) {
          tensors[fullName] = tensor
        } else if needed.contains(fullName) {
          throw BadInput(
            file: file.path, place: name, problem: "has the type \(entry.type), which is not supported",
            remedy: "convert the model to F32, F16, BF16 or F64")
        }
      }
    }
    return (tensors, origin)
  }
}
