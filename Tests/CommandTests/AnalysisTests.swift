import Foundation
import Testing

/// The verbs that look into a model, run as a person runs them.
@Suite struct AnalysisTests {
  private static let model = ["--model", Program.shakespeare]
  /// The prompt of Hugging Face's recorded activations.
  private static let prompt = "ROMEO:\nBut, soft! what light"

  /// The standard output of a run that must succeed.
  private func output(
    _ program: Program, _ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let result = try program.touchstone(arguments)
    #expect(result.code == 0 && result.errors == "", "\(result)", sourceLocation: sourceLocation)
    return result.output
  }

  /// The members of the JSON object that a run prints.
  private func object(_ program: Program, _ arguments: [String]) throws -> [String: Any] {
    let text = try output(program, arguments + ["--json"])
    return try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  // MARK: anatomy

  @Test func anatomyCountsGPT3ToTheUnit() throws {
    try Program.inFolder { program in
      let census = try object(program, ["anatomy", "--preset", "gpt3"])
      #expect(census["matrices"] as? Int == 27938)
      #expect(census["matrix_weights"] as? Int == 175_181_291_520)
      #expect(census["weights"] as? Int == 175_221_817_344)
      #expect(census["tied_weights"] as? Int == 174_604_259_328)
    }
  }

  @Test func anatomyReadsTheConfigurationAlone() throws {
    try Program.inFolder { program in
      let config = URL(filePath: Program.shakespeare).appending(path: "config.json")
      try FileManager.default.copyItem(at: config, to: program.folder.appending(path: "config.json"))
      let census = try object(program, ["anatomy", "--model", "."])
      #expect(census["stored_weights"] as? Int == 875_264)
    }
  }

  // MARK: embeddings

  @Test func anAnalogyOfPronounsHolds() throws {
    try Program.inFolder { program in
      let arguments = ["embeddings"] + Self.model + ["analogy", "your", "you", "thou"]
      let found = try object(program, arguments)["tokens"] as? [[String: Any]]
      #expect(found?.first?["text"] as? String == " thy")
      #expect(found?.count == 10)
    }
  }

  @Test func aDirectionIsTestedOnPairs() throws {
    try Program.inFolder { program in
      let arguments =
        ["embeddings"] + Self.model + ["direction", "thou", "thy", "--test", "you", "your", "I", "my"]
      let table = try output(program, arguments)
      #expect(table.hasSuffix("2 of 2 pairs lie along it\n"))
    }
  }

  @Test func theNearestByDotProductNeedNotBeThatByCosine() throws {
    try Program.inFolder { program in
      let nearest = ["embeddings"] + Self.model + ["nearest", "king", "--count", "3"]
      let byCosine = try output(program, nearest)
      let byProduct = try output(program, nearest + ["--by", "dot"])
      #expect(byCosine.contains("\" man\"") && byProduct != byCosine)
    }
  }

  @Test func aWordOfSeveralTokensIsRefusedInOneSentence() throws {
    try Program.inFolder { program in
      let result = try program.touchstone(["embeddings"] + Self.model + ["nearest", "kingdom"])
      #expect(result.code == 2 && result.output == "")
      #expect(result.errors.contains("is 3 tokens: \" king\" \"d\" \"om\""))
    }
  }

  // MARK: score

  @Test func theReferencesMeanLossIsHuggingFaces() throws {
    try Program.inFolder { program in
      try Data(Self.prompt.utf8).write(to: program.folder.appending(path: "text.txt"))
      let score = ["score"] + Self.model + ["--text", "text.txt"]
      let exact = try object(program, score + ["--implementation", "reference", "--summary"])
      let loss = try #require(exact["loss"] as? Double)
      // The mean of f64/final/nll in golden/independent/shakespeare-gpt2-prompt-1.h5.
      #expect(abs(loss - 2.571599149807906) <= 1e-12)
      #expect(exact["tokens"] == nil)

      let fast = try object(program, score)
      let fastLoss = try #require(fast["loss"] as? Double)
      #expect(abs(fastLoss - loss) <= 1e-5)
      #expect((fast["tokens"] as? [Any])?.count == 15)
    }
  }

  @Test func aTextLongerThanTheContextIsScoredInWindows() throws {
    try Program.inFolder { program in
      let text = String(repeating: "To be, or not to be, that is the question. ", count: 8)
      try Data(text.utf8).write(to: program.folder.appending(path: "text.txt"))
      let score = ["score"] + Self.model + ["--text", "text.txt"]
      for (options, least) in [([], 1), (["--stride", "16"], 113), (["--stride", "1"], 128)] {
        let tokens = try #require(try object(program, score + options)["tokens"] as? [[String: Any]])
        #expect(tokens.map { $0["position"] as? Int } == Array(1...tokens.count))
        #expect(tokens.dropFirst(128).compactMap { $0["context"] as? Int }.min() == least)
      }
    }
  }

  @Test(arguments: ["", "\n"])
  func aTextInWhichNothingFollowsIsRefused(text: String) throws {
    try Program.inFolder { program in
      try Data(text.utf8).write(to: program.folder.appending(path: "text.txt"))
      let result = try program.touchstone(["score"] + Self.model + ["--text", "text.txt"])
      #expect(result.code == 2 && result.output == "")
    }
  }

  // MARK: attention, and the distribution of generate

  @Test func picturesAreWrittenBesideTheText() throws {
    try Program.inFolder { program in
      try Data(Self.prompt.utf8).write(to: program.folder.appending(path: "text.txt"))
      for arguments in [
        ["attention", "--prompt", Self.prompt, "--layer", "1"],
        ["score", "--text", "text.txt", "--overwrite"],
        ["generate", "--prompt", Self.prompt, "--show-distribution", "--overwrite"],
      ] {
        let text = try output(program, arguments + Self.model + ["--picture", "p.svg"])
        #expect(!text.isEmpty)
        let picture = try String(contentsOf: program.folder.appending(path: "p.svg"), encoding: .utf8)
        #expect(picture.hasPrefix("<svg ") && picture.hasSuffix("</svg>\n"))
      }
    }
  }

  @Test(arguments: [["--layer", "4"], ["--layer=-1"], ["--head", "4"], ["--tokens", "512"]])
  func attentionThatIsNotThereIsRefused(arguments: [String]) throws {
    try Program.inFolder { program in
      let tokens = arguments[0] == "--tokens" ? [] : ["--tokens", "1,2"]
      let result = try program.touchstone(
        ["attention", "--picture", "p.svg"] + Self.model + tokens + arguments)
      #expect(result.code == 2 && result.output == "" && program.files == [], "\(result)")
    }
  }

  @Test func theDistributionShowsWhatTopKLeaves() throws {
    try Program.inFolder { program in
      let table = try object(
        program, ["generate", "--prompt", "My lord, I", "--show-distribution", "--top-k", "3"] + Self.model)
      let columns = try #require(table["columns"] as? [[String: Any]])
      #expect(columns.map { $0["temperature"] as? Double } == [0.2, 0.7, 1, 1.5, 1])
      #expect(columns.map { $0["possible"] as? Int } == [512, 512, 512, 512, 3])
      #expect((table["tokens"] as? [[String: Any]])?.first?["text"] as? String == "'ll")
    }
  }

  @Test func aConversationIsPlainTextThatTheModelContinues() throws {
    try Program.inFolder { program in
      let text = try output(
        program,
        [
          "generate", "--system", "A scene.", "--prompt", "Who is there?", "--temperature", "0",
          "--max-tokens", "30",
        ]
          + Self.model)
      let frame = "A scene.\n\nUser: Who is there?\n\nAI Assistant:"
      #expect(text.hasPrefix(frame) && text.count > frame.count + 1)
      #expect(!text.dropFirst(frame.count).contains("\nUser:"))
    }
  }

  // MARK: The command line itself

  @Test(arguments: [
    ["anatomy"], ["anatomy", "--preset", "gpt3", "--model", "x"], ["embeddings", "--model", "x", "nearest"],
    ["embeddings", "--model", "x", "analogy", "a", "b"],
    ["embeddings", "--model", "x", "direction", "a", "b"],
    ["embeddings", "--model", "x", "direction", "a", "b", "--test", "c"],
    ["embeddings", "--model", "x", "nearest", "a", "--by", "length"], ["score", "--model", "x"],
    ["attention", "--model", "x"], ["generate", "--model", "x", "--prompt", "a", "--picture", "p.svg"],
  ])
  func aWrongCommandLineIsCode64(arguments: [String]) throws {
    try Program.inFolder { program in
      let result = try program.touchstone(arguments)
      #expect(result.code == 64, "\(result)")
    }
  }

  @Test(arguments: [
    ["anatomy", "--preset", "gpt5"], ["anatomy", "--model", "nowhere"],
    ["attention", "--model", "nowhere", "--tokens", "1"],
    ["embeddings", "--model", "nowhere", "nearest", "a"], ["score", "--model", "nowhere", "--text", "t"],
    ["score", "--model", Program.shakespeare, "--text", "nowhere.txt"],
    ["score", "--model", Program.shakespeare, "--text", "/"],
  ])
  func whatIsMissingIsNamed(arguments: [String]) throws {
    try Program.inFolder { program in
      let result = try program.touchstone(arguments)
      #expect(result.code == 2 && result.output == "", "\(result)")
      #expect(result.errors.split(separator: "\n").count == 1, "\(result)")
    }
  }
}
