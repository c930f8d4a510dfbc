import CHDF5
import Foundation
import TouchstoneModel

/// A new file, written once from beginning to end.
///
/// The same calls give the same bytes: no times, the format of HDF5 1.10, no variable-length data. Every
/// byte of metadata and every chunk of data carries a checksum.
package final class HDF5Writer {
  /// Where the file is; named in every error.
  package let path: String
  private var file: Handle?

  /// Creates the file at `path`, which must not exist.
  package init(path: String) throws(BadInput) {
    self.path = path
    file = try HDF5Library.locked(naming: path) { () throws(BadInput) in
      do throws(BadInput) {
        return try Self.create(path)
      } catch {
        throw BadInput(problem: error.problem, remedy: Self.remedy)
      }
    }
  }

  private static func create(_ path: String) throws(BadInput) -> Handle {
    let access = try Handle(H5Pcreate(chdf5_file_access()), "set up writing")
    try HDF5Library.check(
      H5Pset_libver_bounds(access.id, H5F_LIBVER_V110, H5F_LIBVER_V110), "set up writing")
    try HDF5Library.check(H5Pset_fclose_degree(access.id, H5F_CLOSE_SEMI), "set up writing")
    // Metadata in blocks of its own size leaves no unused bytes, which no checksum would cover.
    try HDF5Library.check(H5Pset_meta_block_size(access.id, 0), "set up writing")
    try HDF5Library.check(H5Pset_small_data_block_size(access.id, 0), "set up writing")
    _ = H5Pset_file_locking(access.id, false, true)
    let creation = try Self.creation(chdf5_file_creation())
    return try Handle(H5Fcreate(path, chdf5_create_exclusively(), creation.id, access.id), "create the file")
  }

  /// Objects without times, their links and attributes in the object header whatever their number: it is
  /// one stretch of bytes under one checksum, where the indexed forms have unused bytes and more readers' bugs.
  private static func creation(_ kind: hid_t) throws(BadInput) -> Handle {
    let creation = try Handle(H5Pcreate(kind), "set up writing")
    try HDF5Library.check(H5Pset_obj_track_times(creation.id, false), "set up writing")
    try HDF5Library.check(H5Pset_attr_phase_change(creation.id, greatestCount, 0), "set up writing")
    if kind != chdf5_dataset_creation() {
      try HDF5Library.check(H5Pset_link_phase_change(creation.id, greatestCount, 0), "set up writing")
    }
    return creation
  }

  private static let remedy = "check the free space and the permissions of the folder"

  private static let greatestCount: UInt32 = 65_535

  private func write(_ place: String, _ body: (hid_t) throws(BadInput) -> Void) throws(BadInput) {
    try HDF5Library.locked(naming: path) { () throws(BadInput) in
      do throws(BadInput) {
        guard let id = file?.id else { throw BadInput(problem: "is already closed") }
        try body(id)
      } catch {
        var error = error
        error.place = error.place ?? place
        error.remedy = error.remedy ?? Self.remedy
        throw error
      }
    }
  }

  /// Creates the group at `place`; the group around it must exist.
  package func createGroup(_ place: String) throws(BadInput) {
    try write(place) { (file) throws(BadInput) in
      let creation = try Self.creation(chdf5_group_creation())
      let group = try Handle(
        H5Gcreate2(file, place, chdf5_default(), creation.id, chdf5_default()), "create the group")
      try group.close("write the group")
    }
  }

  // MARK: Attributes

  /// Writes a text as a string of fixed length, in ASCII: other characters are escaped as in JSON.
  package func setAttribute(_ name: String, of place: String, to value: String) throws(BadInput) {
    let bytes = Data(value.asciiEscaped.utf8)
    try write(place) { (file) throws(BadInput) in
      let type = try Handle(H5Tcopy(chdf5_string()), "write @\(name)")
      try HDF5Library.check(H5Tset_size(type.id, max(bytes.count, 1)), "write @\(name)")
      try HDF5Library.check(H5Tset_strpad(type.id, H5T_STR_NULLPAD), "write @\(name)")
      try Self.setAttribute(name, of: place, in: file, type, bytes.isEmpty ? Data([0]) : bytes)
    }
  }

  /// Writes a float64.
  package func setAttribute(_ name: String, of place: String, to value: Double) throws(BadInput) {
    let bytes = withUnsafeBytes(of: value.bitPattern.littleEndian) { Data($0) }
    try write(place) { (file) throws(BadInput) in
      try Self.setAttribute(name, of: place, in: file, ElementType.float(.float64).makeType(), bytes)
    }
  }

  /// Writes the uint8 1.
  package func setFlag(_ name: String, of place: String) throws(BadInput) {
    try write(place) { (file) throws(BadInput) in
      let type = try ElementType.integer(byteCount: 1, isSigned: false).makeType()
      try Self.setAttribute(name, of: place, in: file, type, Data([1]))
    }
  }

  private static func setAttribute(
    _ name: String, of place: String, in file: hid_t, _ type: borrowing Handle, _ bytes: Data
  ) throws(BadInput) {
    let attempt = "write @\(name)"
    let object = try Handle(H5Oopen(file, place, chdf5_default()), attempt)
    let space = try Handle(H5Screate(H5S_SCALAR), attempt)
    let attribute = try Handle(
      H5Acreate2(object.id, name, type.id, space.id, chdf5_default(), chdf5_default()), attempt)
    let status = bytes.withUnsafeBytes { H5Awrite(attribute.id, type.id, $0.baseAddress) }
    try HDF5Library.check(status, attempt)
    try attribute.close(attempt)
    try object.close(attempt)
  }

  // MARK: Datasets

  /// Writes a dataset of little-endian elements, row-major; groups on the way must exist.
  package func writeDataset(
    _ place: String, type: ElementType, shape: [Int], bytes: UnsafeRawBufferPointer
  ) throws(BadInput) {
    guard shape.allSatisfy({ $0 >= 0 }), let elementSize = type.byteCount,
      bytes.count == shape.reduce(elementSize, *)
    else { throw BadInput(file: path, place: place, problem: "\(bytes.count) bytes do not fill \(shape)") }
    try write(place) { (file) throws(BadInput) in
      let elements = try type.makeType()
      let space = try Self.space(shape)
      let creation = try Self.creation(chdf5_dataset_creation())
      try Self.setLayout(creation, shape: shape, elementSize: elementSize)
      let dataset = try Handle(
        H5Dcreate2(file, place, elements.id, space.id, chdf5_default(), creation.id, chdf5_default()),
        "create the dataset")
      if !bytes.isEmpty {
        let status = H5Dwrite(
          dataset.id, elements.id, chdf5_whole_dataspace(), chdf5_whole_dataspace(), chdf5_default(),
          bytes.baseAddress)
        try HDF5Library.check(status, "write the values")
      }
      // With a full disk it may be closing that fails.
      try dataset.close("write the values")
    }
  }

  private static func space(_ shape: [Int]) throws(BadInput) -> Handle {
    guard !shape.isEmpty else { return try Handle(H5Screate(H5S_SCALAR), "set the shape") }
    let extents = shape.map { hsize_t($0) }
    return try Handle(H5Screate_simple(Int32(extents.count), extents, nil), "set the shape")
  }

  /// Chunks are whole tensors up to about 1 MiB, else whole rows, each with a checksum; a single value or
  /// none stands in the object header, which has one.
  private static func setLayout(
    _ creation: borrowing Handle, shape: [Int], elementSize: Int
  ) throws(BadInput) {
    let count = shape.reduce(1, *)
    guard !shape.isEmpty, count > 0 else {
      try HDF5Library.check(H5Pset_layout(creation.id, H5D_COMPACT), "set up the chunks")
      return
    }
    var chunk = shape
    for axis in chunk.indices {
      let slice = chunk[(axis + 1)...].reduce(elementSize, *)
      chunk[axis] = min(chunk[axis], max(1, chunkByteCount / slice))
      // Axes further in are left whole as soon as one slice of them fits.
      if slice <= chunkByteCount { break }
    }
    let extents = chunk.map { hsize_t($0) }
    try HDF5Library.check(H5Pset_chunk(creation.id, Int32(extents.count), extents), "set up the chunks")
    try HDF5Library.check(H5Pset_fletcher32(creation.id), "set up the chunks")
  }

  private static let chunkByteCount = 1 << 20

  // MARK: Closing

  /// Closes the file; only now is all of it handed to the operating system.
  package func close() throws(BadInput) {
    try HDF5Library.locked(naming: path) { () throws(BadInput) in
      guard let handle = file.take() else { return }
      do throws(BadInput) {
        try handle.close("write the file")
      } catch {
        throw BadInput(problem: error.problem, remedy: Self.remedy)
      }
    }
  }

  /// Closes without regard to what could not be written.
  package func abandon() {
    HDF5Library.locked { file = nil }
  }
}

extension String {
  /// The same text in printable ASCII and line breaks, everything else as JSON escapes it: `\u` and four hexadecimal digits.
  package var asciiEscaped: String {
    guard !utf8.allSatisfy({ (0x20..<0x7f).contains($0) || $0 == 0x0a || $0 == 0x09 }) else { return self }
    return utf16.reduce(into: "") { text, unit in
      if (0x20..<0x7f).contains(unit) || unit == 0x0a || unit == 0x09 {
        text.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
      } else {
        let digits = String(unit, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      }
    }
  }
}
