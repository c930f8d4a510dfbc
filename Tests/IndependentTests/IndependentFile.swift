import Crypto
import Foundation
import TouchstoneCheckpoints
import TouchstoneHDF5
import TouchstoneGraph
import TouchstoneModel

/// A file of `golden/independent`: what Hugging Face computed, in float64, on one sequence.
struct IndependentFile {
  /// The model that it was computed on.
  let checkpoint: Checkpoint
  let tokenIDs: [Int]
  /// Every dataset below the float64 group, by its path there.
  let datasets: [String: HDF5Dataset]
  /// The SHA-256 of `model.safetensors`, as the file records it and as it is.
  let weightsDigests: (recorded: HDF5Attribute?, actual: String)
  private let reader: HDF5Reader

  /// Opens `name`, whose sequence stands in `group` ("" for the root).
  init(_ name: String, model: String, group: String = "") throws {
    let golden = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../golden").standardizedFileURL
    reader = try HDF5Reader(path: golden.appendingPathComponent("independent/\(name)").path)
    let folder = golden.appendingPathComponent("models/\(model)")
    checkpoint = try Checkpoint(directory: folder)
    let digest = SHA256.hash(data: try Data(contentsOf: folder.appendingPathComponent("model.safetensors")))
    weightsDigests = (
      try reader.attribute("weights_sha256", of: ""),
      digest.map { String(0x100 + Int($0), radix: 16).dropFirst() }.joined()
    )
    datasets = try Self.datasets(below: group.isEmpty ? "f64" : "\(group)/f64", in: reader)
    tokenIDs = try Self.integers(at: group.isEmpty ? "tokens" : "\(group)/tokens", in: reader)
  }

  private static func datasets(below root: String, in reader: HDF5Reader) throws -> [String: HDF5Dataset] {
    var found = [String: HDF5Dataset]()
    var groups = [""]
    while let group = groups.popLast() {
      for member in try reader.members(of: root + group) {
        let path = "\(group)/\(member)"
        if let dataset = try reader.dataset(at: root + path) {
          found[String(path.dropFirst())] = dataset
        } else {
          groups.append(path)
        }
      }
    }
    return found
  }

  /// The float64 values of the dataset at `path`.
  func tensor(_ path: String) throws -> Tensor<Double> {
    guard let dataset = datasets[path], dataset.type == .float(.float64) else {
      throw BadInput(file: reader.path, place: path, problem: "is no float64 dataset")
    }
    let bytes = try reader.bytes(of: dataset)
    return StoredTensor(type: .float64, shape: dataset.shape, bytes: bytes).float64()
  }

  /// The integers of the dataset at `path`.
  func integers(_ path: String) throws -> [Int] {
    try Self.integers(at: datasets[path]?.path ?? path, in: reader)
  }

  private static func integers(at place: String, in reader: HDF5Reader) throws -> [Int] {
    guard let dataset = try reader.dataset(at: place), dataset.type == .integer(byteCount: 4, isSigned: true)
    else { throw BadInput(file: reader.path, place: place, problem: "is no int32 dataset") }
    let bytes = try reader.bytes(of: dataset)
    return bytes.withUnsafeBytes { raw in
      stride(from: 0, to: raw.count, by: 4).map {
        Int(Int32(littleEndian: raw.loadUnaligned(fromByteOffset: $0, as: Int32.self)))
      }
    }
  }
}

extension Activation {
  /// Where the activation stands in a file of `golden/independent`.
  var independentPath: String {
    layer.map { "layer_\($0)/\(name)" } ?? name
  }
}
