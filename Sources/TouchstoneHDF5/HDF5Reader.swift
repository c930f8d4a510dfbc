import CHDF5
import Foundation
import TouchstoneFiles
import TouchstoneModel

/// A file opened for reading: groups, datasets and attributes by their path.
///
/// Only hard links are followed, so that nothing outside the file is ever read. Closing happens with the
/// last reference.
package final class HDF5Reader: Sendable {
  /// Where the file is; named in every error.
  package let path: String
  /// The size of the file: nothing in it can be larger.
  package let byteCount: Int
  /// The greatest number of bytes that its values are read into.
  ///
  /// Far more than honest files need, which compression or a file system makes a few times smaller; a thousandth of
  /// what crafted ones of the same size can ask for.
  package let greatestByteCount: Int
  private let file: Handle

  /// Opens the file at `path`.
  ///
  /// - Throws: `BadInput` with the library's reason when it is no whole HDF5 file.
  package init(path: String) throws(BadInput) {
    self.path = path
    // A link is followed, as the library will.
    let target = URL(filePath: path).resolvingSymlinksInPath().path
    let attributes = try? FileManager.default.attributesOfItem(atPath: target)
    guard let size = attributes?[.size] as? Int else {
      throw BadInput(file: path, problem: "cannot be read", remedy: "check that it exists and may be read")
    }
    byteCount = size
    greatestByteCount = 128 << 20 + 32 * min(StoredBytes.count(in: path, of: size), 1 << 50)
    file = try Self.locked(path) { () throws(BadInput) in
      let access = try Handle(H5Pcreate(chdf5_file_access()), "set up reading")
      // Files are complete when they get their name, and network file systems fail to lock.
      _ = H5Pset_file_locking(access.id, false, true)
      return try Handle(H5Fopen(path, chdf5_read_only(), access.id), "open the file")
    }
  }

  private func locked<Result: ~Copyable>(
    _ body: () throws(BadInput) -> Result
  ) throws(BadInput) -> Result {
    try Self.locked(path, body)
  }

  private static func locked<Result: ~Copyable>(
    _ path: String, _ body: () throws(BadInput) -> Result
  ) throws(BadInput) -> Result {
    try HDF5Library.locked(naming: path) { () throws(BadInput) in
      do throws(BadInput) {
        return try body()
      } catch {
        var error = error
        error.remedy = error.remedy ?? "the file is damaged: copy it again, or write it again"
        throw error
      }
    }
  }

  // MARK: Groups

  /// What stands at a path.
  package enum Kind: Sendable {
    case group
    case dataset
  }

  /// What stands at `place`; nil where there is nothing, a named type, or a link that leaves the file.
  package func kind(of place: String) throws(BadInput) -> Kind? {
    try locked { () throws(BadInput) in
      guard let object = try find(place) else { return nil }
      return switch H5Iget_type(object.id) {
      case H5I_GROUP: .group
      case H5I_DATASET: .dataset
      default: nil
      }
    }
  }

  /// One name in a group.
  package struct Link: Sendable {
    /// The name.
    package let name: String
    /// What it leads to: equal for two names of one object.
    package let object: [UInt64]
  }

  /// What is read of one group.
  private struct Listing {
    var links: [Link] = []
    var byteCount = 0

    /// Takes a name; whether there is room for more.
    mutating func add(_ name: String, _ object: chdf5_object) -> Bool {
      byteCount += name.utf8.count
      links.append(Link(name: name, object: [object.words.0, object.words.1]))
      return links.count <= greatestMemberCount && byteCount <= 1 << 24
    }
  }

  /// The greatest number of names in one group; the deepest model has some twelve thousand tensors.
  package static let greatestMemberCount = 1 << 16

  /// The names in the group at `place`, sorted; empty where there is no group.
  ///
  /// - Throws: `BadInput` when there are more than ``greatestMemberCount``.
  package func members(of place: String) throws(BadInput) -> [String] {
    try links(of: place).map(\.name)
  }

  /// The names in the group at `place`, and what each leads to.
  package func links(of place: String) throws(BadInput) -> [Link] {
    try locked { () throws(BadInput) in
      guard let group = try find(place), H5Iget_type(group.id) == H5I_GROUP else { return [] }
      var listing = Listing()
      let status = withUnsafeMutablePointer(to: &listing) { list in
        chdf5_visit_links(
          group.id,
          { name, object, context in
            guard let name, let context else { return -1 }
            return context.assumingMemoryBound(to: Listing.self).pointee.add(String(cString: name), object)
              ? 0 : 1
          }, list)
      }
      try HDF5Library.check(status, "list the group", at: place)
      guard status == 0 else {
        throw BadInput(
          place: place, problem: "holds more than \(Self.greatestMemberCount) names",
          remedy: "store what the format knows, and little else")
      }
      return listing.links.sorted { $0.name < $1.name }
    }
  }

  /// The object at `place`, reached by hard links alone; nil where a link is missing or of another kind.
  func find(_ place: String) throws(BadInput) -> Handle? {
    var object = try Handle(H5Oopen(file.id, "/", chdf5_default()), "open the root group")
    for name in place.split(separator: "/").map(String.init) {
      guard H5Iget_type(object.id) == H5I_GROUP else { return nil }
      let exists = H5Lexists(object.id, name, chdf5_default())
      try HDF5Library.check(exists, "look up", at: place)
      guard exists > 0 else { return nil }
      let isHard = chdf5_is_hard_link(object.id, name)
      try HDF5Library.check(isHard, "look up", at: place)
      guard isHard > 0 else { return nil }
      object = try Handle(H5Oopen(object.id, name, chdf5_default()), "open", at: place)
    }
    return object
  }

  // MARK: Datasets

  /// Describes the dataset at `place`; nil where there is none.
  package func dataset(at place: String) throws(BadInput) -> HDF5Dataset? {
    try locked { () throws(BadInput) in
      guard let object = try find(place), H5Iget_type(object.id) == H5I_DATASET else { return nil }
      return try HDF5Dataset(describing: object, at: place, fileSize: byteCount)
    }
  }

  /// Takes the bytes of a dataset's elements out of what the file may still be read into.
  ///
  /// - Throws: `BadInput` when it declares more: holes or compression make a file small that reads as a large one.
  package func spend(_ dataset: HDF5Dataset, from budget: inout Int) throws(BadInput) {
    guard dataset.byteCount <= budget else {
      throw BadInput(
        place: dataset.path,
        problem:
          "declares the shape \(dataset.shape), which makes more than \(greatestByteCount >> 20) MiB of a file of "
          + "\(byteCount >> 10) KiB",
        remedy: "it is damaged or was made to do harm: write it again")
    }
    budget -= dataset.byteCount
  }

  /// The elements of a dataset, row-major and little-endian.
  ///
  /// - Parameter checksums: whether the chunks' checksums are checked; in vain where a digest has vouched for the file.
  /// - Throws: `BadInput` when the file does not hold as much as the shape declares, stores it in a way that
  ///   is not read, or fails a checksum.
  package func bytes(of dataset: HDF5Dataset, checksums: Bool = true) throws(BadInput) -> Data {
    try locked { () throws(BadInput) in
      var budget = greatestByteCount
      try spend(dataset, from: &budget)
      guard let object = try find(dataset.path), H5Iget_type(object.id) == H5I_DATASET,
        try HDF5Dataset(describing: object, at: dataset.path, fileSize: byteCount) == dataset
      else { throw BadInput(place: dataset.path, problem: "changed while it was read", remedy: "try again") }
      return try dataset.read(object, checksums: checksums)
    }
  }

  // MARK: Attributes

  /// The names of the attributes at `place`, sorted; empty where there is no object.
  package func attributeNames(of place: String) throws(BadInput) -> [String] {
    try locked { () throws(BadInput) in
      guard let object = try find(place) else { return [] }
      return try HDF5Attribute.names(of: object, at: place).sorted()
    }
  }

  /// An attribute of the object at `place`; nil where there is no such attribute or it is empty.
  ///
  /// - Throws: `BadInput` for an attribute that is not a single text or number.
  package func attribute(_ name: String, of place: String) throws(BadInput) -> HDF5Attribute? {
    try locked { () throws(BadInput) in
      guard let object = try find(place) else { return nil }
      return try HDF5Attribute.read(name, of: object, at: place)
    }
  }
}

/// The text before the first NUL.
func text(_ characters: [CChar]) -> String {
  String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
