import Crypto
import Foundation
import TouchstoneTokenizer

/// Where the tests find their data.
enum TestData {
  private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  private static let package = tests.deletingLastPathComponent().deletingLastPathComponent()
  static let shakespeare = package.appendingPathComponent("golden/models/shakespeare-gpt2")

  static let fixtures = tests.appendingPathComponent("Fixtures")

  static func fixture(_ name: String) throws -> Data {
    try Data(contentsOf: fixtures.appendingPathComponent(name))
  }

  /// GPT-2's own vocabulary may not be committed: it stands beside the checkout or nowhere.
  private static let shared = package.deletingLastPathComponent().appendingPathComponent("shared/data")
  static let gpt2 = shared.appendingPathComponent("gpt2-bpe")
  static let texts = shared.appendingPathComponent("text")

  static let hasGPT2: Bool = {
    let isThere = FileManager.default.fileExists(atPath: gpt2.appendingPathComponent("encoder.json").path)
    if !isThere { print("Not tested: GPT-2's vocabulary is not at \(gpt2.path)") }
    return isThere
  }()

  static func text(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: texts.appendingPathComponent(name)))
  }
}

/// Tokenizers that several tests use, loaded once.
enum Loaded {
  private static let shakespeareResult = Result { try Tokenizer(folder: TestData.shakespeare.path) }
  private static let gpt2Result = Result { try Tokenizer(folder: TestData.gpt2.path) }

  static func shakespeare() throws -> Tokenizer { try shakespeareResult.get() }
  static func gpt2() throws -> Tokenizer { try gpt2Result.get() }
}

func sha256(_ bytes: some DataProtocol) -> String {
  SHA256.hash(data: bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// The digest of ids as little-endian int32, as the vectors give it for whole files.
func digest(ids: [Int]) -> String {
  sha256(Data(ids.flatMap { id in (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * $0)) } }))
}
