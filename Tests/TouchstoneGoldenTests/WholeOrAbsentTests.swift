import Foundation
import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneGolden

/// A file is there under its name only when all of it is.
@Suite struct WholeOrAbsentTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private var contents: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
  }

  @Test(.clause("FIL-9")) func aWriterThatIsDroppedLeavesNothing() throws {
    let sample = try Sample()
    var writer: ActivationFileWriter? = try ActivationFileWriter(
      path: folder.file("a.h5"), kind: .golden, configuration: sample.configuration, inputs: sample.inputs)
    try writer?.write(sample.tensors[0].activation, sample.tensors[0].tensor)
    #expect(contents.count == 1 && contents[0].hasPrefix("a.h5.partial-"))
    writer = nil
    #expect(contents.isEmpty)
  }

  @Test(.clause("FIL-10")) func aGoldenThatLacksAnActivationIsNotWritten() throws {
    let sample = try Sample()
    let writer = try ActivationFileWriter(
      path: folder.file("a.h5"), kind: .golden, configuration: sample.configuration, inputs: sample.inputs)
    for (activation, tensor) in sample.tensors where activation.point != .key {
      try writer.write(activation, tensor)
    }
    let error = try #require(throws: BadInput.self) { try writer.finish() }
    #expect(error.file == folder.file("a.h5"))
    #expect(error.place == "layers/000/k")
    #expect(contents.isEmpty)
    #expect(throws: BadInput.self) { try writer.finish() }
  }

  @Test func wrongAndRepeatedActivationsAreRefused() throws {
    let sample = try Sample()
    let (activation, tensor) = sample.tensors[0]
    for (second, shape) in [
      (activation, tensor.shape), (sample.tensors[3].activation, [1]),
      (Activation(.query, layer: 2), [2, 3, 2]),
    ] {
      let writer = try ActivationFileWriter(
        path: folder.file("a.h5"), kind: .golden, configuration: sample.configuration, inputs: sample.inputs)
      try writer.write(activation, tensor)
      #expect(throws: BadInput.self) { try writer.write(second, Tensor<Double>(repeating: 0, shape: shape)) }
      #expect(contents.isEmpty)
    }
  }

  @Test func anExistingFileIsReplacedOnlyWhenTold() throws {
    let path = try Sample(seed: 1).write(folder.file("a.h5"))
    let first = FileManager.default.contents(atPath: path)
    let error = try #require(throws: BadInput.self) { try Sample(seed: 2).write(path) }
    #expect(error.problem == "already exists")
    #expect(FileManager.default.contents(atPath: path) == first)
    #expect(contents == ["a.h5", "a.h5.sha256"])
    try Sample(seed: 2).write(path, overwrite: true)
    #expect(FileManager.default.contents(atPath: path) != first)
    #expect(contents == ["a.h5", "a.h5.sha256"])
    _ = try ActivationFile(path: path)
    // Without a digest of its own, the file must not keep the digest of an earlier one.
    try Sample(seed: 3).write(path, overwrite: true, writesDigest: false)
    #expect(contents == ["a.h5"])
    _ = try ActivationFile(path: path)
  }

  @Test func aNameThatCannotBeWrittenIsRefused() throws {
    for path in [folder.path, folder.file("no/such/folder/a.h5"), "/proc/a.h5", ""] {
      let error = try #require(throws: BadInput.self) { try Sample().write(path) }
      #expect(error.file == path)
    }
    #expect(contents.isEmpty)
  }

  @Test(.clause("FIL-9")) func aKilledWriterLeavesNothingThatReadsAsAGolden() throws {
    let path = folder.file("a.h5")
    let output = Pipe()
    let process = try TestProgram.start("stall", path, output: output)
    #expect(try output.fileHandleForReading.read(upToCount: 7) == Data("written".utf8))
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    let partial = try #require(contents.first)
    #expect(contents.count == 1 && partial.hasPrefix("a.h5.partial-"))
    #expect(throws: BadInput.self) { try ActivationFile(path: folder.file(partial)) }
    // The name is free: the next attempt succeeds.
    #expect(try TestProgram.run("write", path).status == 0)
    _ = try ActivationFile(path: path)
  }

  @Test(arguments: [0, 1_000, 40_000, 200_000, 500_000, 900_000])
  func aFullDiskIsAnErrorAndNotACrash(byteCount: Int) throws {
    let path = folder.file("a.h5")
    let (status, wasKilled, output) = try TestProgram.run("write", path, String(byteCount))
    #expect(status == 2 && !wasKilled)
    #expect(output.hasPrefix(path + ": "), "\(output)")
    #expect(output.hasSuffix("check the free space and the permissions of the folder\n"), "\(output)")
    #expect(output.split(separator: "\n").count == 1, "\(output)")
    #expect(contents.isEmpty)
  }

  @Test func aFileCutShortIsRefusedAtEveryLength() throws {
    let path = try Sample().write(folder.file("a.h5"), writesDigest: false)
    let whole = try #require(FileManager.default.contents(atPath: path))
    let cut = folder.file("cut.h5")
    for length in stride(from: 0, to: whole.count, by: 211) + [whole.count - 1] {
      try whole.prefix(length).write(to: URL(fileURLWithPath: cut))
      let error = try #require(throws: BadInput.self, "\(length) bytes") { try ActivationFile(path: cut) }
      #expect(error.file == cut)
    }
  }
}

private func + (left: StrideTo<Int>, right: [Int]) -> [Int] { Array(left) + right }
