import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneGGUF
import TouchstoneModel
import TouchstoneTestSupport

/// Models in several files, as llama.cpp's `gguf-split` names and numbers them.
@Suite struct SplitGGUFTests {
  /// A GPT-2 in three files: metadata alone, then the tensors in turn.
  private static func parts() -> [RawGGUF] {
    let whole = SmallGGUF.gpt2()
    var parts = [RawGGUF(), RawGGUF(), RawGGUF()]
    parts[0].pairs = whole.pairs
    for (number, tensor) in whole.tensors.enumerated() {
      let size = tensor.extents.reduce(4) { $0 * Int($1) }
      let bytes = whole.payload.dropFirst(Int(tensor.offset)).prefix(size)
      parts[1 + number % 2].add(tensor.name, tensor.type, tensor.extents, Data(bytes))
    }
    for number in parts.indices {
      parts[number].set("split.no", RawGGUF.integer(number))
      parts[number].set("split.count", RawGGUF.integer(parts.count))
      parts[number].set("split.tensors.count", RawGGUF.integer(whole.tensors.count))
    }
    return parts
  }

  private static func name(_ number: Int) -> String { "gpt2-0000\(number + 1)-of-00003.gguf" }

  private func folder(_ parts: [RawGGUF]) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for (number, part) in parts.enumerated() { try part.data.write(to: folder.file(Self.name(number))) }
    return folder
  }

  private func refusal(
    of file: Int = 0, _ change: (inout [RawGGUF]) -> Void = { _ in }
  ) throws -> BadInput? {
    var parts = Self.parts()
    change(&parts)
    let folder = try folder(parts)
    let error = #expect(throws: BadInput.self) { try Checkpoint(at: folder.file(Self.name(file))) }
    #expect(error?.remedy != nil)
    return error
  }

  @Test(.clause("FIL-30")) func partsTogetherAreTheModelInOneFile() throws {
    let folder = try folder(Self.parts())
    try SmallGGUF.gpt2().data.write(to: folder.file("whole.gguf"))
    let whole = try Checkpoint(at: folder.file("whole.gguf"))
    let parts = try Checkpoint(at: folder.file(Self.name(0)))
    #expect(parts.weights.values == whole.weights.values)
    #expect(parts.architecture.graph == whole.architecture.graph)
    let file = try GGUFFile(folder.file(Self.name(0)))
    let sizes = try (0..<3).map { try Data(contentsOf: folder.file(Self.name($0))).count }
    #expect(file.partCount == 3 && file.byteCount == sizes.reduce(0, +))
  }

  /// The model of the fixture `qwen3`, split by PyPI's `gguf` (`Fixtures/make_gguf.py`).
  @Test(.clause("FIL-30")) func whatAnotherProgramSplitIsTheModel() throws {
    let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/gguf")
    let parts = try Checkpoint(at: fixtures.appending(path: "split/qwen3-00001-of-00005.gguf"))
    let whole = try Checkpoint(at: fixtures.appending(path: "qwen3/model.gguf"))
    #expect(parts.weights.values == whole.weights.values)
  }

  @Test(.clause("FIL-30")) func onlyTheFirstPartStandsForTheModel() throws {
    let error = try refusal(of: 1)
    #expect(error?.file?.hasSuffix(Self.name(1)) == true && error?.place == "split.count")
    #expect(error?.remedy?.contains("-00001-of-00003.gguf, or join them by llama-gguf-split --merge") == true)
    let folder = try folder(Self.parts())
    try Self.parts()[0].data.write(to: folder.file("renamed.gguf"))
    let renamed = #expect(throws: BadInput.self) { try Checkpoint(at: folder.file("renamed.gguf")) }
    #expect(renamed?.problem == "says that this is one of 3 files")
  }

  @Test(.clause("FIL-30")) func aPartThatIsMissingIsNamed() throws {
    let error = try refusal { $0.removeLast() }
    #expect(
      error?.file?.hasSuffix(Self.name(2)) == true && error?.problem.contains("cannot be opened") == true)
  }

  @Test(.clause("FIL-30"), arguments: [("split.no", 1), ("split.no", 4_000_000_000), ("split.count", 4)])
  func aPartOfAnotherPlaceOrModelIsRefused(key: String, value: Int) throws {
    let error = try refusal { $0[2].set(key, RawGGUF.integer(value)) }
    #expect(error?.file?.hasSuffix(Self.name(2)) == true && error?.place == "split.no")
    #expect(error?.problem.hasSuffix("where 2 of 3 is due") == true)
  }

  @Test(.clause("FIL-30")) func tensorsTwiceOrLackingAreRefused() throws {
    let twice = try refusal {
      $0[2].add("token_embd.weight", [3, 4])
      $0[0].set("split.tensors.count", RawGGUF.integer(SmallGGUF.gpt2().tensors.count + 1))
    }
    #expect(twice?.place == "token_embd.weight")
    #expect(twice?.problem == "is in another of the model's files too")
    let lacking = try refusal { $0[0].set("split.tensors.count", RawGGUF.integer(99)) }
    #expect(lacking?.place == "split.tensors.count" && lacking?.problem.hasPrefix("is 99, and") == true)
  }

  @Test(.clause("FIL-26")) func aPartIsCheckedAsAFileIs() throws {
    let error = try refusal { $0[1].tensors[0].offset = 1 << 40 }
    #expect(error?.file?.hasSuffix(Self.name(1)) == true)
    #expect(error?.problem.hasPrefix("goes past the end of the file") == true)
  }
}
