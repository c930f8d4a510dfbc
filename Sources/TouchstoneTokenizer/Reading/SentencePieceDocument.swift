import TouchstoneModel

extension SentencePieceFile {
  /// The tokenizer that a class of Hugging Face transformers makes of the file, with the class's defaults in `settings`.
  ///
  /// - Throws: ``BadInput`` where the file is not one that the class reads.
  func document(
    _ family: SentencePieceFamily, _ settings: inout TokenizerSettings, _ own: SentencePieceSettings
  ) throws(BadInput) -> TokenizerDocument {
    try family.check(self)
    family.useDefaults(&settings, self)
    let addsPrefixSpace = settings.addsPrefixSpace ?? true
    // Only Llama's class goes by it; it is not to be compared with what another does.
    settings.addsPrefixSpace = nil
    var document: TokenizerDocument
    var kinds: Set<Kind> = [.control, .userDefined]
    switch family {
    case .t5: document = try t5(settings, own)
    case .llama: document = llama(addsPrefixSpace: addsPrefixSpace, own)
    case .gemma: document = try gemma(settings)
    case .plain:
      document = try plain(settings, own)
      kinds = [.control]
      if addsDummyPrefix {
        for index in settings.added.indices { settings.added[index].token.isNormalized = false }
      }
    }
    // What the settings name has the properties that they give it.
    let named = Set(settings.special.map(\.content))
    for piece in pieces where kinds.contains(piece.kind) && !named.contains(piece.spelling) {
      guard let id = document.model.id(of: piece.spelling) else { continue }
      var token = AddedToken(
        String(decoding: piece.spelling, as: UTF8.self), isSpecial: piece.kind == .control)
      token.isNormalized = false
      try document.added.add(token, id: id, place: "piece \(id)")
    }
    return document
  }

  // MARK: Classes

  private func t5(_ settings: TokenizerSettings, _ own: SentencePieceSettings) throws(BadInput)
    -> TokenizerDocument
  {
    let extra = (0..<own.extraIDs).reversed().map { "<extra_id_\($0)>" }
    let entries =
      pieces.map { UnigramModel.Entry(spelling: $0.spelling, score: Double($0.score)) }
      + extra.map { UnigramModel.Entry(spelling: Array($0.utf8), score: 0) }
    let unknownToken = 2
    guard pieces.indices.contains(unknownToken) else {
      throw BadInput(
        problem:
          "holds \(pieces.count) pieces, but \(SentencePieceFamily.t5.rawValue) takes that of id 2 for what is unknown",
        remedy: "give the model's own file")
    }
    let model = UnigramModel(
      entries,
      options: .init(
        unknownToken: unknownToken, unknownScore: Self.unknownScore(entries), fallsBackToBytes: false))
    guard let end = settings.end, let id = model.id(of: end.content) else {
      throw BadInput(
        problem: "has no piece \(quoted(settings.end?.content ?? [])), the eos_token that ends every text",
        remedy: "give the file and the tokenizer_config.json of one model")
    }
    let mark = SentencePieceText.mark
    var document = TokenizerDocument(
      normalizer: try map().map { .mapped($0) },
      preTokenizer: .sequence([.whitespaceSplit, .metaspace(mark: mark, .always, splits: true)]),
      model: model, postProcessor: PostProcessor(template: [.text, .ids([id])]),
      decoders: [.metaspace(mark: mark, dropsFirst: true)])
    for (offset, content) in extra.enumerated() {
      guard model.id(of: Array(content.utf8)) == pieces.count + offset else { continue }
      try document.added.add(
        AddedToken(content, isSpecial: true), id: pieces.count + offset, place: "extra_ids")
    }
    return document
  }

  private func llama(addsPrefixSpace: Bool, _ own: SentencePieceSettings) -> TokenizerDocument {
    let scheme: PreTokenizer.PrependScheme =
      !addsPrefixSpace ? .never : own.isLegacy ?? false ? .always : .first
    return TokenizerDocument(
      normalizer: nil,
      preTokenizer: .metaspace(mark: SentencePieceText.mark, scheme, splits: false),
      model: bytePairs(pieces, .byID, unknown: nil, fallsBackToBytes: true, ignoresMerges: false),
      decoders: Self.decoders(fallsBackToBytes: true, dropsFirstSpace: addsPrefixSpace))
  }

  private func gemma(_ settings: TokenizerSettings) throws(BadInput) -> TokenizerDocument {
    TokenizerDocument(
      normalizer: .replace(Pattern(literal: " "), with: Array(String(SentencePieceText.mark).utf8)),
      preTokenizer: .split(Pattern(literal: " "), .mergedWithPrevious, isInverted: false),
      model: bytePairs(
        pieces, .byID, unknown: settings.unknown?.content, fallsBackToBytes: true, ignoresMerges: false),
      decoders: Self.decoders(fallsBackToBytes: true, dropsFirstSpace: false))
  }

  /// The file's own settings in steps (`SpmConverter.build_tokenizer_from_spm_proto`).
  private func plain(_ settings: TokenizerSettings, _ own: SentencePieceSettings) throws(BadInput)
    -> TokenizerDocument
  {
    let mark = SentencePieceText.mark
    let markBytes = Array(String(mark).utf8)
    let isLegacy = own.isLegacy ?? true
    let pieces = algorithm == .bytePair ? renamed(settings) : pieces
    let userDefined = pieces.filter { $0.kind == .userDefined }.map(\.spelling)

    var normalizers: [Normalizer] = []
    if let map = try map() { normalizers.append(.mapped(map)) }
    if removesExtraSpaces {
      normalizers.append(.replace(try Pattern(#"\A +| +\z"#), with: []))
      normalizers.append(.replace(try Pattern(" {2,}"), with: [UInt8(ascii: " ")]))
    }
    if escapesSpaces { normalizers.append(.replace(Pattern(literal: " "), with: markBytes)) }
    var splits: [PreTokenizer] = []
    if addsDummyPrefix {
      // The split puts no mark before a text that begins with one, which SentencePiece does.
      if isLegacy { normalizers.append(.replace(try Pattern(#"\A▁"#), with: markBytes + markBytes)) }
      splits.append(.metaspace(mark: mark, isLegacy ? .always : .first, splits: false))
    }
    if !userDefined.isEmpty {
      splits.append(.split(try Self.pattern(ofAny: userDefined), .isolated, isInverted: false))
    }
    let model: any TokenModel
    if algorithm == .bytePair {
      model = bytePairs(
        pieces, .byScore, unknown: Array(unknownPiece.utf8), fallsBackToBytes: fallsBackToBytes,
        ignoresMerges: !userDefined.isEmpty)
    } else {
      let entries = pieces.map { UnigramModel.Entry(spelling: $0.spelling, score: Double($0.score)) }
      model = UnigramModel(
        entries,
        options: .init(
          unknownToken: unknownID, unknownScore: Self.unknownScore(entries),
          fallsBackToBytes: fallsBackToBytes))
    }
    return TokenizerDocument(
      normalizer: .sequence(normalizers), preTokenizer: splits.isEmpty ? nil : .sequence(splits),
      model: model,
      decoders: Self.decoders(fallsBackToBytes: fallsBackToBytes, dropsFirstSpace: addsDummyPrefix))
  }

  // MARK: Parts

  /// The pieces with the names that the settings give their ids, but for names that another piece keeps.
  private func renamed(_ settings: TokenizerSettings) -> [Piece] {
    let names = Dictionary(settings.added.map { ($0.id, $0.token.content) }, uniquingKeysWith: { $1 })
    let kept = Set(pieces.enumerated().filter { names[$0.offset] == nil }.map(\.element.spelling))
    return pieces.enumerated().map { id, piece in
      guard let name = names[id], !name.isEmpty, !kept.contains(name) else { return piece }
      return Piece(spelling: name, score: piece.score, kind: piece.kind)
    }
  }

  private func bytePairs(
    _ pieces: [Piece], _ order: SentencePieceMerges.Order, unknown: [UInt8]?, fallsBackToBytes: Bool,
    ignoresMerges: Bool
  ) -> BytePairModel {
    let ids = Dictionary(pieces.enumerated().map { ($1.spelling, $0) }, uniquingKeysWith: { $1 })
    var options = BytePairModel.Options()
    options.unknownToken = unknown.flatMap { ids[$0] }
    options.fusesUnknown = true
    options.fallsBackToBytes = fallsBackToBytes
    options.ignoresMerges = ignoresMerges
    return BytePairModel(
      ids: ids, merges: SentencePieceMerges.merges(of: pieces, ids: ids, order), options: options)
  }

  private static func unknownScore(_ entries: [UnigramModel.Entry]) -> Double {
    (entries.compactMap(\.score).min() ?? 0) - 10
  }

  private static func decoders(fallsBackToBytes: Bool, dropsFirstSpace: Bool) -> [Decoder] {
    var steps = [Decoder.replace(Array(String(SentencePieceText.mark).utf8), with: [UInt8(ascii: " ")])]
    if fallsBackToBytes { steps.append(.byteFallback) }
    if fallsBackToBytes || dropsFirstSpace { steps.append(.fuse) }
    if dropsFirstSpace { steps.append(.strip(" ", start: 1, stop: 0)) }
    return steps
  }

  /// What finds any of `texts`, the longest at each place.
  private static func pattern(ofAny texts: [[UInt8]]) throws(BadInput) -> Pattern {
    let expressions = texts.map { String(decoding: $0, as: UTF8.self).unicodeScalars }
      .sorted { $0.count > $1.count }
      .map { scalars in scalars.map { "\\x{\(String($0.value, radix: 16))}" }.joined() }
    return try Pattern(expressions.joined(separator: "|"))
  }
}
