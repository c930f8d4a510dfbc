import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneGolden
import TouchstoneTestSupport

/// Models in one file: GGUF files wherever a folder is taken, and folders made of them.
@Suite struct ExtractTests {
  private static let converted = Program.checkout.appending(
    path: "Tests/TouchstoneCheckpointsTests/Fixtures/gguf")

  private func bytes(_ program: Program, _ name: String) throws -> Data {
    try Data(contentsOf: program.folder.appending(path: name))
  }

  @Test(.clause("FIL-28"), arguments: ["golden", "llama", "gemma2", "phi3", "falcon-40b"])
  func whatIsExtractedIsTheSameModel(name: String) throws {
    try Program.inFolder { program in
      let file =
        name == "golden"
        ? try TinyModel().record(program) : Self.converted.appending(path: "\(name)/model.gguf").path
      let made = try program.touchstone("extract", file, "--out", "made")
      #expect(made.code == 0 && made.output.hasPrefix("made: "), "\(made)")
      #expect(!program.files.contains { $0.contains("partial") })
      let models = name == "golden" ? ["model", "made"] : [file, "made"]
      for (model, out) in zip(models, ["a.h5", "b.h5"]) {
        let result = try program.touchstone(
          "record", "--model", model, "--tokens", "3,1,4", "--embed-weights", "--out", out)
        #expect(result.code == 0, "\(result)")
      }
      #expect(try bytes(program, "a.h5") == bytes(program, "b.h5"))
    }
  }

  @Test(.clause("FIL-24")) func aGGUFFileStandsWhereverAFolderDoes() throws {
    try Program.inFolder { program in
      let model = Self.converted.appending(path: "qwen3/model.gguf").path
      for command in [
        ["record", "--tokens", "3,1,4", "--out", "g.h5"],
        ["capture", "--golden", "g.h5", "--out", "c.h5"], ["anatomy"],
      ] {
        let result = try program.touchstone(command + ["--model", model])
        #expect(result.code == 0, "\(command): \(result)")
      }
      let verdict = try program.touchstone("diff", "g.h5", "c.h5", "--model", model)
      #expect(verdict.code == 0, "\(verdict)")
      let other = Self.converted.appending(path: "llama/model.gguf").path
      let wrong = try program.touchstone("diff", "g.h5", "c.h5", "--model", other)
      #expect(wrong.code == 2 && wrong.errors.contains("holds other weights than g.h5"), "\(wrong)")
      // Ids serve where the file holds no tokenizer.
      let text = try program.touchstone("record", "--model", model, "--prompt", "a", "--out", "t.h5")
      #expect(
        text.code == 2 && text.errors.contains("tokenizer.ggml.model: none is not supported"), "\(text)")
    }
  }

  @Test(.clause("FIL-28")) func theTokenizerComesAlongWhereItIsOneThatIsRead() throws {
    try Program.inFolder { program in
      for (pre, isRead) in [("gpt-2", true), ("unheard-of", false)] {
        var file = RawGGUF()
        file.set("general.architecture", RawGGUF.string("gpt2"))
        for (key, value) in [
          ("embedding_length", 4), ("block_count", 1), ("feed_forward_length", 4),
          ("attention.head_count", 2),
        ] { file.set("gpt2.\(key)", RawGGUF.integer(value)) }
        file.set("tokenizer.ggml.model", RawGGUF.string("gpt2"))
        file.set("tokenizer.ggml.pre", RawGGUF.string(pre))
        file.set("tokenizer.ggml.tokens", RawGGUF.array(["a", "b", "ab"].map(RawGGUF.string)))
        file.set("tokenizer.ggml.merges", RawGGUF.array([RawGGUF.string("a b")]))
        for (name, shape) in [
          ("token_embd", [3, 4]), ("position_embd", [4, 4]), ("blk.0.attn_qkv", [12, 4]),
          ("blk.0.attn_output", [4, 4]), ("blk.0.ffn_up", [4, 4]), ("blk.0.ffn_down", [4, 4]),
        ] {
          file.add("\(name).weight", shape)
          if name.hasPrefix("blk") { file.add("\(name).bias", [shape[0]]) }
        }
        for norm in ["output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"] {
          for part in ["weight", "bias"] { file.add("\(norm).\(part)", [4]) }
        }
        try file.data.write(to: program.folder.appending(path: "a.gguf"))
        let made = try program.touchstone("extract", "a.gguf", "--out", pre)
        #expect(made.code == 0 && made.errors.contains("without its tokenizer") == !isRead, "\(made)")
        let files = try FileManager.default.contentsOfDirectory(atPath: program.path(pre)).sorted()
        let tokenizer = isRead ? ["tokenizer.json", "tokenizer_config.json"] : []
        #expect(files == ["config.json", "model.safetensors"] + tokenizer)
        guard isRead else { continue }
        for model in ["a.gguf", pre] {
          let golden = try program.touchstone(
            "record", "--model", model, "--prompt", "aba", "--out", "g.h5", "--overwrite")
          #expect(golden.code == 0, "\(golden)")
          #expect(try ActivationFile(path: program.path("g.h5")).inputs.tokenIDs == [2, 0])
        }
      }
    }
  }

  @Test(.clause("FIL-28")) func whatCannotBeExtractedLeavesNothing() throws {
    try Program.inFolder { program in
      let golden = try TinyModel().record(program)
      let taken = try program.touchstone("extract", golden, "--out", "model")
      #expect(taken.code == 2 && taken.errors.contains("model: already exists"), "\(taken)")
      let nowhere = try program.touchstone("extract", golden, "--out", "no/where")
      #expect(nowhere.code == 2 && nowhere.errors.contains("no/where: cannot be made"), "\(nowhere)")
      _ = try program.touchstone("record", "--model", "model", "--tokens", "3", "--out", "bare.h5")
      let bare = try program.touchstone("extract", "bare.h5", "--out", "new")
      #expect(bare.code == 2 && bare.errors.contains("holds no weights"), "\(bare)")
      try Data("GGUF".utf8).write(to: program.folder.appending(path: "broken.gguf"))
      let broken = try program.touchstone("extract", "broken.gguf", "--out", "new")
      #expect(broken.code == 2 && broken.errors.contains("is no GGUF file"), "\(broken)")
      #expect(!program.files.contains { $0.hasPrefix("new") || $0.contains("partial") }, "\(program.files)")
    }
  }
}
