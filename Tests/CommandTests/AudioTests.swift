import Foundation
import Testing
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel

/// A sound in a WAV file, through the program: recorded, captured, judged, looked at and written down.
@Suite struct AudioTests {
  private static let folder = Program.checkout.appending(
    path: "Tests/TouchstoneFamiliesTests/Fixtures/families/whisper-audio"
  ).path

  /// The bytes of a WAV file of a tone, in one of the forms that there are.
  private static func wave(
    code: Int = 1, bits: Int = 16, rate: Int = 16_000, channels: Int = 1, count: Int = 700
  ) -> Data {
    func bytes(_ value: Int, _ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    let samples = (0..<count).flatMap { place -> [UInt8] in
      let value = 0.5 * sin(0.3 * Double(place))
      let sample: [UInt8] =
        switch (code, bits) {
        case (1, 8): [UInt8(Int(value * 128) + 128)]
        case (1, _): bytes(Int(value * Double(1 << (bits - 1))), bits / 8)
        case (_, 32): bytes(Int(Float(value).bitPattern), 4)
        default: bytes(Int(truncatingIfNeeded: value.bitPattern), 8)
        }
      return (0..<channels).flatMap { _ in sample }
    }
    let size = bits / 8 * channels
    let header =
      Array("RIFF".utf8) + bytes(36 + samples.count, 4) + Array("WAVEfmt ".utf8) + bytes(16, 4)
      + bytes(code, 2) + bytes(channels, 2) + bytes(rate, 4) + bytes(rate * size, 4) + bytes(size, 2)
      + bytes(bits, 2) + Array("data".utf8) + bytes(samples.count, 4)
    return Data(header + samples)
  }

  @Test(
    .clause("SND-1"),
    arguments: [
      (1, 8, 1, 0x1p-7), (1, 16, 1, 0x1p-15), (1, 16, 2, 0x1p-15), (1, 24, 1, 0x1p-23), (1, 32, 2, 0x1p-24),
      (3, 32, 1, 0x1p-24), (3, 64, 2, 0x1p-24),
    ])
  func everyWidthIsRead(code: Int, bits: Int, channels: Int, error: Double) throws {
    try Program.inFolder { program in
      try Self.wave(code: code, bits: bits, channels: channels).write(
        to: program.folder.appending(path: "tone.wav"))
      let result = try program.touchstone(
        "record", "--model", Self.folder, "--tokens", "3,1", "--audio", "tone.wav", "--no-floor", "--out",
        "a.h5", "--overwrite")
      #expect(result.code == 0, "\(result)")
      let sound = try #require(try ActivationFile(path: program.path("a.h5")).inputs.source?.sound)
      #expect(sound.values.count == 700)
      for (place, value) in sound.values.enumerated() {
        #expect(abs(Double(value) - 0.5 * sin(0.3 * Double(place))) <= error)
      }
    }
  }

  @Test(.clause("SND-1", "SND-4")) func aSoundIsRecordedCapturedJudgedAndLookedAt() throws {
    try Program.inFolder { program in
      try Self.wave().write(to: program.folder.appending(path: "tone.wav"))
      try Self.wave(count: 699).write(to: program.folder.appending(path: "other.wav"))
      for (verb, sound, out) in [
        ("record", "tone.wav", "golden.h5"), ("capture", "tone.wav", "same.h5"),
        ("capture", "other.wav", "other.h5"),
      ] {
        let result = try program.touchstone(
          verb, "--model", Self.folder, "--tokens", "3,1,4", "--audio", sound, "--out", out)
        #expect(result.code == 0, "\(result)")
      }
      let same = try program.touchstone("diff", "golden.h5", "same.h5", "--model", Self.folder)
      #expect(same.code == 0, "\(same)")
      let other = try program.touchstone("diff", "golden.h5", "other.h5", "--model", Self.folder)
      #expect(other.code == 2 && other.errors.contains("inputs/audio: differs"), "\(other)")
      let seen = try program.touchstone(
        "attention", "--model", Self.folder, "--tokens", "3,1", "--audio", "tone.wav", "--part", "cross")
      #expect(seen.code == 0 && seen.output.contains("frame "), "\(seen)")
      let shown = try program.touchstone("inspect", "golden.h5")
      #expect(shown.output.contains("700 samples"), "\(shown)")
    }
  }

  /// The same text by both implementations; what the settings force stands first, what they suppress is not chosen.
  @Test(.clause("SND-1", "GEN-2")) func aSoundIsWrittenDownGreedily() throws {
    try Program.inFolder { program in
      let model = program.folder.appending(path: "model")
      try FileManager.default.copyItem(atPath: Self.folder, toPath: model.path)
      try SourceTests.tokenizer.write(
        to: model.appending(path: "tokenizer.json"), atomically: true, encoding: .utf8)
      try Self.wave().write(to: program.folder.appending(path: "tone.wav"))
      func text(_ settings: String, _ options: String...) throws -> String {
        try settings.write(
          to: model.appending(path: "generation_config.json"), atomically: true, encoding: .utf8)
        let result = try program.touchstone(
          ["generate", "--model", model.path, "--audio", "tone.wav", "--max-tokens", "5"] + options)
        #expect(result.code == 0, "\(result)")
        return result.output
      }
      let settings = """
        {"decoder_start_token_id": 0, "eos_token_id": 1, "suppress_tokens": [1, 2], "forced_decoder_ids": [[1, 5], [2, 7]],
         "no_timestamps_token_id": 9}
        """
      let own = try text(settings)
      #expect(own.count > 3)
      #expect(try text(settings, "--implementation", "reference") == own)
      let others = (3..<19).filter { $0 != 8 }.map(String.init).joined(separator: ", ")
      #expect(
        try text("{\"decoder_start_token_id\": 0, \"suppress_tokens\": [0, 1, 2, \(others)]}") == "eeeee\n")
      // A language that nobody names is the likeliest of the table.
      let asked = """
        {"decoder_start_token_id": 0, "is_multilingual": true, "lang_to_id": {"<|a|>": 4, "<|b|>": 5},
         "task_to_id": {"transcribe": 6, "translate": 7}, "suppress_tokens": [0, 1, 2, \(others)]}
        """
      #expect(try text(asked) == "eeeee\n")
      // A place that is left open is the language's; a language or a task that is named stands for what is forced.
      let tables = """
        "lang_to_id": {"<|b|>": 5}, "task_to_id": {"transcribe": 6, "translate": 7}, "no_timestamps_token_id": 9
        """
      func begun(_ beginning: String) throws -> String {
        try text(
          "{\"decoder_start_token_id\": 0, \"eos_token_id\": [1, 2], \"suppress_tokens\": [0, 1, 2], \(beginning), \(tables)}"
        )
      }
      let (transcribed, translated) = try (
        begun("\"forced_decoder_ids\": [[1, 5], [2, 6]]"), begun("\"forced_decoder_ids\": [[1, 5], [2, 7]]")
      )
      #expect(transcribed != translated)
      #expect(try begun("\"forced_decoder_ids\": [[1, null], [2, 6]]") == transcribed)
      #expect(try begun("\"language\": \"b\", \"forced_decoder_ids\": [[1, 3]]") == transcribed)
      #expect(try begun("\"task\": \"translate\"") == translated)
      #expect(try begun("\"forced_decoder_ids\": null") == begun("\"forced_decoder_ids\": [[1, 5]]"))
      // What is not done is said.
      try "{\"decoder_start_token_id\": 0, \"num_beams\": 4, \"min_length\": 0}".write(
        to: model.appending(path: "generation_config.json"), atomically: true, encoding: .utf8)
      let told = try program.touchstone(
        "generate", "--model", model.path, "--audio", "tone.wav", "--max-tokens", "2")
      #expect(told.code == 0 && told.errors.contains("ask for num_beams, which is not done"), "\(told)")
      for wrong in [
        "[]", "{\"decoder_start_token_id\": 0, \"language\": \"c\", \(tables)}",
        "{\"decoder_start_token_id\": 0, \"task\": \"sing\", \(tables)}",
        "{\"decoder_start_token_id\": 0, \"forced_decoder_ids\": [5]}",
        "{\"decoder_start_token_id\": 0, \"is_multilingual\": true, \"lang_to_id\": 3}",
      ] {
        try wrong.write(
          to: model.appending(path: "generation_config.json"), atomically: true, encoding: .utf8)
        let result = try program.touchstone("generate", "--model", model.path, "--audio", "tone.wav")
        #expect(result.code == 2, "\(result)")
      }
    }
  }

  /// What comes out of a pipe says a length that no file has.
  @Test(.clause("SND-1"), arguments: [0x7FFF_F000, 0xFFFF_FFFF]) func aSoundFromAPipeIsReadToItsEnd(size: Int)
    throws
  {
    try Program.inFolder { program in
      var bytes = Self.wave()
      for place in 0..<4 { bytes[40 + place] = UInt8(size >> (8 * place) & 255) }
      try bytes.write(to: program.folder.appending(path: "tone.wav"))
      let result = try program.touchstone(
        "record", "--model", Self.folder, "--tokens", "3", "--audio", "tone.wav", "--no-floor", "--out",
        "a.h5")
      #expect(result.code == 0, "\(result)")
      #expect(try ActivationFile(path: program.path("a.h5")).inputs.source?.sound?.values.count == 700)
    }
  }

  @Test(.clause("SND-1")) func whatIsNoSoundIsRefused() throws {
    try Program.inFolder { program in
      let wrong: [(Data, String)] = [
        (Data("RIFF".utf8), "is no WAV file"), (Self.wave(rate: 44_100), "44100 samples a second"),
        (Self.wave(code: 7, bits: 8), "of the form 7"), (Self.wave(count: 0), "holds no samples"),
        (Self.wave(count: 3000), "3000 samples"), (Self.wave().prefix(30), "is cut short: 30 of 36 bytes"),
        (Self.wave().prefix(12), "without its format"),
        (Self.wave().dropLast(), "is cut short: 1443 of 1444"),
      ]
      for (bytes, problem) in wrong {
        try bytes.write(to: program.folder.appending(path: "tone.wav"))
        let result = try program.touchstone(
          "record", "--model", Self.folder, "--tokens", "3", "--audio", "tone.wav", "--out", "a.h5")
        #expect(result.code == 2 && result.errors.contains(problem), "\(result)")
        #expect(!FileManager.default.fileExists(atPath: program.path("a.h5")))
      }
      try Self.wave().write(to: program.folder.appending(path: "tone.wav"))
      let deaf = try program.touchstone(
        "record", "--model", Program.shakespeare, "--tokens", "3", "--audio", "tone.wav", "--out", "a.h5")
      #expect(deaf.code == 2 && deaf.errors.contains("hears none"), "\(deaf)")
    }
  }
}
