import TouchstoneModel

/// Reading a tokenizer from SentencePiece model files.
extension TokenizerFolder {
  private static let marianNames = (source: "source.spm", target: "target.spm", vocabulary: "vocab.json")
  private static let marianClass = "MarianTokenizer"

  /// Whether the folder holds Marian's files.
  var isMarian: Bool { has(Self.marianNames.source) }

  /// The files that a class of SentencePiece reads and that are there.
  var sentencePieceNames: [String] { SentencePieceFamily.fileNames.filter(has) }

  /// The tokenizer of `spiece.model` or `tokenizer.model`.
  func sentencePiece(_ settings: TokenizerSettings) throws(BadInput) -> Tokenizer {
    var settings = settings
    let config = has("config.json") ? Component(value: try json("config.json"), place: "") : nil
    let names = sentencePieceNames
    let family = try inFile(path(names[0])) { () throws(BadInput) in
      var name = settings.tokenizerClass
      if name == nil, let string = try config?.member("tokenizer_class")?.string {
        name = TokenizerSettings.className(string)
      }
      return try SentencePieceFamily(
        className: name, modelType: config?.member("model_type")?.value.string, fileNames: names)
    }
    guard names.contains(family.fileName) else {
      throw BadInput(
        file: path(names[0]),
        problem: "is not what \(family.rawValue) reads, which is \(family.fileName)",
        remedy: "give the model's own files")
    }
    let own = try ownSettings()
    let file = path(family.fileName)
    let document = try inFile(file) { () throws(BadInput) in
      try SentencePieceFile([UInt8](TokenizerFile.contents(file))).document(family, &settings, own)
    }
    return try tokenizer(document, settings)
  }

  /// Marian's tokenizer: the texts of two languages are cut each by its own file, and have their ids from one vocabulary.
  func marian(_ settings: TokenizerSettings) throws(BadInput) -> Tokenizer {
    var settings = settings
    let names = Self.marianNames
    guard settings.tokenizerClass ?? Self.marianClass == Self.marianClass else {
      throw BadInput(
        file: path(names.source),
        problem: "is Marian's, but tokenizer_config.json names "
          + quoted((settings.tokenizerClass ?? "").utf8),
        remedy: "give the files of one tokenizer")
    }
    for name in [names.target, names.vocabulary] where !has(name) {
      throw BadInput(
        file: path(names.source), problem: "has no \(name) beside it", remedy: "give all files of the model")
    }
    guard try !ownSettings().separatesVocabularies else {
      throw BadInput(
        file: path(Self.settingsName), place: "separate_vocabs",
        problem: "is true, and target_vocab.json is not read", remedy: "give token ids instead of text")
    }
    for (field, content) in [("unk_token", "<unk>"), ("eos_token", "</s>"), ("pad_token", "<pad>")] {
      settings.useDefault(content, for: field)
    }
    settings.addsPrefixSpace = nil
    // Its class finds every added token in the text as it is, and takes for special those alone that a field names.
    let special = Set(settings.special.map(\.content))
    for index in settings.added.indices {
      settings.added[index].token.isNormalized = false
      settings.added[index].token.isSpecial = special.contains(settings.added[index].token.content)
    }
    let vocabulary = path(names.vocabulary)
    let ids = try inFile(vocabulary) { () throws(BadInput) in
      try TokenIDs(Component(value: try json(names.vocabulary), place: "")).byToken
    }
    func id(_ token: AddedToken?) throws(BadInput) -> Int {
      guard let token, let id = ids[token.content] else {
        throw BadInput(
          file: vocabulary, problem: "holds no \(quoted(token?.content ?? [])), which every text needs",
          remedy: "give the model's own vocabulary")
      }
      return id
    }
    let (unknown, end) = (try id(settings.unknown), try id(settings.end))
    let source = try spm(names.source)
    let model = try inFile(path(names.source)) { () throws(BadInput) in
      try MarianModel(source, ids: ids, unknownToken: unknown)
    }
    let target = try spm(names.target)
    let targetModel = try inFile(path(names.target)) { () throws(BadInput) in
      try MarianModel(target, ids: ids, unknownToken: unknown)
    }
    var pieces = MarianText.Pieces()
    pieces.special = special
    pieces.known = Set(source.pieces.filter { $0.kind != .unknown }.map(\.spelling))
    pieces.control = Set(source.pieces.filter { $0.kind == .control }.map(\.spelling))
    pieces.spellsBytes = source.fallsBackToBytes
    pieces.dropsFirstMark = source.addsDummyPrefix || source.removesExtraSpaces
    pieces.dropsAllFirstMarks = source.removesExtraSpaces
    let document = TokenizerDocument(
      normalizer: nil, preTokenizer: nil, model: model,
      postProcessor: PostProcessor(template: [.text, .ids([end])]), decoders: [.marian(pieces)])
    return try tokenizer(document, settings).answering(by: targetModel)
  }

  /// A file of Marian's, which must be one that its class reads as it is.
  private func spm(_ name: String) throws(BadInput) -> SentencePieceFile {
    try inFile(path(name)) { () throws(BadInput) in
      let file = try SentencePieceFile([UInt8](TokenizerFile.contents(path(name))))
      let problem: String? =
        if file.algorithm != .unigram {
          "has the model type BPE, but Marian's is UNIGRAM"
        } else if file.marksWordEnds {
          "marks the ends of words (treat_whitespace_as_suffix), which is not supported"
        } else if file.changesDecodedText {
          "changes decoded text (denormalizer_spec), which is not supported"
        } else {
          nil
        }
      if let problem { throw BadInput(problem: problem, remedy: "give token ids instead of text") }
      return file
    }
  }

  private func ownSettings() throws(BadInput) -> SentencePieceSettings {
    guard has(Self.settingsName) else { return SentencePieceSettings() }
    return try inFile(path(Self.settingsName)) { () throws(BadInput) in
      try SentencePieceSettings(json(Self.settingsName))
    }
  }
}
