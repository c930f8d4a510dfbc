import Foundation
import Testing

/// The flags of the verbs that measure: power and bench.
@Suite struct MeasuringFlagTests {
  private func object(_ program: Program, _ arguments: [String]) throws -> [String: Any] {
    let result = try program.touchstone(arguments + ["--json"])
    #expect(result.code == 0, "\(arguments): \(result)")
    return try #require(JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
  }

  @Test func powerHoldsTheFaultsAgainstWhatIsAsked() throws {
    try Program.inFolder { program in
      let golden = try TinyModel().record(program)
      let power = ["power", golden]
      let plain = try object(program, power)
      #expect(plain["peers"] == nil && plain["causes"] == nil && plain["pairs"] == nil)
      let causes = try object(program, power + ["--causes", "--sample", "3"])
      #expect((causes["causes"] as? [String: Any])?["runs"] as? Int == 3)
      let pairs = try object(program, power + ["--pairs", "--sample", "4"])
      #expect((pairs["pairs"] as? [String: Any])?["runs"] as? Int == 4)
      let peers = try object(program, power + ["--peers", "--sample", "5"])
      let rules = try #require(peers["peers"] as? [[String: Any]])
      #expect(!rules.isEmpty && rules.allSatisfy { $0["faults"] as? Int == 5 })
      // All faults where no sample is asked for, and 100 pairs.
      let all = try object(program, power + ["--pairs"])
      #expect((all["pairs"] as? [String: Any])?["runs"] as? Int == 100)
    }
  }

  @Test func powerInANarrowTypeSeesLess() throws {
    try Program.inFolder { program in
      let golden = try TinyModel().record(program)
      func caught(_ options: String...) throws -> Double {
        let totals = try #require(
          try object(program, ["power", golden] + options)["totals"] as? [String: Any])
        let lines = totals.values.compactMap { ($0 as? [String: Any])?["caught"] as? Double }
        return try #require(lines.max())
      }
      let float32 = try caught("--precision", "float32")
      #expect(try caught() == float32)
      #expect(try caught("--precision", "bfloat16") < float32)
      #expect(try caught("--precision", "float16") < float32)
    }
  }

  @Test func aSeedDrawsTheSample() throws {
    try Program.inFolder { program in
      let golden = try TinyModel().record(program)
      func drawn(_ options: String...) throws -> String {
        let result = try program.touchstone(
          ["power", golden, "--pairs", "--causes", "--sample", "12"] + options)
        #expect(result.code == 0, "\(result)")
        return result.output
      }
      let first = try drawn()
      #expect(try drawn("--seed", "1") == first)
      #expect(try drawn("--seed", "2") != first || drawn("--seed", "3") != first)
    }
  }

  @Test(arguments: [
    ["--random", "1", "golden.h5"], ["--random=-1"], ["--random", "1", "--model", "model"],
    ["--sample", "3"],
    ["--sample", "0", "--causes"], ["--sample", "1000001", "--causes"], ["--precision", "float64"],
    ["--precision", "bfloat16-truncating"], ["--precision", "bfloat16", "--peers"],
    ["--precision", "bfloat16", "--causes"], ["--precision", "bfloat16", "--pairs"],
  ])
  func powerRefusesWhatDoesNotGoTogether(options: [String]) throws {
    try Program.inFolder { program in
      try #expect(program.touchstone(["power"] + options).code == 64)
    }
  }

  @Test func benchUsesTheThreadsAsked() throws {
    try Program.inFolder { program in
      for threads in [1, 2] {
        let found = try object(program, ["bench", "--preset", "tiny-vocab3", "--threads", "\(threads)"])
        #expect(found["threads"] as? Int == threads)
      }
    }
  }

  @Test func benchTimesTheJudge() throws {
    try Program.inFolder { program in
      let found = try object(program, ["bench", "--judge", "--model", Program.shakespeare])
      #expect(found["tokens"] as? Int == 64 && found["layers"] as? Int == 4)
      #expect((found["judgeSeconds"] as? Double ?? 0) > 0)
    }
  }

  /// Timing the kernels takes too long for every day; that they are is `KernelBenchmarkTests`.
  @Test(arguments: [
    ["--kernels", "--preset", "tiny-odd"], ["--kernels", "--judge"], ["--kernels", "--curve", "x.svg"], [],
    ["--judge"], ["--judge", "--preset", "tiny-odd", "--threads", "1"],
    ["--judge", "--preset", "tiny-odd", "--curve", "x.svg"], ["--preset", "tiny-odd", "--model", "x"],
    ["--preset", "tiny-odd", "--threads", "0"], ["--preset", "tiny-odd", "--threads", "1025"],
  ])
  func benchRefusesWhatDoesNotGoTogether(options: [String]) throws {
    try Program.inFolder { program in
      try #expect(program.touchstone(["bench"] + options).code == 64)
    }
  }

  @Test func benchDrawsTimeAgainstLength() throws {
    try Program.inFolder { program in
      let result = try program.touchstone("bench", "--preset", "tiny-vocab3", "--curve", "x.svg")
      #expect(result.code == 0, "\(result)")
      let picture = try String(contentsOfFile: program.path("x.svg"), encoding: .utf8)
      #expect(picture.hasPrefix("<svg ") && picture.contains("<circle"))
    }
  }
}
