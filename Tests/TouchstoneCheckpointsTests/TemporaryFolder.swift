import Foundation
import TouchstoneCheckpoints
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel

/// A folder of a test's own, removed with it.
final class TemporaryFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("touchstone-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func file(_ name: String) -> URL { url.appendingPathComponent(name) }

  func write(_ text: String, to name: String) throws { try Data(text.utf8).write(to: file(name)) }

  var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
  }

  /// Opens the folder as a checkpoint.
  func checkpoint() throws(BadInput) -> Checkpoint { try Checkpoint(directory: url) }
}

/// A model of one block, small enough to be written a thousand times.
enum SmallModel {
  static func configuration(tied: Bool = true) throws -> Configuration {
    try Configuration(
      vocabularySize: 3, contextLength: 2, width: 2, layerCount: 1, headCount: 1, feedForwardWidth: 3,
      tiesEmbeddings: tied)
  }

  static func weights(tied: Bool = true) throws -> Weights {
    try Synthesizer.weights(configuration: configuration(tied: tied), seed: 7)
  }

  /// The tensors by name, in another type where one is asked for.
  static func tensors(as type: ScalarType = .float32, tied: Bool = true) throws -> [String: StoredTensor] {
    let weights = try weights(tied: tied)
    return Dictionary(
      uniqueKeysWithValues: weights.stored.map { ($0, $1.converted(to: type)) })
  }

  /// Writes `config.json` and, unless there are none, the tensors in one file.
  static func write(
    _ tensors: [String: StoredTensor]?, tied: Bool = true, to folder: TemporaryFolder
  ) throws {
    try folder.write(configuration(tied: tied).huggingFaceJSON, to: "config.json")
    if let tensors {
      try SafetensorsWriter.write(tensors, to: folder.file("model.safetensors"))
    }
  }
}

extension StoredTensor {
  /// The same values rounded to `type`; bfloat16 by truncation.
  func converted(to type: ScalarType) -> StoredTensor {
    let values = float32().values
    let bytes =
      switch type {
      case .float64: values.map(Double.init).withUnsafeBytes { Data($0) }
      case .float32: values.withUnsafeBytes { Data($0) }
      case .float16: values.map { Float16($0) }.withUnsafeBytes { Data($0) }
      case .bfloat16: values.map { UInt16($0.bitPattern >> 16) }.withUnsafeBytes { Data($0) }
      }
    return StoredTensor(type: type, shape: shape, bytes: bytes)
  }
}

extension Checkpoint {
  /// The sizes and choices of a model of the GPT-2 form.
  var configuration: Configuration {
    get throws { try Configuration(architecture.graph) }
  }
}

extension Preset {
  /// The sizes and choices of a model of the GPT-2 form.
  var configuration: Configuration {
    get throws { try Configuration(architecture.graph) }
  }
}

extension Weights {
  /// Every value of every tensor, to compare two models by.
  var values: [String: Tensor<Float>] { stored.mapValues { $0.float32() } }
}
