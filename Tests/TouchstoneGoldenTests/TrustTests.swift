import Foundation
import Testing
import TouchstoneModel

@testable import TouchstoneGolden

/// Digests kept outside a file are checked before it is opened, and files without one are read by a child.
@Suite struct TrustTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func theDigestBesideAFileIsWhatSha256sumWrites() throws {
    let path = try Sample().write(folder.file("a.h5"))
    let bytes = try #require(FileManager.default.contents(atPath: path))
    #expect(try String(contentsOfFile: path + ".sha256", encoding: .utf8) == "\(Digest.of(bytes))  a.h5\n")
    #expect(try Digest.ofFile(path) == Digest.of(bytes))
  }

  @Test func aFileOfAnotherDigestIsRefused() throws {
    let path = try Sample(seed: 1).write(folder.file("a.h5"))
    let other = try Sample(seed: 2).write(folder.file("b.h5"))
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.moveItem(atPath: other, toPath: path)
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: path) }
    #expect(error.problem.contains("a.h5.sha256"))
    for text in ["", "no digest", String(repeating: "g", count: 64)] {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path + ".sha256"))
      #expect(throws: BadInput.self) { try ActivationFile(path: path) }
    }
  }

  @Test func aManifestListsAFolderAndGuardsIt() throws {
    try FileManager.default.createDirectory(atPath: folder.file("cases"), withIntermediateDirectories: true)
    let golden = try Sample(seed: 1).write(folder.file("cases/a.h5"), writesDigest: false)
    try Sample(seed: 2).write(folder.file("b.h5"), kind: .capture)
    try Data("{}".utf8).write(to: URL(fileURLWithPath: folder.file("config.json")))
    #expect(try GoldenManifest(folder: folder.path) == nil)
    let foreign = CaptureVariantTests.folder + "refused-other-format.h5"
    try FileManager.default.copyItem(atPath: foreign, toPath: folder.file("foreign.h5"))
    let manifest = try GoldenManifest(describing: folder.path)
    #expect(manifest.files.keys.sorted() == ["b.h5", "cases/a.h5", "config.json", "foreign.h5"])
    #expect(manifest.files["b.h5"]?.kind == "capture" && manifest.files["foreign.h5"]?.kind == nil)
    #expect(manifest.goldens == ["cases/a.h5"])
    #expect(manifest.files["config.json"] == .init(bytes: 2, kind: nil, sha256: Digest.of(Data("{}".utf8))))
    try manifest.write()
    #expect(try GoldenManifest(folder: folder.path) == manifest)
    #expect(manifest.unlisted.isEmpty)
    #expect(try ActivationFile(path: golden).hasTrustedDigest)

    try Sample(seed: 3).write(golden, overwrite: true, writesDigest: false)
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: golden) }
    #expect(error.problem.contains("MANIFEST.json"))
    // Describing the folder anew accepts what is there now.
    try GoldenManifest(describing: folder.path).write()
    #expect(try ActivationFile(path: golden).hasTrustedDigest)
  }

  @Test func aFolderWithADamagedGoldenIsNotDescribed() throws {
    let path = try Sample().write(folder.file("a.h5"), writesDigest: false)
    let whole = try #require(FileManager.default.contents(atPath: path))
    try whole.dropLast(1).write(to: URL(fileURLWithPath: path))
    let error = try #require(throws: BadInput.self) { try GoldenManifest(describing: folder.path) }
    #expect(error.file?.hasSuffix("a.h5") == true)
  }

  @Test func aDamagedManifestIsRefusedAndAnotherProgramsIsIgnored() throws {
    let path = try Sample().write(folder.file("a.h5"), writesDigest: false)
    let manifest = URL(fileURLWithPath: folder.file("MANIFEST.json"))
    for text in [
      "{", #"{"format": "touchstone-manifest-1"}"#,
      #"{"format": "touchstone-manifest-1", "files": {"../a": {"bytes": 1, "sha256": "00"}}}"#,
    ] {
      try Data(text.utf8).write(to: manifest)
      #expect(throws: BadInput.self) { try ActivationFile(path: path) }
    }
    try Data(#"{"name": "an extension"}"#.utf8).write(to: manifest)
    #expect(try !ActivationFile(path: path).hasTrustedDigest)
  }

  // MARK: The child process

  /// A program that a shell writes: a descriptor of our own, open for writing while another test starts a process, would
  /// be that process's too for a moment, and a program that somebody writes to does not start.
  private func script(_ text: String) throws -> String {
    let path = folder.file("script")
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/sh")
    shell.arguments = ["-c", #"printf '#!/bin/sh\n%s\n' "$1" > "$0" && chmod 755 "$0""#, path, text]
    try shell.run()
    shell.waitUntilExit()
    #expect(shell.terminationStatus == 0)
    return path
  }

  @Test func aFileThatTheChildReadsIsOpened() throws {
    let path = try Sample().write(folder.file("a.h5"), writesDigest: false)
    try ActivationFile(path: path, readFirstBy: TestProgram.path).checkContents()
  }

  @Test func whatTheChildFindsIsReportedAsItsOwn() throws {
    let path = CaptureVariantTests.folder + "refused-lzf.h5"
    let here = try #require(throws: BadInput.self) {
      try ActivationFile(path: path).checkContents()
    }
    let child = try #require(throws: BadInput.self) {
      try ActivationFile(path: path, readFirstBy: TestProgram.path)
    }
    #expect(child == here)
  }

  /// `contiguous-int64-batch.h5` with a few bytes of metadata overwritten at random, until libhdf5 1.10.8 died
  /// of it; later versions may refuse it instead, or read it.
  @Test func aFileThatCrashesTheLibraryDoesNotCrashThisProcess() throws {
    let path = CaptureVariantTests.folder + "crafted.h5"
    do throws(BadInput) {
      try ActivationFile(path: path, readFirstBy: TestProgram.path).checkContents()
    } catch {
      #expect(error.file == path)
      #expect(error.remedy != nil)
    }
  }

  @Test(arguments: ["kill -SEGV $$", "kill -KILL $$", "exit 1"])
  func aFileThatTheChildDoesNotSurviveIsRefused(end: String) throws {
    let path = try Sample().write(folder.file("a.h5"), writesDigest: false)
    let program = try script(end)
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: path, readFirstBy: program) }
    #expect(error.problem.contains("crashes, stalls or exhausts"))
  }

  /// Which says nothing against the file: on a machine that is busy enough a right one takes as long.
  @Test func aChildThatTheClockEndsIsNotTakenForDamage() throws {
    let path = try Sample().write(folder.file("a.h5"), writesDigest: false)
    let program = try script("kill -ALRM $$")
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: path, readFirstBy: program) }
    #expect(error.problem.contains("was not read within"))
    #expect(error.remedy?.contains("damaged") == false)
  }

  @Test func aProgramThatDoesNotStartIsAnError() throws {
    let path = try Sample().write(folder.file("a.h5"), writesDigest: false)
    #expect(throws: BadInput.self) { try ActivationFile(path: path, readFirstBy: folder.file("nowhere")) }
  }

  // MARK: What needs no child

  private static let goldens = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "golden")

  @Test(.clause("FIL-14")) func theProgramHoldsTheDigestOfItsOwnManifest() throws {
    let digest = try Digest.ofFile(Self.goldens.appending(path: "MANIFEST.json").path)
    #expect(
      digest == BundledManifest.digest,
      "golden/MANIFEST.json has changed: write its SHA-256 into Sources/TouchstoneGolden/Trust/BundledManifest.swift"
    )
  }

  @Test(.clause("FIL-14")) func theGoldensOfThisProgramNeedNoChild() throws {
    let golden = Self.goldens.appending(path: "cases/tiny-odd.h5").path
    #expect(try ActivationFile(path: golden, readFirstBy: folder.file("nowhere")).hasTrustedDigest)
  }

  @Test(.clause("FIL-14"), arguments: [true, false])
  func aDigestThatCameWithAFileDoesNotSpareTheChild(inManifest: Bool) throws {
    let path = try Sample().write(folder.file("a.h5"), writesDigest: !inManifest)
    if inManifest { try GoldenManifest(describing: folder.path).write() }
    #expect(try ActivationFile(path: path).hasTrustedDigest)
    #expect(throws: BadInput.self) { try ActivationFile(path: path, readFirstBy: folder.file("nowhere")) }
  }

  @Test(.clause("FIL-14")) func aCopyOfTheManifestVouchesOnlyForWhatItLists() throws {
    let manifest = Self.goldens.appending(path: "MANIFEST.json")
    try FileManager.default.copyItem(atPath: manifest.path, toPath: folder.file("MANIFEST.json"))
    let other = try Sample().write(folder.file("a.h5"), writesDigest: false)
    #expect(throws: BadInput.self) { try ActivationFile(path: other, readFirstBy: folder.file("nowhere")) }
    try FileManager.default.createDirectory(atPath: folder.file("cases"), withIntermediateDirectories: true)
    let listed = try Sample().write(folder.file("cases/tiny-odd.h5"), writesDigest: false)
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: listed) }
    #expect(error.problem.contains("MANIFEST.json"))
  }

  @Test(.clause("FIL-14")) func aFileIsReadByAChildOncePerState() throws {
    let path = try Sample().write(folder.file("a.h5"))
    let program = try script("echo x >> '\(folder.file("runs"))'; exit 0")
    for _ in 0..<3 { _ = try ActivationFile(path: path, readFirstBy: program) }
    #expect(try String(contentsOfFile: folder.file("runs"), encoding: .utf8) == "x\n")
    try Sample(seed: 2).write(path, overwrite: true)
    _ = try ActivationFile(path: path, readFirstBy: program)
    #expect(try String(contentsOfFile: folder.file("runs"), encoding: .utf8) == "x\nx\n")
  }

  // MARK: Sizes of lists

  @Test(.clause("FIL-15"), arguments: ["a.h5.sha256", "MANIFEST.json"])
  func aListThatHasNoEndIsRefused(name: String) throws {
    let path = try Sample().write(folder.file("a.h5"), writesDigest: false)
    let list = folder.file(name)
    #expect(FileManager.default.createFile(atPath: list, contents: nil))
    #expect(truncate(list, 1 << 40) == 0)
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: path) }
    #expect(error.file?.hasSuffix(name) == true && error.problem.contains("is larger than"))
    #expect(unlink(list) == 0 && mkfifo(list, 0o600) == 0)
    #expect(throws: BadInput.self) { try ActivationFile(path: path) }
  }
}
