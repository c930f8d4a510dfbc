import Foundation
import Testing
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel

/// What an encoder reads, through the program: given by its ids or by a text, answered.
@Suite struct SourceTests {
  private static let fixtures = Program.checkout.appending(
    path: "Tests/TouchstoneFamiliesTests/Fixtures/families")
  private static let folder = fixtures.appending(path: "t5-gated").path

  /// A tokenizer of 19 ids: letters from a on, a mark for spaces, and an end.
  static let tokenizer: String = {
    let letters = (0..<15).map { "[\"\(Character(Unicode.Scalar(UInt8(97 + $0))))\", -1.5]" }
    let vocabulary = ["[\"<pad>\", 0]", "[\"</s>\", 0]", "[\"<unk>\", 0]", "[\"▁\", -2]"] + letters
    return """
      {"version": "1.0", "model": {"type": "Unigram", "unk_id": 2, "vocab": [\(vocabulary.joined(separator: ", "))]},
       "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
       "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
       "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "</s>", "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
        "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}},
       "added_tokens": [{"id": 1, "content": "</s>", "special": true}]}
      """
  }()

  /// The model with that tokenizer, in the test's folder.
  private func model(_ program: Program) throws -> String {
    let model = program.folder.appending(path: "model")
    try FileManager.default.copyItem(atPath: Self.folder, toPath: model.path)
    try Self.tokenizer.write(
      to: model.appending(path: "tokenizer.json"), atomically: true, encoding: .utf8)
    return model.path
  }

  @Test(.clause("TWO-1", "TWO-2"), arguments: ["record", "capture", "attention"])
  func aSourceIsThatGiven(verb: String) throws {
    try Program.inFolder { program in
      func run(_ source: [String], model: String = Self.folder, _ out: String = "a.h5") throws
        -> Program.Result
      {
        try program.touchstone(
          [verb, "--model", model, "--tokens", "3,1,4"] + source
            + (verb == "attention" ? ["--json", "--part", "cross"] : ["--out", out, "--overwrite"]))
      }
      let given = try run(["--source-tokens", "5,6,7,8,9", "--source-mask", "1,1,1,1,0"])
      #expect(given.code == 0, "\(given)")
      if verb == "attention" {
        #expect(try run(["--source-tokens", "5,6,7,8,9"]).output != given.output)
        let other = ["attention", "--model", Program.shakespeare, "--tokens", "3", "--part", "cross"]
        #expect(try program.touchstone(other).code == 2)
      } else {
        let inputs = try ActivationFile(path: program.path("a.h5")).inputs
        #expect(inputs.source?.tokenIDs == [5, 6, 7, 8, 9] && inputs.tokenIDs == [3, 1, 4])
        #expect(inputs.source?.attentionMask == [true, true, true, true, false])
      }
      for (wrong, code) in [
        ([], 2), (["--source-tokens", "5,19"], 2), (["--source-tokens", "5", "--source-mask", "1,1"], 2),
        (["--source-tokens", "5", "--source-mask", "2"], 64),
        (["--source", "a", "--source-tokens", "5"], 64),
      ] { #expect(try run(wrong, "b.h5").code == code, "\(wrong)") }
      #expect(try run(["--source-tokens", "5"], model: Program.shakespeare, "c.h5").code == 2)
      #expect(!FileManager.default.fileExists(atPath: program.path("b.h5")))
    }
  }

  /// Judged with its own source, refused with another.
  @Test(.clause("TWO-1")) func aCaptureOfAnotherSourceIsRefused() throws {
    try Program.inFolder { program in
      let model = ["--model", Self.folder, "--tokens", "3,1,4,1,5", "--overwrite"]
      for (verb, source, out) in [
        ("record", "5,6,7", "golden.h5"), ("capture", "5,6,7", "same.h5"), ("capture", "5,6,8", "other.h5"),
      ] {
        let result = try program.touchstone(
          [verb] + model + ["--source-tokens", source, "--source-mask", "1,0,1", "--out", out])
        #expect(result.code == 0, "\(result)")
      }
      let same = try program.touchstone("diff", "golden.h5", "same.h5", "--model", Self.folder)
      #expect(same.code == 0, "\(same)")
      let other = try program.touchstone("diff", "golden.h5", "other.h5", "--model", Self.folder)
      #expect(other.code == 2 && other.errors.contains("inputs/encoder_token_ids: differs"), "\(other)")
    }
  }

  @Test(.clause("TWO-1", "TOK-19"), arguments: ["record", "capture", "attention"])
  func aSourceIsReadByItsTokenizer(verb: String) throws {
    try Program.inFolder { program in
      let model = try model(program)
      let result = try program.touchstone(
        [verb, "--model", model, "--tokens", "3,1", "--source", "ab c"]
          + (verb == "attention" ? [] : ["--out", "a.h5"]))
      #expect(result.code == 0, "\(result)")
      guard verb != "attention" else { return }
      #expect(try ActivationFile(path: program.path("a.h5")).inputs.source?.tokenIDs == [3, 4, 5, 3, 6, 1])
    }
  }

  /// The same text by both implementations, which is that of the arg max step by step; a beginning of one's own is kept.
  @Test(.clause("TWO-1", "GEN-2")) func aSourceIsAnsweredGreedily() throws {
    try Program.inFolder { program in
      let model = try model(program)
      func answer(_ source: String, _ options: String...) throws -> String {
        let result = try program.touchstone(
          ["generate", "--model", model, "--source", source, "--max-tokens", "6"] + options)
        #expect(result.code == 0, "\(result)")
        return result.output
      }
      let text = try answer("ab c")
      #expect(text.count > 1)
      #expect(try answer("ab c", "--implementation", "reference") == text)
      #expect(try answer("ab c", "--temperature", "0", "--seed", "3") == text)
      #expect(try answer("ab c", "--prompt", "d").hasPrefix("d"))
      // What the settings suppress is not chosen.
      let settings = program.folder.appending(path: "model/generation_config.json")
      let all = (3..<19).filter { $0 != 8 }.map(String.init).joined(separator: ", ")
      try "{\"decoder_start_token_id\": 0, \"suppress_tokens\": [0, 1, 2, \(all)]}".write(
        to: settings, atomically: true, encoding: .utf8)
      #expect(try answer("ab c") == "eeeeee\n")
      let others = (3..<19).filter { ![7, 8].contains($0) }.map(String.init).joined(separator: ", ")
      for (first, beginning) in [(8, "d"), (7, "e")] {
        try """
        {"decoder_start_token_id": 0, "suppress_tokens": [0, 1, 2, \(others)], "begin_suppress_tokens": [\(first)]}
        """.write(to: settings, atomically: true, encoding: .utf8)
        #expect(try answer("ab c").hasPrefix(beginning))
      }
      try "{\"suppress_tokens\": \"all\"}".write(to: settings, atomically: true, encoding: .utf8)
      let wrong = try program.touchstone("generate", "--model", model, "--source", "a")
      #expect(wrong.code == 2 && wrong.errors.contains("decoder_start_token_id"), "\(wrong)")
      for wrong in [
        ["generate", "--model", model], ["generate", "--model", model, "--source", "a", "--system", "b"],
      ] {
        #expect(try program.touchstone(wrong).code == 64)
      }
    }
  }
}
