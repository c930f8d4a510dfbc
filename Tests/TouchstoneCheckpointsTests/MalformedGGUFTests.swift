import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneGGUF
import TouchstoneModel
import TouchstoneTestSupport

@Suite struct MalformedGGUFTests {
  private func refusal(_ data: Data) throws -> String {
    let folder = try TemporaryFolder()
    try data.write(to: folder.file("a.gguf"))
    let error = #expect(throws: BadInput.self) { try Checkpoint(at: folder.file("a.gguf")) }
    #expect(error?.file == folder.file("a.gguf").path && error?.remedy != nil)
    return error?.description ?? ""
  }

  /// A file of one float32 tensor of two rows of four.
  private var small: RawGGUF {
    var file = RawGGUF()
    file.set("general.architecture", RawGGUF.string("gpt2"))
    file.add("a", [2, 4])
    return file
  }

  private func refusal(_ change: (inout RawGGUF) -> Void) throws -> String {
    var file = small
    change(&file)
    return try refusal(file.data)
  }

  @Test(.clause("FIL-26")) func everyBeginningOfAFileIsRefused() throws {
    let data = SmallGGUF.gpt2().data
    for count in stride(from: 0, to: data.count, by: 37) {
      #expect(try !refusal(data.prefix(count)).isEmpty)
    }
  }

  @Test(
    .clause("FIL-26"),
    arguments: [
      (UInt32(1), "has the version 1"), (4, "has the version 4"), (0x0300_0000, "is big-endian"),
    ])
  func otherVersionsAreRefused(version: UInt32, problem: String) throws {
    #expect(try refusal { $0.version = version }.contains(problem))
    #expect(try refusal { $0.magic = "GGML" }.contains("is no GGUF file"))
  }

  @Test(.clause("FIL-26"), arguments: [1000, UInt64(Int.max), .max])
  func countsThatTheFileCannotHoldAreRefused(count: UInt64) throws {
    #expect(
      try refusal { $0.tensorCount = count }.contains("declares \(count) tensors, more than the file can"))
    #expect(try refusal { $0.pairCount = count }.contains("declares \(count) pairs"))
    #expect(
      try refusal {
        $0.pairs.append(("b", (8, withUnsafeBytes(of: count) { Data($0) })))
      }.contains("b: goes past the end of the file"))
    let array = withUnsafeBytes(of: UInt32(4)) { Data($0) } + withUnsafeBytes(of: count) { Data($0) }
    #expect(try refusal { $0.pairs.append(("b", (9, array))) }.contains("b: "))
  }

  @Test(.clause("FIL-26")) func metadataOfNoTypeOrTwiceAreRefused() throws {
    #expect(try refusal { $0.pairs.append(("b", (13, Data()))) }.contains("b: has the unknown type 13"))
    #expect(try refusal { $0.pairs.append($0.pairs[0]) }.contains("general.architecture: is given twice"))
    let nested = RawGGUF.array([RawGGUF.array([RawGGUF.integer(1)])])
    #expect(try refusal { $0.set("b", nested) }.contains("b: is an array of arrays"))
    #expect(
      try refusal { $0.set("general.architecture", RawGGUF.integer(1)) }
        .contains("general.architecture: is of the type uint32, where strings are due"))
    #expect(
      try refusal { $0.set("general.alignment", RawGGUF.integer(24)) }.contains("general.alignment: is 24"))
    #expect(
      try refusal { $0.set("split.count", RawGGUF.integer(3)) }.contains("says that this is one of 3 files"))
  }

  @Test(.clause("FIL-26")) func tensorsOutsideTheFileOrEachOtherAreRefused() throws {
    #expect(try refusal { $0.tensors[0].offset = 32 }.contains("a: goes past the end of the file"))
    #expect(try refusal { $0.tensors[0].offset = .max - 31 }.contains("a: begins at the offset"))
    #expect(
      try refusal { $0.tensors[0].offset = 4 }.contains("a: begins at the offset 4, which is not aligned"))
    #expect(try refusal { $0.tensors[0].extents = [] }.contains("a: has 0 axes"))
    #expect(try refusal { $0.tensors[0].extents = [4, 2, 1, 1, 1] }.contains("a: has 5 axes"))
    #expect(try refusal { $0.tensors[0].extents = [4, 0] }.contains("a: has an axis of the extent 0"))
    #expect(try refusal { $0.tensors[0].extents = [4, .max] }.contains("a: has an axis of the extent"))
    let huge = [UInt64](repeating: 1 << 40, count: 2)
    #expect(try refusal { $0.tensors[0].extents = huge }.contains("a: its shape is too large to be real"))
    #expect(try refusal { $0.tensors.append($0.tensors[0]) }.contains("a: is declared twice"))
    #expect(
      try refusal {
        $0.add("b", [2])
        $0.tensors[1].offset = 0
      }.contains("b: overlaps the tensor before it"))
  }

  @Test(
    .clause("FIL-25"),
    arguments: [
      (20, "has the type IQ4_NL, which is not read"), (39, "has the type MXFP4, which is not read"),
      (99, "has the unknown type 99"), (12, "has rows of 4 values, which are no whole blocks of Q4_K (256)"),
      (8, "has rows of 4 values, which are no whole blocks of Q8_0 (32)"),
    ])
  func typesThatAreNotReadAndPartsOfBlocksAreRefused(type: UInt32, problem: String) throws {
    #expect(try refusal { $0.tensors[0].type = type }.contains("a: \(problem)"))
  }

  /// Whatever is changed in what stands before the data, the file is read or refused in a sentence.
  @Test(.clause("FIL-26"), arguments: [UInt64(1), 2]) func changedBytesNeverDoMore(seed: UInt64) throws {
    var random = SplitMix(state: seed)
    let original = [UInt8](SmallGGUF.gemma().data)
    let folder = try TemporaryFolder()
    for _ in 0..<300 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let place = Int.random(in: 0..<original.count - 600, using: &random)
        bytes[place] =
          [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &random)]
          .randomElement(using: &random) ?? 0
      }
      try Data(bytes).write(to: folder.file("a.gguf"))
      do {
        _ = try Checkpoint(at: folder.file("a.gguf"))
      } catch {
        #expect(error.file != nil && error.remedy != nil, "seed \(seed): \(error)")
      }
    }
  }
}
