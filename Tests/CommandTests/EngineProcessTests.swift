import Foundation
import Testing
import TouchstoneTestSupport

/// However a program of `--exec` ends, the run goes on and nothing of it stays.
@Suite struct EngineProcessTests {
  private func verify(
    _ command: String, _ options: [String] = [], goldens: Int = 1,
    _ body: (Program, Program.Result) throws -> Void
  ) throws {
    try Program.inFolder { program in
      let golden = try TinyModel().record(program)
      for number in 1..<goldens {
        try FileManager.default.copyItem(atPath: golden, toPath: program.path("golden\(number).h5"))
      }
      try FileManager.default.removeItem(atPath: golden + ".sha256")
      let paths = program.files.filter { $0.hasSuffix(".h5") }
      let result = try program.touchstone(["verify"] + paths + ["--exec", command] + options)
      try body(program, result)
    }
  }

  private static let engine =
    "'\(Program.executable.path)' capture --model {model} --golden {golden} --out {capture}"

  @Test(.clause("FIL-17")) func aProgramThatHangsIsEndedWithAllThatItStarted() throws {
    let start = ContinuousClock.now
    try verify("sleep 61 & sleep 61; # {capture}", ["--timeout", "0.5"]) { _, result in
      #expect(result.code == 2)
      #expect(result.output.contains("--timeout") && result.output.contains("0.5 seconds"), "\(result)")
    }
    #expect(ContinuousClock.now - start < .seconds(20))
    try Program.expectGone("sleep 61")
  }

  @Test(
    .clause("FIL-17"),
    arguments: [
      ("sleep 62 &", 62), ("setsid sleep 63 </dev/null >/dev/null 2>&1 &", 63),
      ("(trap '' TERM; sleep 64) &", 64),
    ])
  func whatAProgramLeavesRunningIsEnded(background: String, seconds: Int) throws {
    let start = ContinuousClock.now
    try verify("\(background) \(Self.engine)") { _, result in
      #expect(result.code == 0, "\(result)")
    }
    #expect(ContinuousClock.now - start < .seconds(20))
    try Program.expectGone("sleep \(seconds)")
  }

  @Test(
    .clause("FIL-17"),
    arguments: [
      ("exit 7", "exit code 7"), ("exit 126", "exit code 126"), ("/nowhere/engine", "exit code 127"),
      ("kill -SEGV $$", "signal 11"), ("true", "without writing a capture"),
    ])
  func anEndThatIsNoAnswerIsBadInput(command: String, what: String) throws {
    try verify("\(command) # {capture}") { _, result in
      #expect(result.code == 2 && result.output.contains(what), "\(result)")
    }
  }

  @Test(.clause("FIL-17")) func whatAProgramDoesNotSupportIsListedAndNoFailure() throws {
    try verify("exit 77 # {capture}", goldens: 2) { _, result in
      #expect(result.code == 3, "\(result)")
      #expect(result.output.contains("2 goldens: 2 unsupported"), "\(result)")
    }
    let some = "case {golden} in *golden1*) exit 77;; esac; \(Self.engine)"
    try verify(some, goldens: 2) { _, result in
      #expect(result.code == 0, "\(result)")
      #expect(result.output.contains("2 goldens: 1 consistent, 1 unsupported"), "\(result)")
    }
    try verify(some, ["--json"], goldens: 2) { _, result in
      let list = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]]
      #expect(list?.count == 2)
      let notes = (list ?? []).flatMap { $0["notes"] as? [String] ?? [] }
      #expect(notes.contains { $0.contains("exit code 77") }, "\(result)")
    }
  }

  @Test(.clause("FIL-17")) func aTimeoutIsANumberOfSeconds() throws {
    try Program.inFolder { program in
      for value in ["0", "-1", "nan", "inf", "x"] {
        try #expect(program.touchstone("verify", "x", "--timeout=\(value)").code == 64)
      }
    }
  }
}
