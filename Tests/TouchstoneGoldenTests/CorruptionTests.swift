import Foundation
import Testing
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneGolden

/// Damage to a file's bytes is always seen.
@Suite struct CorruptionTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Opens and reads everything; nil where the file is refused.
  private func read(_ path: String) -> ActivationFile? {
    guard let file = try? ActivationFile(path: path), (try? file.checkContents()) != nil else { return nil }
    return file
  }

  /// Flips bits of one byte of `path` and says whether the file is still accepted.
  private func isAccepted(_ path: String, _ original: Data, offset: Int, mask: UInt8) throws -> Bool {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: Data([original[offset] ^ mask]))
    let accepted = read(path) != nil
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: Data([original[offset]]))
    try file.close()
    return accepted
  }

  @Test(.clause("FIL-8"), arguments: [true, false])
  func everyFlippedByteIsRefused(hasDigest: Bool) throws {
    let sample = try Sample(tokenCount: 2, layers: 1)
    let path = try sample.write(folder.file("a.h5"), writesDigest: hasDigest)
    let original = try #require(FileManager.default.contents(atPath: path))
    #expect(read(path) != nil)
    var generator = SplitMix(state: 5)
    let isExhaustive = ProcessInfo.processInfo.environment["TOUCHSTONE_EVERY_BYTE"] != nil
    let offsets =
      isExhaustive
      ? Array(original.indices) : (0..<500).map { _ in Int.random(in: original.indices, using: &generator) }
    var accepted: [Int] = []
    for offset in offsets {
      let mask = UInt8(1) << UInt8.random(in: 0..<8, using: &generator)
      if try isAccepted(path, original, offset: offset, mask: mask) { accepted.append(offset) }
    }
    #expect(accepted.isEmpty, "of \(original.count) bytes, seed 5, accepted: \(accepted)")
    #expect(read(path) != nil)
  }
}
