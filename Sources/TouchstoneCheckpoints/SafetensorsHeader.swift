import Foundation
import TouchstoneModel

/// Reads and checks the header of a safetensors file.
///
/// Every number is checked before it is used. The rules are the format's own: the tensors fill the data without
/// overlap, hole or remainder. The header may end at any byte, as those of early writers do, so tensors need
/// not be aligned.
enum SafetensorsHeader {
  /// One tensor as the header declares it, its extent checked.
  struct Entry {
    let type: String
    let shape: [Int]
    /// Where its bytes stand in the file.
    let range: Range<Int>

    /// The type, where it is one that a model computes with.
    var scalarType: ScalarType? { ScalarType.allCases.first { $0.safetensorsName == type } }
  }

  /// The format's own limit on the header.
  private static let greatestLength = 100_000_000

  /// Bits of each type that the format knows or that is only ever skipped.
  private static let bitCounts: [String: Int] = [
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64, "C64": 64,
  ]

  /// Every tensor that the header declares.
  static func entries(of contents: Data) throws(BadInput) -> [String: Entry] {
    let header = try header(of: contents)
    let dataStart = header.endIndex
    let members = try members(of: header)
    var entries = [String: Entry](minimumCapacity: members.count)
    for (name, value) in members.sorted(by: { $0.key < $1.key }) where name != "__metadata__" {
      do {
        entries[name] = try entry(value, dataStart: dataStart, fileEnd: contents.endIndex)
      } catch {
        throw BadInput(place: name, problem: error.problem, remedy: again)
      }
    }
    guard entries.count == members.count || members["__metadata__"]?.object != nil else {
      throw BadInput(place: "__metadata__", problem: "is not a JSON object", remedy: again)
    }
    try checkCoverage(of: entries, from: dataStart, to: contents.endIndex)
    return entries
  }

  private static let again = "download or write the file again"

  private static func members(of header: Data) throws(BadInput) -> [String: JSONValue] {
    guard !header.starts(with: [0xEF, 0xBB, 0xBF]) else {
      throw BadInput(place: "header", problem: "begins with a byte order mark", remedy: again)
    }
    let document: JSONValue
    do {
      document = try JSONValue.parse(header)
    } catch {
      throw BadInput(
        place: "header" + (error.place.map { ", " + $0 } ?? ""), problem: error.problem, remedy: again)
    }
    guard let members = document.object else {
      throw BadInput(place: "header", problem: "holds no JSON object", remedy: again)
    }
    return members
  }

  private static func header(of contents: Data) throws(BadInput) -> Data {
    guard contents.count >= 8 else {
      throw BadInput(
        problem: "is no safetensors file: \(contents.count) bytes cannot hold a header", remedy: again)
    }
    let declared = contents.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    guard let length = Int(exactly: declared), length <= contents.count - 8 else {
      throw BadInput(
        place: "header", problem: "its length of \(declared) bytes goes past the end of the file",
        remedy: again)
    }
    guard length <= greatestLength else {
      throw BadInput(
        place: "header", problem: "its length of \(length) bytes is over the format's \(greatestLength)",
        remedy: again)
    }
    return contents[contents.startIndex + 8..<contents.startIndex + 8 + length]
  }

  /// Checks one member against its type's size and the file's.
  ///
  /// Only ``BadInput/problem`` of an error is set.
  private static func entry(_ value: JSONValue, dataStart: Int, fileEnd: Int) throws(BadInput) -> Entry {
    guard let members = value.object, let type = members["dtype"]?.string,
      let shape = members["shape"]?.array?.map(\.integer), let offsets = members["data_offsets"]?.array
    else { throw BadInput(problem: "does not declare dtype, shape and data_offsets") }
    guard let bitCount = bitCounts[type] else { throw BadInput(problem: "has the unknown type \(type)") }
    var extents = [Int]()
    var bits = bitCount
    for extent in shape {
      guard let extent, extent >= 0 else {
        throw BadInput(problem: "its shape holds something else than whole numbers of at least 0")
      }
      let (product, overflow) = bits.multipliedReportingOverflow(by: extent)
      guard !overflow else { throw BadInput(problem: "its shape is too large to be real") }
      bits = product
      extents.append(extent)
    }
    guard offsets.count == 2, let begin = offsets[0].integer, let end = offsets[1].integer, begin >= 0,
      begin <= end
    else { throw BadInput(problem: "its data_offsets are not two ascending whole numbers") }
    guard end <= fileEnd - dataStart else {
      throw BadInput(
        problem: "ends at byte \(end) of the data, past the end of the file at \(fileEnd - dataStart)")
    }
    guard bits % 8 == 0, bits / 8 == end - begin else {
      throw BadInput(
        problem: "\(type) \(extents) needs \(bits) bits, but its data_offsets hold \(end - begin) bytes")
    }
    return Entry(type: type, shape: extents, range: dataStart + begin..<dataStart + end)
  }

  /// Checks that the tensors, in the order of their bytes, follow one another without overlap or hole.
  private static func checkCoverage(
    of entries: [String: Entry], from start: Int, to end: Int
  ) throws(BadInput) {
    var position = start
    let ordered = entries.sorted {
      ($0.value.range.lowerBound, $0.value.range.upperBound, $0.key)
        < ($1.value.range.lowerBound, $1.value.range.upperBound, $1.key)
    }
    for (name, entry) in ordered {
      guard entry.range.lowerBound == position else {
        let overlaps = entry.range.lowerBound < position
        throw BadInput(
          place: name, problem: overlaps ? "overlaps the tensor before it" : "leaves a hole before it",
          remedy: again)
      }
      position = entry.range.upperBound
    }
    guard position == end else {
      throw BadInput(
        place: "data", problem: "\(end - position) bytes follow the last tensor", remedy: again)
    }
  }
}
