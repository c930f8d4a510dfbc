import CHDF5
import Foundation
import TouchstoneModel

/// What a dataset is declared to hold; describing one reads none of its elements.
package struct HDF5Dataset: Hashable, Sendable {
  /// Where it stands in the file.
  package let path: String
  /// What each element is.
  package let type: ElementType
  /// Extent of each axis, outermost first.
  package let shape: [Int]
  /// The bytes that the file sets aside for it, after compression.
  package let storedByteCount: Int
  /// Why the elements cannot be read; nil where they can.
  package let obstacle: BadInput?

  private let isBigEndian: Bool

  /// Bytes of all elements together; 0 for types that are not read.
  package var byteCount: Int { obstacle == nil ? shape.reduce(type.byteCount ?? 0, *) : 0 }

  /// Describes an open dataset.
  init(describing dataset: borrowing Handle, at path: String, fileSize: Int) throws(BadInput) {
    self.path = path
    let type = try Handle(H5Dget_type(dataset.id), "read the element type", at: path)
    (self.type, isBigEndian) = try ElementType.classify(type)
    shape = try Self.shape(of: dataset, at: path)
    guard let storage = Int(exactly: H5Dget_storage_size(dataset.id)), storage <= fileSize else {
      throw BadInput(
        place: path, problem: "declares more bytes than the file has", remedy: "copy the file again")
    }
    storedByteCount = storage
    do {
      try Self.checkReadable(dataset, type: self.type, shape: shape, storage: storage)
      obstacle = nil
    } catch {
      obstacle = BadInput(place: path, problem: error.problem, remedy: error.remedy)
    }
  }

  private static func shape(of dataset: borrowing Handle, at path: String) throws(BadInput) -> [Int] {
    let space = try Handle(H5Dget_space(dataset.id), "read the shape", at: path)
    guard H5Sget_simple_extent_type(space.id) != H5S_NULL else { return [0] }
    let rank = H5Sget_simple_extent_ndims(space.id)
    try HDF5Library.check(rank, "read the shape", at: path)
    var extents = [hsize_t](repeating: 0, count: Int(rank))
    try HDF5Library.check(
      H5Sget_simple_extent_dims(space.id, &extents, nil), "read the shape", at: path)
    var shape: [Int] = []
    for extent in extents {
      guard let extent = Int(exactly: extent) else {
        throw BadInput(place: path, problem: "declares an impossible extent of \(extent)")
      }
      shape.append(extent)
    }
    return shape
  }

  // MARK: What may be read

  /// deflate cannot shrink data further than this (zlib's documentation: 1032:1).
  private static let greatestCompression = 1032

  /// Checks that the elements lie in this file, in a form that is read, and as many as the shape declares.
  ///
  /// A header of a few bytes may declare terabytes, which reading would invent out of fill values.
  private static func checkReadable(
    _ dataset: borrowing Handle, type: ElementType, shape: [Int], storage: Int
  ) throws(BadInput) {
    guard let elementSize = type.byteCount else {
      throw BadInput(problem: "holds \(type), which is not read", remedy: "store numbers")
    }
    var byteCount = elementSize
    for extent in shape {
      let (product, overflow) = byteCount.multipliedReportingOverflow(by: extent)
      guard !overflow else { throw BadInput(problem: "declares the impossible shape \(shape)") }
      byteCount = product
    }
    let creation = try Handle(H5Dget_create_plist(dataset.id), "read how it is stored")
    guard H5Pget_external_count(creation.id) == 0 else {
      throw BadInput(problem: "keeps its values in another file", remedy: "store them in this one")
    }
    let layout = H5Pget_layout(creation.id)
    guard layout == H5D_CONTIGUOUS || layout == H5D_CHUNKED || layout == H5D_COMPACT else {
      throw BadInput(problem: "is assembled from other datasets", remedy: "store its values")
    }
    let isCompressed = try checkFilters(creation)
    let (greatest, overflow) = storage.multipliedReportingOverflow(by: isCompressed ? greatestCompression : 1)
    guard overflow || byteCount <= greatest else {
      throw BadInput(
        problem: "declares the shape \(shape), of which only \(storage) bytes were written",
        remedy: "write the whole dataset")
    }
    if layout == H5D_CHUNKED, byteCount > 0 {
      try checkChunks(
        dataset, creation, elementSize: elementSize, shape: shape, byteCount: byteCount, greatest: greatest)
    }
  }

  /// Whether one of the filters compresses.
  private static func checkFilters(_ creation: borrowing Handle) throws(BadInput) -> Bool {
    let count = H5Pget_nfilters(creation.id)
    try HDF5Library.check(count, "read how it is stored")
    var isCompressed = false
    for index in 0..<UInt32(count) {
      var flags: UInt32 = 0
      var valueCount = 0
      var name = [CChar](repeating: 0, count: 64)
      let filter = H5Pget_filter2(creation.id, index, &flags, &valueCount, nil, name.count, &name, nil)
      switch filter {
      case H5Z_FILTER_SHUFFLE, H5Z_FILTER_FLETCHER32: break
      case H5Z_FILTER_DEFLATE: isCompressed = true
      default:
        throw BadInput(
          problem: "is compressed by the filter \(filter) (\(text(name)))",
          remedy: "use gzip or no compression")
      }
    }
    return isCompressed
  }

  /// Checks that every chunk was written: a missing one reads as zeros.
  private static func checkChunks(
    _ dataset: borrowing Handle, _ creation: borrowing Handle, elementSize: Int, shape: [Int], byteCount: Int,
    greatest: Int
  ) throws(BadInput) {
    var chunk = [hsize_t](repeating: 0, count: shape.count)
    let rank = H5Pget_chunk(creation.id, Int32(shape.count), &chunk)
    guard rank == shape.count else {
      throw BadInput(problem: "is chunked in a way that does not fit its shape")
    }
    var chunkBytes = elementSize
    var wanted = 1
    for (extent, side) in zip(shape, chunk) {
      guard let side = Int(exactly: side), side > 0 else {
        throw BadInput(problem: "declares an impossible chunk")
      }
      let (bytes, overflow) = chunkBytes.multipliedReportingOverflow(by: side)
      // A chunk is read as a whole, also where most of it lies beyond the shape.
      guard !overflow, bytes <= greatest, bytes / 4 <= max(1 << 22, byteCount) else {
        throw BadInput(
          problem: "declares chunks larger than what was written", remedy: "write the whole dataset")
      }
      chunkBytes = bytes
      wanted *= (extent - 1) / side + 1
    }
    var written: hsize_t = 0
    let space = try Handle(H5Dget_space(dataset.id), "count the chunks")
    try HDF5Library.check(H5Dget_num_chunks(dataset.id, space.id, &written), "count the chunks")
    guard written == wanted else {
      throw BadInput(
        problem: "has only \(written) of its \(wanted) chunks", remedy: "write the whole dataset")
    }
  }

  // MARK: Reading

  /// The elements, row-major and little-endian.
  ///
  /// They are transferred in the very type of the file: libhdf5 1.10 rounds wrongly where it converts.
  func read(_ dataset: borrowing Handle, checksums: Bool) throws(BadInput) -> Data {
    if let obstacle { throw obstacle }
    let type = try Handle(H5Dget_type(dataset.id), "read the element type", at: path)
    guard let elementSize = self.type.byteCount, H5Tget_size(type.id) == elementSize else {
      throw BadInput(place: path, problem: "changed while it was read", remedy: "try again")
    }
    var bytes = Data(count: byteCount)
    guard !bytes.isEmpty else { return bytes }
    let transfer = try Handle(H5Pcreate(chdf5_dataset_transfer()), "set up reading", at: path)
    if !checksums { _ = H5Pset_edc_check(transfer.id, H5Z_DISABLE_EDC) }
    let status = bytes.withUnsafeMutableBytes { buffer in
      H5Dread(
        dataset.id, type.id, chdf5_whole_dataspace(), chdf5_whole_dataspace(), transfer.id,
        buffer.baseAddress)
    }
    try HDF5Library.check(status, "read the values", at: path)
    if isBigEndian { bytes.reverseBytes(ofEach: elementSize) }
    return bytes
  }
}

extension Data {
  /// Turns elements of `width` bytes from one byte order into the other.
  mutating func reverseBytes(ofEach width: Int) {
    guard width > 1 else { return }
    withUnsafeMutableBytes { buffer in
      for start in stride(from: 0, to: buffer.count - width + 1, by: width) {
        buffer[start..<start + width].reverse()
      }
    }
  }
}
