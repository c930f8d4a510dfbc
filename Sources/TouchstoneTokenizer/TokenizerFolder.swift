import Foundation
import TouchstoneModel

/// Reading a tokenizer from the folder of a model.
extension Tokenizer {
  private static let vocabularyNames = ["vocab.json", "encoder.json"]
  private static let mergesNames = ["merges.txt", "vocab.bpe"]
  private static let addedTokensName = "added_tokens.json"
  /// The largest vocabularies in use take about 5 MB.
  private static let greatestFileSize = 64 << 20

  /// Loads `vocab.json` and `merges.txt`, or `encoder.json` and `vocab.bpe`, and `added_tokens.json` if there is one.
  ///
  /// - Throws: `BadInput` naming the file that is missing, unreadable, malformed, or does not belong to the other.
  public init(folder: String) throws(BadInput) {
    let vocabularyFile = try Self.find(Self.vocabularyNames, in: folder)
    let mergesFile = try Self.find(Self.mergesNames, in: folder)
    let addedTokensFile = Self.path(Self.addedTokensName, in: folder)
    let hasAddedTokens = FileManager.default.fileExists(atPath: addedTokensFile)
    self.init(
      vocabulary: try Vocabulary(
        tokenIDs: Self.readTokenIDs(vocabularyFile), vocabularyFile: vocabularyFile,
        merges: [UInt8](Self.read(mergesFile)), mergesFile: mergesFile,
        addedTokens: hasAddedTokens ? Self.readTokenIDs(addedTokensFile) : [:]))
  }

  private static func path(_ name: String, in folder: String) -> String {
    URL(fileURLWithPath: folder).appendingPathComponent(name).path
  }

  private static func find(_ names: [String], in folder: String) throws(BadInput) -> String {
    let paths = names.map { path($0, in: folder) }
    if let found = paths.first(where: FileManager.default.fileExists) { return found }
    let isFolder = (try? FileManager.default.contentsOfDirectory(atPath: folder)) != nil
    throw BadInput(
      file: folder,
      problem: isFolder ? "holds neither \(names[0]) nor \(names[1])" : "is not a folder that can be read",
      remedy: "give a folder with vocab.json and merges.txt (tokenizer.json alone is not read), or token ids "
        + "instead of text")
  }

  private static func readTokenIDs(_ file: String) throws(BadInput) -> [String: Int] {
    let notIDs = BadInput(
      file: file, problem: "is not a JSON object of token ids", remedy: "give the model's own vocabulary")
    guard case .object(let members) = try JSONValue.parse(read(file), file: file) else { throw notIDs }
    var ids: [String: Int] = [:]
    ids.reserveCapacity(members.count)
    for (token, value) in members {
      guard case .integer(let id) = value else { throw notIDs }
      ids[token] = id
    }
    return ids
  }

  private static func read(_ file: String) throws(BadInput) -> Data {
    // Checked before reading: a device or a pipe has no end.
    let attributes = try? FileManager.default.attributesOfItem(
      atPath: URL(fileURLWithPath: file).resolvingSymlinksInPath().path)
    guard attributes?[.type] as? FileAttributeType == .typeRegular else {
      throw BadInput(file: file, problem: "is not a file", remedy: "give the model's own file")
    }
    guard let size = attributes?[.size] as? Int, size <= greatestFileSize else {
      throw BadInput(
        file: file, problem: "is larger than \(greatestFileSize >> 20) MiB",
        remedy: "give the vocabulary of a byte-level tokenizer")
    }
    guard let data = FileManager.default.contents(atPath: file) else {
      throw BadInput(file: file, problem: "cannot be read", remedy: "check its permissions")
    }
    return data
  }
}
