import Foundation
import TouchstoneFamilies
import TouchstoneFiles
import TouchstoneGraph
import TouchstoneModel

/// A model of any family as Hugging Face stores it: a folder with `config.json` and safetensors.
///
/// The tensors stay in their files, mapped into memory; the mapping ends with the last tensor that uses it. The
/// files must not be shortened meanwhile.
public struct Checkpoint: Sendable {
  /// The family, and the graph of the model.
  public let architecture: Architecture
  /// Its learned tensors.
  public let weights: Weights

  /// Opens the checkpoint in `directory`.
  ///
  /// Reads `model.safetensors`, or else the shards that `model.safetensors.index.json` names. float32, float16,
  /// bfloat16 and float64 tensors are read, under names with or without the family's root (`transformer.`, `model.`),
  /// and under those that wrappers give them (`_orig_mod.`, `module.`, any one prefix before all of them); buffers that
  /// hold no parameters are ignored whatever their type.
  ///
  /// - Throws: ``BadInput`` for a folder, a file, a field or a tensor that is missing, malformed or not of
  ///   the family.
  public init(directory: URL) throws(BadInput) {
    let folder = try CheckpointFolder(directory)
    architecture = try Architecture(folder: folder)
    let files = try folder.safetensors()
    var origin = [String: String]()
    do {
      let (tensors, places) = try Self.tensors(for: architecture, in: files)
      origin = places
      weights = try Weights(graph: architecture.graph, names: architecture.family.tensors, tensors: tensors)
    } catch {
      throw error.inFile(error.place.flatMap { origin[$0] } ?? directory.path)
    }
  }

  /// Opens a checkpoint: a folder as ``init(directory:)`` reads it, or a GGUF file.
  ///
  /// - Throws: ``BadInput`` as ``init(directory:)`` does, and for a GGUF file that is malformed or of no family here.
  public init(at place: URL) throws(BadInput) {
    guard CheckpointFolder.isFile(place) else {
      try self.init(directory: place)
      return
    }
    try self.init(GGUFCheckpoint(place))
  }

  private init(_ file: GGUFCheckpoint) throws(BadInput) {
    architecture = try Architecture(huggingFaceJSON: file.configText, file: file.path)
    do throws(BadInput) {
      weights = try Weights(
        graph: architecture.graph, names: architecture.family.tensors, tensors: try file.tensors())
    } catch {
      throw error.inFile(file.path)
    }
  }

  /// The tensors of all files by their full names, and the file that each comes from.
  private static func tensors(
    for architecture: Architecture, in files: [SafetensorsFile]
  ) throws(BadInput) -> ([String: StoredTensor], [String: String]) {
    let (graph, family) = (architecture.graph, architecture.family.tensors)
    let needed = graph.parameters.map(\.name)
    let names: StoredNames
    do {
      names = try StoredNames(files.lazy.flatMap(\.entries.keys), needed: needed, root: family.root)
    } catch {
      throw error.inFile(files.first?.path ?? "")
    }
    let isNeeded = Set(needed).contains
    var tensors = [String: StoredTensor]()
    var origin = [String: String]()
    for file in files {
      let fullNames = family.fullNames(ofStored: Set(file.entries.keys.map(names.plain)), in: graph)
      for (name, entry) in file.entries.sorted(by: { $0.key < $1.key }) {
        let plain = names.plain(name)
        let fullName = fullNames[plain] ?? plain
        if let first = origin.updateValue(file.path, forKey: fullName) {
          throw BadInput(
            file: file.path, place: name, problem: "is stored twice, the other time in \(first)",
            remedy: "keep one of the two")
        }
        if let tensor = file.tensor(entry) {
          tensors[fullName] = tensor
        } else if isNeeded(fullName) {
          throw BadInput(
            file: file.path, place: name, problem: "has the type \(entry.type), which is not supported",
            remedy: "convert the model to F32, F16, BF16 or F64")
        }
      }
    }
    // What leaves out tensors that are shared may keep either name of one.
    for (other, name) in family.ties where isNeeded(name) && !isNeeded(other) && origin[name] == nil {
      guard let tensor = tensors.removeValue(forKey: other) else { continue }
      tensors[name] = tensor
      origin[name] = origin[other]
    }
    let missing = needed.filter { origin[$0] == nil }
    if !missing.isEmpty {
      throw Replacement.refusal(missing: missing, needed: needed, stored: origin.keys)
    }
    return (tensors, origin)
  }
}

extension Architecture {
  /// Reads `config.json` in the folder of a model, whether or not the weights are there.
  ///
  /// - Throws: ``BadInput`` for a folder, a file or a field that is missing or malformed.
  public init(directory: URL) throws(BadInput) {
    try self.init(folder: CheckpointFolder(directory))
  }

  /// Reads the configuration of a folder, or of a GGUF file.
  ///
  /// - Throws: ``BadInput`` for a folder, a file or a field that is missing or malformed.
  public init(at place: URL) throws(BadInput) {
    guard CheckpointFolder.isFile(place) else {
      try self.init(directory: place)
      return
    }
    try self.init(huggingFaceJSON: GGUFCheckpoint(place).configText, file: place.path)
  }

  /// Configurations have about a kilobyte; some list thousands of labels.
  private static let greatestFileSize = 16 << 20

  fileprivate init(folder: CheckpointFolder) throws(BadInput) {
    let file = folder.file("config.json").path
    let text = try SmallFile.read(file, greatest: Self.greatestFileSize)
    let stored = Set(((try? folder.safetensors()) ?? []).flatMap(\.entries.keys))
    try self.init(huggingFaceJSON: text, file: file, stores: stored.contains)
  }
}

extension Configuration {
  /// Reads `config.json` in the folder of a model of the GPT-2 form, whether or not the weights are there.
  ///
  /// - Throws: ``BadInput`` for a folder, a file or a field that is missing or malformed, and for another family.
  public init(directory: URL) throws(BadInput) {
    let architecture = try Architecture(directory: directory)
    do {
      try self.init(architecture.graph)
    } catch {
      throw error.inFile(directory.path)
    }
  }
}
