import Foundation
import TouchstoneFiles
import TouchstoneModel

/// One safetensors file: eight bytes of header length, a JSON header, the tensors' bytes.
struct SafetensorsFile {
  let path: String
  let entries: [String: SafetensorsHeader.Entry]
  private let contents: Data

  /// Maps the file and checks its whole header.
  ///
  /// - Throws: ``BadInput`` naming the file and what in it is malformed.
  init(_ file: URL) throws(BadInput) {
    path = file.path
    contents = try MappedFile.contents(of: file)
    do {
      entries = try SafetensorsHeader.entries(of: contents)
    } catch {
      throw error.inFile(path)
    }
  }

  /// A tensor over the mapped bytes; nil where its type is not one that a model computes with.
  func tensor(_ entry: SafetensorsHeader.Entry) -> StoredTensor? {
    guard let type = entry.scalarType else { return nil }
    return StoredTensor(type: type, shape: entry.shape, bytes: contents[entry.range], isMapped: true)
  }
}
