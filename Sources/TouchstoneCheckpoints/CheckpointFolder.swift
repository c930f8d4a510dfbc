import Foundation
import TouchstoneModel

/// Finds the files of a checkpoint in its folder.
struct CheckpointFolder {
  private let directory: URL
  private let names: Set<String>

  /// - Throws: ``BadInput`` if `directory` is missing, is a file, or cannot be listed.
  init(_ directory: URL) throws(BadInput) {
    do {
      names = Set(try FileManager.default.contentsOfDirectory(atPath: directory.path))
    } catch {
      throw Self.unlistable(directory)
    }
    self.directory = directory
  }

  private static func unlistable(_ directory: URL) -> BadInput {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: directory.path, isDirectory: &isFolder) else {
      return BadInput(
        file: directory.path, problem: "there is no such folder", remedy: "give the folder of a checkpoint")
    }
    guard isFolder.boolValue else {
      return BadInput(
        file: directory.path, problem: "is a file, not a folder",
        remedy: "give the folder that holds config.json and model.safetensors")
    }
    return BadInput(
      file: directory.path, problem: "the folder cannot be read", remedy: "check its permissions")
  }

  /// Whether something that is no folder stands there.
  static func isFile(_ place: URL) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: place.path, isDirectory: &isFolder) && !isFolder.boolValue
  }

  /// Where a file of that name stands or would stand.
  func file(_ name: String) -> URL {
    directory.appendingPathComponent(name, isDirectory: false)
  }

  /// Opens what holds the weights: one file, or the shards of an index.
  func safetensors() throws(BadInput) -> [SafetensorsFile] {
    if names.contains("model.safetensors") {
      return [try SafetensorsFile(file("model.safetensors"))]
    }
    if names.contains(ShardIndex.fileName) {
      let index = try ShardIndex(file(ShardIndex.fileName))
      var shards = [SafetensorsFile]()
      for name in index.files {
        let shard = try SafetensorsFile(file(name))
        try index.check(shard, named: name)
        shards.append(shard)
      }
      return shards
    }
    throw noSafetensors()
  }

  private func noSafetensors() -> BadInput {
    let convert =
      "in Python, transformers.AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER)"
    if let name = names.sorted().first(where: { $0.hasSuffix(".gguf") }) {
      return BadInput(
        file: directory.path, problem: "holds \(name) but no model.safetensors",
        remedy: "give the file itself, \(file(name).path)")
    }
    let others = [".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack"]
    if let name = names.sorted().first(where: { name in others.contains { name.hasSuffix($0) } }) {
      return BadInput(
        file: directory.path, problem: "holds \(name) but no model.safetensors",
        remedy: "write safetensors: " + convert)
    }
    return BadInput(
      file: directory.path,
      problem: "holds neither model.safetensors nor \(ShardIndex.fileName)",
      remedy: "give the folder of a whole checkpoint")
  }
}
