import Foundation
import Testing
import TouchstoneFiles
import TouchstoneTestSupport

/// A program is ended with what it started, and may end by itself where its time is over.
@Suite struct ChildProcessTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func run(_ script: String, timeout: Double) throws -> ChildProcess.Result {
    try ChildProcess.run("/bin/sh", ["-c", script, "sh", folder.path], output: .kept, timeout: timeout)
  }

  /// The group ends with its leader also where nobody looks for processes in others.
  @Test(.clause("FIL-17")) func whatStaysInTheGroupIsEnded() throws {
    let result = try run("(sleep 1; echo late > \"$1/late\") & echo started", timeout: 60)
    #expect(result.end == .exited(0) && result.output == Data("started\n".utf8))
    Thread.sleep(forTimeInterval: 2)
    #expect(!FileManager.default.fileExists(atPath: folder.file("late")))
  }

  @Test(.clause("FIL-17")) func aProgramWhoseTimeIsOverIsAskedToEndFirst() throws {
    let result = try run(
      "trap 'echo asked > \"$1/asked\"; exit 3' TERM; echo ready; while :; do sleep 0.1; done", timeout: 3)
    #expect(result.end == .timedOut && result.output == Data("ready\n".utf8))
    #expect(FileManager.default.fileExists(atPath: folder.file("asked")))
  }

  @Test(.clause("FIL-17")) func aProgramThatDoesNotEndWhenAskedIsEnded() throws {
    let result = try run("trap '' TERM; echo ready; while :; do sleep 0.1; done", timeout: 1)
    #expect(result.end == .timedOut)
  }
}
