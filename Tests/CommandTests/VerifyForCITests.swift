import Foundation
import Testing
import TouchstoneModel
import TouchstoneTestSupport

/// What a CI system reads of a run, and what it holds the next run against.
@Suite struct VerifyForCITests {
  /// Goldens `goldens/a.h5` and `goldens/b.h5`, a right capture and one whose logits are all 1 too great.
  private func prepare(_ program: Program) throws {
    let golden = try TinyModel().record(program)
    try FileManager.default.createDirectory(
      atPath: program.path("goldens"), withIntermediateDirectories: true)
    for name in ["a.h5", "b.h5"] {
      try FileManager.default.copyItem(atPath: golden, toPath: program.path("goldens/" + name))
    }
    try #expect(program.touchstone("capture", "--golden", golden, "--out", "right.h5").code == 0)
    try TinyModel().writeCapture(to: program.path("wrong.h5")) { activation, tensor in
      guard activation.path == "final/logits" else { return tensor }
      return Tensor(tensor.values.map { $0 + 1 }, shape: tensor.shape)
    }
  }

  /// Gives `b` the wrong capture as long as there is a file `broken`.
  private let engine =
    "case {golden} in *b.h5) if [ -e broken ]; then cp wrong.h5 {capture}; else cp right.h5 {capture}; fi;; "
    + "*) cp right.h5 {capture};; esac"

  private func breakEngine(_ program: Program) throws {
    try Data().write(to: URL(filePath: program.path("broken")))
  }

  private func text(_ program: Program, _ name: String) throws -> String {
    try String(contentsOfFile: program.path(name), encoding: .utf8)
  }

  @Test func aRunIsWrittenInEveryFormUnderStableNames() throws {
    try Program.inFolder { program in
      try prepare(program)
      try breakEngine(program)
      let result = try program.touchstone(
        "verify", "goldens", "--exec", engine, "--jobs", "2", "--junit", "r.xml", "--markdown", "r.md",
        "--sarif", "r.sarif", "--report", "pages", "--keep", "kept")
      #expect(result.code == 1, "\(result)")
      let junit = try ParsedXML(text(program, "r.xml"))
      #expect(junit.count("testsuite") == 2)
      #expect(try text(program, "r.xml").contains(#"<testsuite name="goldens/b.h5""#))
      #expect(try text(program, "r.xml").contains("cause: "))
      #expect(try text(program, "r.md").contains("| goldens/b.h5 | **MISMATCH** |"))
      let sarif =
        try JSONSerialization.jsonObject(with: Data(text(program, "r.sarif").utf8)) as? [String: Any]
      let run = try #require((sarif?["runs"] as? [[String: Any]])?.first)
      let results = try #require(run["results"] as? [[String: Any]])
      #expect(sarif?["version"] as? String == "2.1.0")
      #expect(!results.isEmpty && results.allSatisfy { $0["level"] as? String == "error" })
      let index = try text(program, "pages/index.html")
      #expect(index.contains(#"<a href="a.html">goldens/a.h5</a>"#), "\(index)")
      let page = try text(program, "pages/b.html")
      #expect(page.contains("final/logits") && page.contains("cause: "))
      #expect(page.contains("touchstone verify goldens/b.h5 --exec "))
      let kept = try program.touchstone("diff", "goldens/b.h5", "kept/b.h5")
      #expect(kept.code == 1 && kept.output.contains("final/logits"), "\(kept)")
      // Nothing that stands there is lost.
      let again = try program.touchstone("verify", "goldens", "--exec", engine, "--keep", "kept")
      #expect(again.code == 2 && again.errors.contains("kept/a.h5: already exists"), "\(again)")
      let replaced = try program.touchstone(
        "verify", "goldens", "--exec", engine, "--keep", "kept", "--overwrite")
      #expect(replaced.code == 1, "\(replaced)")
    }
  }

  @Test func ourOwnImplementationLeavesItsCapturesToo() throws {
    try Program.inFolder { program in
      try prepare(program)
      try #expect(program.touchstone("verify", "goldens", "--keep", "kept").code == 0)
      try #expect(program.touchstone("diff", "goldens/a.h5", "kept/a.h5").code == 0)
    }
  }

  @Test func aBaselineLetsPassWhatIsKnownAndSaysWhatIsWorseOrMended() throws {
    try Program.inFolder { program in
      try prepare(program)
      func verify(_ mode: String) throws -> Program.Result {
        try program.touchstone(
          "verify", "goldens", "--exec", engine, "--baseline", "known.json", "--record", mode)
      }
      let absent = try verify("never")
      #expect(absent.code == 2 && absent.errors.contains("known.json: does not exist"), "\(absent)")
      // What is recorded first is what is right, and then what is wrong.
      #expect(try verify("missing").code == 0)
      try breakEngine(program)
      let worse = try verify("missing")
      #expect(worse.code == 1, "\(worse)")
      #expect(
        worse.output.contains("worse: goldens/b.h5 was consistent, is a mismatch\n"), "\(worse.output)")
      #expect(try verify("failed").code == 1)
      let known = try verify("never")
      #expect(known.code == 0, "\(known)")
      #expect(known.output.contains("beside the baseline: 0 worse, 0 mended\n"), "\(known.output)")
      try FileManager.default.removeItem(atPath: program.path("broken"))
      let mended = try verify("never")
      #expect(mended.code == 0 && mended.output.contains("mended: goldens/b.h5 was a mismatch"), "\(mended)")
      // A golden that is not verified any more is not passed over.
      try FileManager.default.removeItem(atPath: program.path("goldens/a.h5"))
      let missing = try verify("never")
      #expect(missing.code == 3 && missing.output.contains("missing: goldens/a.h5"), "\(missing)")
    }
  }

  @Test func whatIsNoBaselineIsRefused() throws {
    try Program.inFolder { program in
      try prepare(program)
      for text in ["{}", "[{}]", "[1]", #"[{"golden": "a", "verdict": "fine"}]"#, "[", ""] {
        try Data(text.utf8).write(to: URL(filePath: program.path("known.json")))
        let result = try program.touchstone("verify", "goldens", "--baseline", "known.json")
        #expect(result.code == 2 && result.errors.contains("known.json"), "\(text): \(result)")
        #expect(try self.text(program, "known.json") == text)
      }
    }
  }

  @Test func theBaselineIsAlsoWhatTheProgramPrints() throws {
    try Program.inFolder { program in
      try prepare(program)
      try breakEngine(program)
      let printed = try program.touchstone("verify", "goldens", "--exec", engine, "--json")
      try Data(printed.output.utf8).write(to: URL(filePath: program.path("known.json")))
      let result = try program.touchstone(
        "verify", "goldens", "--exec", engine, "--baseline", "known.json", "--record", "never")
      #expect(result.code == 0, "\(result)")
    }
  }

  @Test func oneProcessServesAllGoldens() throws {
    try Program.inFolder { program in
      try prepare(program)
      // It counts its starts, supports `a` alone, and says why.
      let engine =
        "echo start >> starts; while IFS='\t' read -r model golden capture; do case $golden in "
        + "*a.h5) test -e $model/config.json && cp right.h5 $capture;; "
        + "*) echo 'no mask here' > $capture.unsupported;; esac; done < {list}"
      let result = try program.touchstone("verify", "goldens", "--exec-all", engine)
      #expect(result.code == 0, "\(result)")
      #expect(result.output.contains("2 goldens: 1 consistent, 1 unsupported"), "\(result.output)")
      #expect(result.output.contains("does not support it: no mask here"), "\(result.output)")
      #expect(try text(program, "starts") == "start\n")
      let failing = try program.touchstone(
        "verify", "goldens", "--exec-all", "head -n 1 {list} | cut -f 3 | xargs cp right.h5; exit 5")
      #expect(failing.code == 2, "\(failing)")
      #expect(failing.output.contains("1 consistent, 1 refused"), "\(failing.output)")
      #expect(failing.output.contains("--exec-all: the program ended with exit code 5"), "\(failing.output)")
    }
  }

  @Test func aRunThatComparesNothingIsNoBetterForABaseline() throws {
    try Program.inFolder { program in
      try prepare(program)
      for _ in 0..<2 {
        let result = try program.touchstone(
          "verify", "goldens", "--exec", "exit 77 # {capture}", "--baseline", "known.json", "--record",
          "missing")
        #expect(result.code == 3, "\(result)")
      }
    }
  }

  @Test func aJobOfGitHubActionsIsAnnotated() throws {
    try Program.inFolder { program in
      try prepare(program)
      try breakEngine(program)
      try Data("before\n".utf8).write(to: URL(filePath: program.path("summary.md")))
      let result = try program.touchstone(
        "verify", "goldens", "--exec", engine,
        environment: ["GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": program.path("summary.md")])
      #expect(result.code == 1)
      #expect(
        result.errors.contains("::error title=touchstone goldens/b.h5::final/logits"), "\(result.errors)")
      #expect(!result.errors.contains("goldens/a.h5::"))
      let summary = try text(program, "summary.md")
      #expect(summary.hasPrefix("before\n### 2 goldens") && summary.contains("MISMATCH"), "\(summary)")
    }
  }

  @Test(arguments: [
    ["--exec", "x {capture}", "--exec-all", "x {list}"], ["--exec-all", "x"], ["--jobs", "0"],
    ["--record", "all"], ["--record", "sometimes", "--baseline", "b.json"],
  ])
  func whatDoesNotGoTogetherIsRefused(_ options: [String]) throws {
    try Program.inFolder { program in
      let result = try program.touchstone(["verify", "goldens"] + options)
      #expect(result.code == 64, "\(result)")
    }
  }
}
