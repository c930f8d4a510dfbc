import Foundation
import TouchstoneFiles
import TouchstoneModel

/// The list of shards of a checkpoint, `model.safetensors.index.json`: which file holds which tensor.
struct ShardIndex {
  static let fileName = "model.safetensors.index.json"

  /// A hundred bytes for each tensor: the largest models in use have some ten thousand.
  private static let greatestFileSize = 16 << 20

  private let path: String
  private let tensorNames: [String: Set<String>]

  /// The shards' file names, sorted.
  var files: [String] { tensorNames.keys.sorted() }

  /// - Throws: ``BadInput`` if the index is not JSON of its form, or names a file outside its folder.
  init(_ file: URL) throws(BadInput) {
    path = file.path
    let document = try JSONValue.parse(
      try SmallFile.read(path, greatest: Self.greatestFileSize), file: path)
    guard let map = document.object?["weight_map"]?.object, !map.isEmpty else {
      throw BadInput(
        file: path, place: "weight_map", problem: "is not an object that names the file of each tensor",
        remedy: "download the index again")
    }
    var tensorNames = [String: Set<String>]()
    for (tensor, value) in map.sorted(by: { $0.key < $1.key }) {
      guard let name = value.string, Self.isPlainFileName(name) else {
        throw BadInput(
          file: path, place: tensor, problem: "is not mapped to a file name in the same folder",
          remedy: "download the index again")
      }
      tensorNames[name, default: []].insert(tensor)
    }
    self.tensorNames = tensorNames
  }

  private static func isPlainFileName(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".." && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
  }

  /// Checks that `shard`, the file `name`, holds every tensor that the index promises there.
  func check(_ shard: SafetensorsFile, named name: String) throws(BadInput) {
    let promised = tensorNames[name] ?? []
    let missing = promised.subtracting(shard.entries.keys)
    if let first = missing.min() {
      throw BadInput(
        file: shard.path, place: first, problem: "is missing, though \(Self.fileName) says that it is here",
        remedy: "download the shards and the index together")
    }
  }
}
