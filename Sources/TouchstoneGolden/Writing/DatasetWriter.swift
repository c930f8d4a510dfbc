import Foundation
import TouchstoneHDF5
import TouchstoneModel

/// Datasets of one new file with their digests, the groups around them made on the way.
struct DatasetWriter {
  let file: HDF5Writer
  private(set) var manifest = DatasetManifest()
  private var groups: Set<String> = []

  init(_ file: HDF5Writer) { self.file = file }

  /// Writes little-endian elements, row-major.
  ///
  /// - Throws: `BadInput` when it was written before, or the disk is full.
  mutating func write(_ path: String, _ type: ElementType, shape: [Int], bytes: Data) throws(BadInput) {
    guard manifest.entries[path] == nil else { throw BadInput(place: path, problem: "is written twice") }
    var parent = ""
    for part in path.split(separator: "/").dropLast() {
      parent += (parent.isEmpty ? "" : "/") + part
      try group(parent)
    }
    try bytes.withBytes { (raw) throws(BadInput) in
      try file.writeDataset(path, type: type, shape: shape, bytes: raw)
    }
    manifest.entries[path] = .init(dtype: type.description, sha256: Digest.of(bytes), shape: shape)
  }

  /// Makes a group that is not there yet; the group around it must exist.
  mutating func group(_ path: String) throws(BadInput) {
    guard groups.insert(path).inserted else { return }
    try file.createGroup(path)
  }

  /// Writes the manifest, says that the file is complete, and closes it.
  mutating func finish() throws(BadInput) {
    let text = manifest.json
    try write(
      GoldenFormat.manifest, .integer(byteCount: 1, isSigned: false), shape: [text.count], bytes: text)
    try file.setFlag("complete", of: "/")
    try file.close()
  }
}
