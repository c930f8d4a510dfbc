import Foundation
import Testing
import TouchstoneModel

@testable import TouchstoneHDF5

/// A folder that is removed with its last user.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "touchstone-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }
}

/// Bytes that every type can hold, from a fixed seed.
func bytes(_ count: Int, seed: UInt64) -> Data {
  var state = seed
  return Data(
    (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 56)
    })
}

func write(_ path: String, _ body: (HDF5Writer) throws -> Void) throws {
  let writer = try HDF5Writer(path: path)
  try body(writer)
  try writer.close()
}

@Suite struct RoundTripTests {
  static let types: [ElementType] =
    ScalarType.allCases.map { .float($0) }
    + [
      .integer(byteCount: 1, isSigned: false), .integer(byteCount: 2, isSigned: false),
      .integer(byteCount: 4, isSigned: true), .integer(byteCount: 8, isSigned: true),
    ]

  static let shapes: [[Int]] = [
    [], [0], [3, 0, 2], [1], [1, 1, 1], [7], [5, 3], [2, 3, 5, 7], [1, 1031], [1031, 1], [3, 65_537],
  ]

  @Test(arguments: types, shapes)
  func everyTypeAndShapeComesBack(type: ElementType, shape: [Int]) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    let data = bytes(shape.reduce(type.byteCount ?? 0, *), seed: UInt64(shape.count + 1))
    try write(path) { writer in
      try writer.createGroup("g")
      try data.withUnsafeBytes { try writer.writeDataset("g/x", type: type, shape: shape, bytes: $0) }
    }
    let reader = try HDF5Reader(path: path)
    let dataset = try #require(try reader.dataset(at: "/g/x"))
    #expect(dataset.type == type)
    #expect(dataset.shape == shape)
    #expect(dataset.obstacle == nil)
    #expect(try reader.bytes(of: dataset) == data)
  }

  /// Chunks of whole rows, the last one partly filled.
  @Test func aTensorOfManyChunksComesBack() throws {
    let folder = try TemporaryFolder()
    let shape = [3, 1_003, 307]
    let data = bytes(shape.reduce(4, *), seed: 9)
    try write(folder.file("a.h5")) { writer in
      try data.withUnsafeBytes {
        try writer.writeDataset("x", type: .float(.float32), shape: shape, bytes: $0)
      }
    }
    let reader = try HDF5Reader(path: folder.file("a.h5"))
    let dataset = try #require(try reader.dataset(at: "x"))
    #expect(dataset.storedByteCount > data.count)
    #expect(try reader.bytes(of: dataset) == data)
  }

  /// A chunk that is not what its checksum says is refused, but where something better is checked.
  @Test func checksumsOfChunksAreCheckedUnlessThatIsNotAskedFor() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    let data = bytes(4_000, seed: 3)
    try write(path) { writer in
      try data.withUnsafeBytes {
        try writer.writeDataset("x", type: .float(.float32), shape: [1_000], bytes: $0)
      }
    }
    var file = try Data(contentsOf: URL(filePath: path))
    let stored = try #require(file.firstRange(of: data))
    file[stored.lowerBound + 8] ^= 1
    try file.write(to: URL(filePath: path))
    let reader = try HDF5Reader(path: path)
    let dataset = try #require(try reader.dataset(at: "x"))
    #expect(throws: BadInput.self) { try reader.bytes(of: dataset) }
    let damaged = try reader.bytes(of: dataset, checksums: false)
    #expect(zip(damaged, data).count { $0 != $1 } == 1)
  }

  @Test func attributesComeBack() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("a.h5")) { writer in
      try writer.setAttribute("text", of: "/", to: "two\nlines")
      try writer.setAttribute("empty", of: "/", to: "")
      try writer.setAttribute("accents", of: "/", to: "é😀")
      try writer.setAttribute("number", of: "/", to: -0.1)
      try writer.setFlag("flag", of: "/")
      for index in 0..<40 { try writer.setAttribute("many\(index)", of: "/", to: Double(index)) }
    }
    let reader = try HDF5Reader(path: folder.file("a.h5"))
    #expect(try reader.attribute("text", of: "/") == .text("two\nlines"))
    #expect(try reader.attribute("empty", of: "/") == .text(""))
    #expect(try reader.attribute("accents", of: "/") == .text("\\u00e9\\ud83d\\ude00"))
    #expect(try reader.attribute("number", of: "/") == .number(-0.1))
    #expect(try reader.attribute("flag", of: "/") == .integer(1))
    #expect(try reader.attribute("many39", of: "/") == .number(39))
    #expect(try reader.attribute("absent", of: "/") == nil)
    #expect(try reader.attributeNames(of: "/").count == 45)
  }

  @Test func groupsListTheirMembers() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("a.h5")) { writer in
      for name in ["b", "a", "a/c"] { try writer.createGroup(name) }
      try writer.writeDataset(
        "a/x", type: .float(.float64), shape: [0], bytes: UnsafeRawBufferPointer(start: nil, count: 0))
    }
    let reader = try HDF5Reader(path: folder.file("a.h5"))
    #expect(try reader.members(of: "/") == ["a", "b"])
    #expect(try reader.members(of: "a") == ["c", "x"])
    #expect(try reader.kind(of: "a/x") == .dataset)
    #expect(try reader.kind(of: "a/c") == .group)
    #expect(try reader.kind(of: "a/d") == nil)
    #expect(try reader.kind(of: "a/x/y") == nil)
    #expect(try reader.members(of: "nowhere").isEmpty)
  }

  @Test func theSameCallsWriteTheSameBytes() throws {
    let folder = try TemporaryFolder()
    for name in ["a.h5", "b.h5"] {
      try write(folder.file(name)) { writer in
        try writer.createGroup("g")
        try writer.setAttribute("text", of: "g", to: "value")
        for index in 0..<20 {
          let data = bytes(8 * 37 * 3, seed: UInt64(index))
          try data.withUnsafeBytes {
            try writer.writeDataset("g/\(index)", type: .float(.float64), shape: [37, 3], bytes: $0)
          }
        }
      }
      // The clock of the file system moves on between the two.
      Thread.sleep(forTimeInterval: name == "a.h5" ? 1.1 : 0)
    }
    #expect(
      FileManager.default.contents(atPath: folder.file("a.h5"))
        == FileManager.default.contents(atPath: folder.file("b.h5")))
  }

  @Test func anExistingFileIsNotReplaced() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("a.h5")) { _ in }
    #expect(throws: BadInput.self) { try HDF5Writer(path: folder.file("a.h5")) }
  }

  @Test func errorsGiveTheFileThePlaceAndTheLibrarysReason() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.h5")
    try Data("no HDF5 at all".utf8).write(to: URL(fileURLWithPath: path))
    let error = try #require(throws: BadInput.self) { try HDF5Reader(path: path) }
    #expect(error.file == path)
    #expect(error.problem.contains("file signature not found"), "\(error)")
  }
}
