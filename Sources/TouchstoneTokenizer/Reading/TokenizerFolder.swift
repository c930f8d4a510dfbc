import Foundation
import TouchstoneFiles
import TouchstoneModel

/// Reading a tokenizer from the folder of a model.
extension Tokenizer {
  /// Loads `tokenizer.json`, or else Marian's `source.spm`, `target.spm` and `vocab.json`, or else `vocab.json` and
  /// `merges.txt` (`encoder.json` and `vocab.bpe`), or else `spiece.model` or `tokenizer.model`; and what
  /// `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` beside it say.
  ///
  /// - Throws: `BadInput` naming the file that is missing, unreadable, malformed, or does not belong to the other,
  ///   and what in it is not supported.
  public init(folder: String) throws(BadInput) {
    let folder = TokenizerFolder(folder)
    var settings = try folder.settings()
    if folder.has("tokenizer.json") {
      let file = folder.path("tokenizer.json")
      let document = try folder.inFile(file) { () throws(BadInput) in
        try TokenizerDocument(JSONValue.parse(TokenizerFile.contents(file)))
      }
      self = try folder.tokenizer(document, settings)
    } else if folder.isMarian {
      self = try folder.marian(settings)
    } else if !folder.sentencePieceNames.isEmpty, !folder.hasVocabularyFiles {
      self = try folder.sentencePiece(settings)
    } else {
      let files = try folder.vocabularyFiles()
      settings.useGPT2Defaults(files.ids)
      self = try folder.tokenizer(files.document(settings), settings)
    }
  }
}

extension TokenizerSettings {
  /// GPT-2's own files do not name its one special token, which has an id in them.
  mutating func useGPT2Defaults(_ ids: [[UInt8]: Int]) {
    let token = AddedToken("<|endoftext|>", isSpecial: true)
    guard ids[token.content] != nil || added.contains(where: { $0.token.content == token.content }) else {
      return
    }
    beginning = beginning ?? token
    end = end ?? token
    if !special.contains(where: { $0.content == token.content }) { otherSpecial.append(token) }
  }
}

/// The files of a tokenizer in a model's folder.
struct TokenizerFolder {
  static let settingsName = "tokenizer_config.json"
  private static let vocabularyNames = ["vocab.json", "encoder.json"]
  private static let mergesNames = ["merges.txt", "vocab.bpe"]

  private let folder: String

  init(_ folder: String) {
    self.folder = folder
  }

  func path(_ name: String) -> String {
    URL(fileURLWithPath: folder).appendingPathComponent(name).path
  }

  func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

  /// What is thrown inside, said of `file` where it names none.
  func inFile<T>(_ file: String, _ body: () throws(BadInput) -> T) throws(BadInput) -> T {
    do {
      return try body()
    } catch {
      throw error.inFile(file)
    }
  }

  /// A file's JSON.
  func json(_ name: String) throws(BadInput) -> JSONValue {
    try JSONValue.parse(TokenizerFile.contents(path(name)), file: path(name))
  }

  /// The tokenizer of a document; what contradicts it is said of the file with the settings.
  func tokenizer(_ document: TokenizerDocument, _ settings: TokenizerSettings) throws(BadInput) -> Tokenizer {
    try inFile(path(Self.settingsName)) { () throws(BadInput) in try document.tokenizer(settings) }
  }

  /// What the files beside the vocabulary say; the older ones count where the newer lists no tokens.
  func settings() throws(BadInput) -> TokenizerSettings {
    var settings = TokenizerSettings()
    if has(Self.settingsName) { settings = try read(Self.settingsName) }
    guard settings.added.isEmpty else { return settings }
    if has("special_tokens_map.json") { settings.complete(from: try read("special_tokens_map.json")) }
    if has("added_tokens.json") {
      let special = Set(settings.special.map(\.content))
      for (token, id) in try tokenIDs(path("added_tokens.json")).sorted(by: { $0.value < $1.value }) {
        settings.added.append(
          (id, AddedToken(String(decoding: token, as: UTF8.self), isSpecial: special.contains(token))))
      }
    }
    return settings
  }

  private func read(_ name: String) throws(BadInput) -> TokenizerSettings {
    let file = path(name)
    return try inFile(file) { () throws(BadInput) in
      try TokenizerSettings(JSONValue.parse(TokenizerFile.contents(file)))
    }
  }

  /// Whether a vocabulary and a merge list are there.
  var hasVocabularyFiles: Bool {
    Self.vocabularyNames.contains(where: has) && Self.mergesNames.contains(where: has)
  }

  func vocabularyFiles() throws(BadInput) -> VocabularyFiles {
    let vocabularyFile = try find(Self.vocabularyNames)
    let mergesFile = try find(Self.mergesNames)
    return VocabularyFiles(
      ids: try tokenIDs(vocabularyFile), vocabularyFile: vocabularyFile,
      merges: try TokenizerFile.text(mergesFile), mergesFile: mergesFile)
  }

  private func find(_ names: [String]) throws(BadInput) -> String {
    if let found = names.first(where: has) { return path(found) }
    guard let contents = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      throw BadInput(
        file: folder, problem: "is not a folder that can be read", remedy: "give the folder of a model")
    }
    let other = contents.sorted().first { name in
      name.hasSuffix(".model") || name.hasSuffix(".tiktoken") || name == "tekken.json" || name == "vocab.txt"
    }
    throw BadInput(
      file: folder,
      problem: "holds neither \(names[0]) nor \(names[1]), and no tokenizer.json"
        + (other.map { ", only \($0), which is not read" } ?? ""),
      remedy: "write tokenizer.json, in Python by "
        + "transformers.AutoTokenizer.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER), or give token ids "
        + "instead of text")
  }

  private func tokenIDs(_ file: String) throws(BadInput) -> [[UInt8]: Int] {
    let notIDs = BadInput(
      file: file, problem: "is not a JSON object of token ids", remedy: "give the model's own vocabulary")
    guard let members = try JSONValue.parse(TokenizerFile.contents(file), file: file).members else {
      throw notIDs
    }
    var ids: [[UInt8]: Int] = [:]
    ids.reserveCapacity(members.count)
    for member in members {
      let (token, value) = (member.name, member.value)
      guard case .integer(let id) = value else { throw notIDs }
      ids[Array(token.utf8)] = id
    }
    return ids
  }
}

/// A file of a tokenizer.
enum TokenizerFile {
  /// The largest in use take about 35 MB.
  private static let greatestSize = 64 << 20

  static func contents(_ file: String) throws(BadInput) -> Data {
    try SmallFile.read(file, greatest: greatestSize)
  }

  /// The bytes of a text file, without the byte order mark that it may begin with.
  static func text(_ file: String) throws(BadInput) -> [UInt8] {
    try ByteOrderMark.removed(from: [UInt8](contents(file)), file: file)
  }
}
