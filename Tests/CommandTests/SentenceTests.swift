import Foundation
import Testing
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneTestSupport

/// Texts as vectors, through the program.
@Suite struct SentenceTests {
  private struct Report: Decodable {
    struct Sentence: Decodable {
      let text: String
      let vector: [Double]
    }
    let pooling: String
    let sentences: [Sentence]
    let cosines: [[Double]]
  }

  /// A model of the families' fixtures with a tokenizer of few letters, in the test's folder.
  private func model(_ name: String, _ program: Program) throws -> String {
    let folder = program.folder.appending(path: name)
    try FileManager.default.copyItem(
      at: Program.checkout.appending(path: "Tests/TouchstoneFamiliesTests/Fixtures/families/\(name)"),
      to: folder)
    try SourceTests.tokenizer.write(
      to: folder.appending(path: "tokenizer.json"), atomically: true, encoding: .utf8)
    return folder.path
  }

  private func expect(_ vector: [Double], along rows: [[Double]], within error: Double) {
    let mean = rows[0].indices.map { column in
      rows.reduce(0) { $0 + $1[column] } / Double(rows.count)
    }
    let length = mean.reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(vector.count == mean.count)
    for (own, due) in zip(vector, mean) { #expect(abs(own - due / length) <= error) }
  }

  @Test(
    .clause("ENC-3"),
    arguments: [
      ("bert-pooled", "mean", "layers/001/resid_out"), ("modernbert-plain", "mean", "final/ln_f"),
      ("clip_text-end", "end", "final/pool_row"), ("clip_text-greatest", "end", "final/projected"),
    ])
  func aSentenceIsTheMeanOfItsTokensOrTheRowOfItsEnd(name: String, pooling: String, path: String) throws {
    try Program.inFolder { program in
      let model = try model(name, program)
      let texts = ["abcab", "bad"]
      let asked = ["embeddings", "--model", model, "--json"] + texts.flatMap { ["--sentence", $0] }
      let activation = try #require(Activation(path: path))
      for (implementation, error) in [("reference", 1e-12), ("simd", 1e-5)] {
        let result = try program.touchstone(asked + ["--implementation", implementation])
        #expect(result.code == 0, "\(result)")
        let report = try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
        #expect(report.pooling == pooling && report.sentences.map(\.text) == texts)
        #expect(abs(report.cosines[0][0] - 1) < 1e-12 && report.cosines[0][1] == report.cosines[1][0])
        for (place, text) in texts.enumerated() {
          let golden = "golden\(place).h5"
          let recorded = try program.touchstone(
            "record", "--model", model, "--prompt", text, "--no-floor", "--out", golden, "--overwrite")
          #expect(recorded.code == 0, "\(recorded)")
          let file = try ActivationFile(path: program.path(golden))
          let rows = try #require(try file.tensor(activation))
          expect(
            report.sentences[place].vector, along: (0..<rows.rowCount).map { Array(rows.row($0)) },
            within: error)
        }
      }
      let shown = try program.touchstone(asked.filter { $0 != "--json" })
      #expect(shown.code == 0 && shown.output.contains("cosine") && shown.output.contains("abcab"))
    }
  }

  @Test func whatHasNoSentencesIsRefused() throws {
    try Program.inFolder { program in
      let model = try model("bart-scaled", program)
      let refused = try program.touchstone("embeddings", "--model", model, "--sentence", "ab")
      #expect(refused.code == 2 && refused.errors.contains("answers a source"), "\(refused)")
      for options in [[], ["nearest", "a", "--sentence", "ab"]] {
        let wrong = try program.touchstone(["embeddings", "--model", model] + options)
        #expect(wrong.code == 64, "\(wrong)")
      }
    }
  }
}
