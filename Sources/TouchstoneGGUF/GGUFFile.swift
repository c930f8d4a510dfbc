import Foundation
import TouchstoneFiles
import TouchstoneModel

/// A GGUF file of version 2 or 3 (ggml, `docs/gguf.md`): metadata, then what tensors there are, then their bytes; or the
/// first of several that a model is split into, and with it the others.
///
/// Every number is checked before it is used. The files stay mapped; tensors of blocks are turned into float32 one at a
/// time, when they are asked for.
public struct GGUFFile: Sendable {
  /// A tensor as the file declares it, its extent checked.
  struct Entry {
    let type: BlockType
    /// Extent of each axis, outermost first: ggml lists them the other way round.
    let shape: [Int]
    /// Where its bytes stand in the file that holds it.
    let range: Range<Int>
    let file: Data
  }

  /// Where it is.
  public let path: String
  /// What it says of the model.
  public let metadata: Metadata
  /// How many files the model is split into.
  public let partCount: Int
  /// The size of all of them.
  public let byteCount: Int
  private let entries: [String: Entry]

  /// Maps the file, and the others that the model is split into, and checks headers, metadata and lists of tensors.
  ///
  /// - Throws: ``BadInput`` naming the file and what in it is malformed, missing or not read.
  public init(_ file: URL) throws(BadInput) {
    path = file.path
    let first = try GGUFPart(file)
    let others = try first.others()
    metadata = first.metadata
    partCount = 1 + others.count
    byteCount = others.reduce(first.byteCount) { $0 + $1.byteCount }
    var entries = first.entries
    for part in others {
      for (name, entry) in part.entries where entries.updateValue(entry, forKey: name) != nil {
        throw BadInput(
          file: part.file.path, place: name, problem: "is in another of the model's files too",
          remedy: "download or split the model again")
      }
    }
    self.entries = entries
  }

  /// Whether a file begins as a GGUF does.
  public static func isGGUF(_ path: String) -> Bool {
    guard let file = FileHandle(forReadingAtPath: path) else { return false }
    defer { try? file.close() }
    return (try? file.read(upToCount: 4)) == Data("GGUF".utf8)
  }

  /// Checks magic and version, and gives the number of tensors.
  static func header(at cursor: inout ByteCursor) throws(BadInput) -> UInt64 {
    guard cursor.remaining >= 24, try cursor.integer(UInt32.self) == 0x4655_4747 else {
      throw BadInput(
        problem: "is no GGUF file", remedy: "give a .gguf file, or the folder of a checkpoint")
    }
    let version = try cursor.integer(UInt32.self)
    guard version == 2 || version == 3 else {
      throw BadInput(
        place: "header",
        problem: version > 0xFFFF ? "is big-endian, which is not read" : "has the version \(version)",
        remedy: "convert the model again: little-endian files of version 2 and 3 are read")
    }
    return try cursor.integer(UInt64.self)
  }

  static func alignment(_ metadata: Metadata) throws(BadInput) -> Int {
    let key = "general.alignment"
    let alignment = try metadata.integer(key) ?? 32
    guard (1...1 << 20).contains(alignment), alignment.nonzeroBitCount == 1 else {
      throw BadInput(place: key, problem: "is \(alignment), no power of two up to 2^20")
    }
    return alignment
  }

  // MARK: Tensors

  /// The names of all tensors.
  public var names: [String] { entries.keys.sorted() }

  /// The type of a tensor; nil where there is none.
  public func type(of name: String) -> BlockType? { entries[name]?.type }

  /// The extents of a tensor, outermost first; nil where there is none.
  public func shape(of name: String) -> [Int]? { entries[name]?.shape }

  /// A tensor's bytes as they are stored, over the mapped file; nil where there is none.
  public func bytes(of name: String) -> Data? {
    entries[name].map {
      $0.file[$0.file.startIndex + $0.range.lowerBound..<$0.file.startIndex + $0.range.upperBound]
    }
  }

  /// A tensor: numbers as they are stored, blocks as the float32 numbers that they stand for; nil where there is none.
  public func tensor(_ name: String) -> StoredTensor? {
    guard let entry = entries[name], let bytes = bytes(of: name) else { return nil }
    if let type = entry.type.scalarType {
      return StoredTensor(type: type, shape: entry.shape, bytes: bytes, isMapped: true)
    }
    return StoredTensor(type: .float32, shape: entry.shape, bytes: dequantised(bytes, entry))
  }

  private func dequantised(_ bytes: Data, _ entry: Entry) -> Data {
    var values = Data(count: entry.shape.reduce(4, *))
    values.withUnsafeMutableBytes { values in
      bytes.withUnsafeBytes { entry.type.dequantise($0, into: values.bindMemory(to: Float.self)) }
    }
    return values
  }
}

/// The tensors that a GGUF file declares, behind its metadata.
struct TensorList {
  /// What ggml has of axes.
  private static let greatestRank = 4

  private(set) var entries: [String: GGUFFile.Entry] = [:]

  init(count: UInt64, at cursor: inout ByteCursor, alignment: Int) throws(BadInput) {
    // An entry takes 32 bytes at least, so that no count can ask for more than the file holds.
    guard count <= cursor.remaining / 32 else {
      throw BadInput(place: "header", problem: "declares \(count) tensors, more than the file can hold")
    }
    var declared: [(name: String, type: BlockType, shape: [Int], offset: UInt64)] = []
    for number in 0..<Int(count) {
      var place = "tensor \(number)"
      do throws(BadInput) {
        let name = try cursor.name()
        place = name
        let shape = try Self.shape(at: &cursor)
        let type = try BlockType(number: try cursor.integer(UInt32.self))
        declared.append((name, type, shape, try cursor.integer(UInt64.self)))
      } catch {
        throw BadInput(place: place, problem: error.problem, remedy: error.remedy)
      }
    }
    let start = (cursor.offset + alignment - 1) / alignment * alignment
    for (name, type, shape, offset) in declared {
      do throws(BadInput) {
        let byteCount = try Self.byteCount(shape, type)
        guard let begin = Int(exactly: offset), begin.isMultiple(of: alignment) else {
          throw BadInput(
            problem: "begins at the offset \(offset), which is not aligned to \(alignment) bytes")
        }
        guard start <= cursor.bytes.count, begin <= cursor.bytes.count - start,
          byteCount <= cursor.bytes.count - start - begin
        else {
          throw BadInput(
            problem: "goes past the end of the file: \(byteCount) bytes from the offset \(offset) of the data"
          )
        }
        let entry = GGUFFile.Entry(
          type: type, shape: shape, range: start + begin..<start + begin + byteCount, file: cursor.bytes)
        guard entries.updateValue(entry, forKey: name) == nil else {
          throw BadInput(problem: "is declared twice")
        }
      } catch {
        throw BadInput(place: name, problem: error.problem, remedy: error.remedy)
      }
    }
    try refuseOverlaps()
  }

  private static func shape(at cursor: inout ByteCursor) throws(BadInput) -> [Int] {
    let rank = try cursor.integer(UInt32.self)
    guard (1...greatestRank).contains(Int(rank)) else {
      throw BadInput(problem: "has \(rank) axes, not 1 to \(greatestRank)")
    }
    var shape: [Int] = []
    for _ in 0..<rank {
      let extent = try cursor.integer(UInt64.self)
      guard (1...1 << 40).contains(extent) else {
        throw BadInput(problem: "has an axis of the extent \(extent)")
      }
      shape.insert(Int(extent), at: 0)
    }
    // Behind two axes there may be more, of one row each.
    while shape.count > 2, shape[0] == 1 { shape.removeFirst() }
    return shape
  }

  private static func byteCount(_ shape: [Int], _ type: BlockType) throws(BadInput) -> Int {
    let row = shape[shape.count - 1]
    guard row.isMultiple(of: type.blockLength) else {
      throw BadInput(
        problem: "has rows of \(row) values, which are no whole blocks of \(type.name) (\(type.blockLength))")
    }
    var count = row / type.blockLength * type.blockSize
    for extent in shape.dropLast() {
      let (product, overflow) = count.multipliedReportingOverflow(by: extent)
      guard !overflow else { throw BadInput(problem: "its shape is too large to be real") }
      count = product
    }
    return count
  }

  private func refuseOverlaps() throws(BadInput) {
    var end = 0
    for (name, entry) in entries.sorted(by: {
      ($0.value.range.lowerBound, $0.key) < ($1.value.range.lowerBound, $1.key)
    }) {
      guard entry.range.lowerBound >= end else {
        throw BadInput(place: name, problem: "overlaps the tensor before it")
      }
      end = entry.range.upperBound
    }
  }
}
