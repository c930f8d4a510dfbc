import Foundation
import Testing
import TouchstoneFiles
import TouchstoneHDF5
import TouchstoneFamilies
import TouchstoneModel

@testable import TouchstoneGolden

/// Files that ask for more than their bytes can hold are refused before anything is allocated for them.
@Suite struct HostileFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  static let fixtures = CaptureVariantTests.folder + "hostile/"

  /// The beginning of a file, a hole behind it.
  private func sparse(_ name: String, size: Int) throws -> String {
    let path = folder.file("sparse.h5")
    try FileManager.default.copyItem(atPath: Self.fixtures + name, toPath: path)
    #expect(truncate(path, off_t(size)) == 0)
    return path
  }

  @Test(
    .clause("FIL-15"),
    arguments: [
      ("sparse-wrong.h5.head", 3_221_231_636, "layers/000/q"),
      ("sparse-right.h5.head", 823_433_216, "final/logits"),
    ])
  func aHoleIsNotRead(name: String, size: Int, place: String) throws {
    let path = try sparse(name, size: size)
    #expect(StoredBytes.count(in: path, of: size) < 1 << 20)
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: path) }
    #expect(error.file == path && error.place == place)
    #expect(error.problem.contains("declares the shape"), "\(error)")
  }

  @Test(.clause("FIL-15")) func aRingOfLinksEnds() throws {
    let file = try ActivationFile(path: Self.fixtures + "ring.h5")
    #expect(file.unknownPaths.count == 20)
    #expect(file.unknownPaths.allSatisfy { $0.hasPrefix("x/r") }, "\(file.unknownPaths)")
  }

  private func writeCapture(_ path: String, _ more: (HDF5Writer) throws -> Void) throws {
    let file = try HDF5Writer(path: path)
    try file.setAttribute("format", of: "/", to: "touchstone")
    try file.setAttribute("format_version", of: "/", to: "1.0")
    try file.setAttribute("kind", of: "/", to: "capture")
    for group in ["model", "inputs", "extra", "provenance", "weights"] { try file.createGroup(group) }
    let configuration = try Configuration(
      vocabularySize: 7, contextLength: 5, width: 4, layerCount: 1, headCount: 2)
    try file.setAttribute("config_json", of: "model", to: configuration.huggingFaceJSON)
    try integers("inputs/token_ids", 3, in: file)
    try more(file)
    try file.setFlag("complete", of: "/")
    try file.close()
  }

  private func integers(_ path: String, _ count: Int, in file: HDF5Writer) throws {
    let bytes = [UInt8](repeating: 0, count: 4 * count)
    try bytes.withUnsafeBytes {
      try file.writeDataset(path, type: .integer(byteCount: 4, isSigned: true), shape: [count], bytes: $0)
    }
  }

  /// A thousand layers are one group by as many hard links, and it holds 70 names.
  @Test(.clause("FIL-15")) func moreNamesThanAnyModelHasAreRefused() throws {
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: Self.fixtures + "aliases.h5") }
    #expect(error.problem.contains("65536 names"), "\(error)")
  }

  @Test(.clause("FIL-15")) func moreAttributesThanAnyoneNeedsAreRefused() throws {
    let path = folder.file("many.h5")
    try writeCapture(path) { file in
      for number in 0...1_024 { try file.setAttribute("note\(number)", of: "provenance", to: "x") }
    }
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: path) }
    #expect(error.place == "provenance" && error.problem.contains("1024 attributes"), "\(error)")
  }

  @Test(.clause("FIL-15")) func tokensBeyondTheContextAreNotRead() throws {
    let path = folder.file("long.h5")
    try writeCapture(path) { try integers("inputs/position_ids", 6, in: $0) }
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: path) }
    #expect(error.place == "inputs/position_ids" && error.problem.contains("at most 5"), "\(error)")
  }

  @Test(.clause("FIL-15")) func weightsOfAnotherShapeAreNotRead() throws {
    let path = folder.file("weights.h5")
    try writeCapture(path) { file in
      let bytes = [UInt8](repeating: 0, count: 4 * 7 * 5)
      try bytes.withUnsafeBytes {
        try file.writeDataset(
          "weights/transformer.wte.weight", type: .float(.float32), shape: [7, 5], bytes: $0)
      }
    }
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: path).weights() }
    #expect(error.place == "weights/transformer.wte.weight" && error.problem.contains("[7, 4]"), "\(error)")
  }

  @Test(.clause("FIL-20")) func aFileThatCrashesTheLibraryIsOneFilesBadInput() throws {
    do throws(BadInput) {
      try ActivationFile(path: Self.fixtures + "crash-1.h5", readFirstBy: TestProgram.path).checkContents()
    } catch {
      #expect(error.file?.hasSuffix("crash-1.h5") == true && error.remedy != nil)
    }
  }
}
