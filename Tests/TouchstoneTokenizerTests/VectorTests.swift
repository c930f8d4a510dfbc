import Foundation
import Testing
import TouchstoneTestSupport
import TouchstoneTokenizer

/// The ids that other people's tokenizers give.
@Suite struct VectorTests {
  struct Vector: Decodable {
    let text: String
    let ids: [Int]
  }

  struct ShakespeareVectors: Decodable {
    struct Whole: Decodable {
      let n_ids: Int
      let sha256_le_int32: String
    }
    let vectors: [Vector]
    let tinyshakespeare_whole: Whole
  }

  /// A line with its ids, or a whole file with their number and digest.
  struct CrossChecked: Decodable {
    let name: String
    let text: String?
    let ids: [Int]?
    let n_ids: Int?
    let sha256_le_int32: String?
  }

  private func check(_ vectors: [Vector], with tokenizer: Tokenizer) throws {
    for vector in vectors {
      #expect(try tokenizer.encode(vector.text) == vector.ids, "\(vector.text.debugDescription)")
      #expect(try Array(tokenizer.decode(vector.ids).utf8) == Array(vector.text.utf8))
    }
  }

  @Test(.clause("TOK-2", "TOK-3", "TOK-5")) func theShakespeareModelsVectorsAreMet() throws {
    let vectors = try JSONDecoder().decode(
      ShakespeareVectors.self, from: TestData.fixture("tokenizer_vectors.json"))
    #expect(vectors.vectors.count == 29)
    try check(vectors.vectors, with: Loaded.shakespeare())
  }

  @Test(.enabled(if: TestData.hasGPT2, "the text is not beside the checkout"))
  func tinyshakespeareHasTheDigestOfTheShakespeareModel() throws {
    let whole = try JSONDecoder().decode(
      ShakespeareVectors.self, from: TestData.fixture("tokenizer_vectors.json")
    ).tinyshakespeare_whole
    let ids = try Loaded.shakespeare().encode(bytes: TestData.text("tinyshakespeare.txt"))
    #expect(ids.count == whole.n_ids)
    #expect(digest(ids: ids) == whole.sha256_le_int32)
  }

  @Test(
    .clause("TOK-2", "TOK-3", "TOK-5"),
    .enabled(if: TestData.hasGPT2, "GPT-2's vocabulary is not beside the checkout"))
  func gpt2VectorsOfFourOtherProjectsAreMet() throws {
    let file = TestData.gpt2.appendingPathComponent("third_party_vectors.json")
    let vectors = try JSONDecoder().decode([Vector].self, from: Data(contentsOf: file))
    #expect(vectors.count == 134)
    try check(vectors, with: Loaded.gpt2())
  }

  @Test(.enabled(if: TestData.hasGPT2, "GPT-2's vocabulary is not beside the checkout"))
  func gpt2VectorsThatThreeImplementationsAgreeOnAreMet() throws {
    let file = TestData.gpt2.appendingPathComponent("cross_checked_vectors.json")
    let vectors = try JSONDecoder().decode([CrossChecked].self, from: Data(contentsOf: file))
    #expect(vectors.count == 640)
    let tokenizer = try Loaded.gpt2()
    var wholeFiles = 0
    for vector in vectors {
      if let text = vector.text, let ids = vector.ids {
        try check([Vector(text: text, ids: ids)], with: tokenizer)
      } else {
        let name = try #require(vector.name.split(separator: " ").first)
        let bytes = try TestData.text(String(name))
        let ids = try tokenizer.encode(bytes: bytes)
        #expect(ids.count == vector.n_ids)
        #expect(digest(ids: ids) == vector.sha256_le_int32)
        #expect(try tokenizer.bytes(of: ids) == bytes)
        wholeFiles += 1
      }
    }
    #expect(wholeFiles == 2)
  }

  @Test(.enabled(if: TestData.hasGPT2, "GPT-2's vocabulary is not beside the checkout"))
  func gpt2TokensHaveTheDigestOfTheirBytes() throws {
    let tokenizer = try Loaded.gpt2()
    #expect(tokenizer.vocabularySize == 50257)
    #expect(tokenizer.specialTokens == ["<|endoftext|>": 50256])
    var listed: [UInt8] = []
    var notText = 0
    for id in 0..<50256 {
      let bytes = try tokenizer.token(id)
      listed += (0..<4).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) } + bytes
      if String(validating: bytes, as: UTF8.self) == nil { notText += 1 }
    }
    #expect(sha256(listed) == "7cff19521369c7f5f5ed77ed7b730e7491800afb47d01d341e12b3ca740d8543")
    #expect(notText == 344)
  }
}
