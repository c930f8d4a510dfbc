import TouchstoneModel

/// What `tokenizer_config.json`, or the older files beside it, say of a tokenizer.
struct TokenizerSettings {
  /// The class that reads the files in Hugging Face transformers, without `Fast`.
  var tokenizerClass: String?
  var addsPrefixSpace: Bool?
  /// Whether the token of the beginning stands before every text; nil where nothing is said.
  var addsBeginning: Bool?
  /// Whether the token of the end stands behind every text; nil where nothing is said.
  var addsEnd: Bool?
  var beginning: AddedToken?
  var end: AddedToken?
  /// The other tokens that are named as special.
  var otherSpecial: [AddedToken] = []
  /// The token for what is unknown, one of those.
  var unknown: AddedToken?
  /// The fields that name a special token.
  var namedFields: Set<String> = []
  /// Tokens with their ids, by id.
  var added: [(id: Int, token: AddedToken)] = []

  private static let tokenFields = [
    "bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token",
  ]

  /// Whether the class is the one that reads any `tokenizer.json` as it stands.
  var isOfNoClass: Bool { ["PreTrainedTokenizer", "TokenizersBackend"].contains(tokenizerClass) }

  /// The tokens that are named as special.
  var special: [AddedToken] { [beginning, end].compactMap { $0 } + otherSpecial }

  init() {}

  /// Reads `tokenizer_config.json` or `special_tokens_map.json`.
  ///
  /// - Throws: ``BadInput`` naming the field that is malformed, or not supported and not neutral.
  init(_ value: JSONValue) throws(BadInput) {
    let json = Component(value: value, place: "")
    guard value.members != nil else {
      throw json.refusal("holds no JSON object", remedy: "save the tokenizer again")
    }
    if let name = try json.member("tokenizer_class")?.string {
      tokenizerClass = Self.className(name)
    }
    if let split = json.member("split_special_tokens"), try split.bool {
      throw split.refusal("is true, which is not supported", remedy: "give token ids instead of text")
    }
    addsPrefixSpace = try json.member("add_prefix_space")?.bool
    addsBeginning = try json.member("add_bos_token")?.bool
    addsEnd = try json.member("add_eos_token")?.bool
    beginning = try Self.token(json.member("bos_token"))
    end = try Self.token(json.member("eos_token"))
    unknown = try Self.token(json.member("unk_token"))
    for name in ["unk_token", "pad_token", "sep_token", "cls_token", "mask_token"] {
      if let token = try Self.token(json.member(name)) { otherSpecial.append(token) }
    }
    namedFields = Set(Self.tokenFields.filter { json.member($0) != nil })
    for name in ["additional_special_tokens", "extra_special_tokens"] {
      guard let list = json.member(name) else { continue }
      let elements = try list.value.array == nil ? list.members.map(\.value) : list.elements
      for element in elements {
        if let token = try Self.token(element) { otherSpecial.append(token) }
      }
    }
    if let tokens = json.member("added_tokens_decoder") {
      for (name, token) in try tokens.members {
        guard let id = Int(name) else { throw tokens.refusal("names \(quoted(name.utf8)), which is no id") }
        added.append((id, try AddedToken(token)))
      }
      added.sort { $0.id < $1.id }
    }
  }

  /// The name of a class without `Fast`.
  static func className(_ name: String) -> String {
    name.hasSuffix("Fast") ? String(name.dropLast(4)) : name
  }

  /// A token given by its content or with its properties.
  private static func token(_ json: Component?) throws(BadInput) -> AddedToken? {
    guard let json else { return nil }
    if let content = json.value.string { return AddedToken(content, isSpecial: true) }
    var token = try AddedToken(json)
    // An old list does not say that its tokens are special; that they are normalised it does.
    token.isSpecial = true
    return token
  }

  /// Names a special token as a tokenizer's class does, where no file names another in that field.
  mutating func useDefault(_ content: String, for field: String) {
    guard namedFields.insert(field).inserted else { return }
    let token = AddedToken(content, isSpecial: true)
    switch field {
    case "bos_token": beginning = token
    case "eos_token": end = token
    default:
      if field == "unk_token" { unknown = token }
      otherSpecial.append(token)
    }
  }

  /// What another file says where this one says nothing.
  mutating func complete(from other: TokenizerSettings) {
    beginning = beginning ?? other.beginning
    end = end ?? other.end
    unknown = unknown ?? other.unknown
    namedFields.formUnion(other.namedFields)
    let known = Set(otherSpecial.map(\.content))
    otherSpecial += other.otherSpecial.filter { !known.contains($0.content) }
  }
}

extension TokenizerDocument {
  /// The tokenizer, with the settings beside its file.
  ///
  /// - Throws: ``BadInput`` where the settings contradict the file.
  func tokenizer(_ settings: TokenizerSettings) throws(BadInput) -> Tokenizer {
    var list = added
    for (id, token) in settings.added {
      try list.add(token, id: id, place: "added_tokens_decoder.\(id)")
    }
    let known = Set(list.tokens.map(\.token.content))
    var nameless: [[UInt8]] = []
    for token in settings.special where !known.contains(token.content) {
      if let id = list.id(of: token.content) {
        try list.add(token, id: id, place: "special tokens")
      } else if !token.content.isEmpty {
        nameless.append(token.content)
      }
    }
    return Tokenizer(
      Tokenizer.Steps(
        added: try AddedTokens(list.tokens, normalizer: normalizer), nameless: nameless,
        normalizer: normalizer,
        preTokenizer: try preTokenizer(settings), model: model,
        postProcessor: try postProcessor(settings, list), decoders: decoders,
        endOfText: settings.end?.content ?? Array("<|endoftext|>".utf8), lengths: lengths))
  }

  /// The split, with a space before the text or without it as the settings say.
  private func preTokenizer(_ settings: TokenizerSettings) throws(BadInput) -> PreTokenizer? {
    guard let addsPrefixSpace = settings.addsPrefixSpace else { return preTokenizer }
    // A class of its own writes the step again; what reads any file takes the file's.
    let isOfItsClass = postProcessor == nil || !settings.isOfNoClass
    if case .byteLevel(_, let splits) = preTokenizer, isOfItsClass {
      return .byteLevel(addsPrefixSpace: addsPrefixSpace, splits: splits)
    }
    if let declared = preTokenizer?.addsPrefixSpace ?? normalizer?.addsPrefix, declared != addsPrefixSpace {
      throw BadInput(
        place: "add_prefix_space", problem: "is \(addsPrefixSpace), but tokenizer.json says \(declared)",
        remedy: "keep the one that is right")
    }
    return preTokenizer
  }

  /// What is put around a text: the file's own template, which the settings may not contradict, or else theirs.
  private func postProcessor(
    _ settings: TokenizerSettings, _ list: AddedTokenList
  ) throws(BadInput) -> PostProcessor {
    func ids(_ isAdded: Bool?, _ token: AddedToken?, _ name: String, _ declared: (ids: [Int], place: String)?)
      throws(BadInput) -> [Int]
    {
      guard let isAdded else { return [] }
      let id = token.flatMap { list.id(of: $0.content) }
      guard !isAdded || id != nil else {
        throw BadInput(
          place: "add_\(name)", problem: "is true, but no \(name) of the vocabulary is given",
          remedy: "name it, or set the field to false")
      }
      let ids = isAdded ? id.map { [$0] } ?? [] : []
      // Which of the two counts differs between versions of Hugging Face's transformers.
      if let declared, declared.ids != ids {
        throw BadInput(
          place: "add_\(name)",
          problem: "is \(isAdded), but tokenizer.json puts "
            + (declared.ids.isEmpty ? "nothing" : "the ids \(declared.ids)") + " \(declared.place) a text",
          remedy: "keep the one that is right")
      }
      return ids
    }
    let beginning = try ids(
      settings.addsBeginning, settings.beginning, "bos_token", postProcessor.map { ($0.before, "before") })
    let end = try ids(
      settings.addsEnd, settings.end, "eos_token", postProcessor.map { ($0.behind, "behind") })
    return postProcessor ?? PostProcessor(template: [.ids(beginning), .text, .ids(end)])
  }
}

extension PreTokenizer {
  /// Whether a space is put before a text that has none; nil where nothing is said of it.
  fileprivate var addsPrefixSpace: Bool? {
    switch self {
    case .byteLevel(let adds, _): adds
    case .metaspace(_, let scheme, _): scheme != .never
    case .sequence(let steps): steps.lazy.compactMap(\.addsPrefixSpace).first
    default: nil
    }
  }
}

extension Normalizer {
  /// Whether something is put before a text; nil where nothing is.
  fileprivate var addsPrefix: Bool? {
    switch self {
    case .prepend: true
    case .sequence(let steps): steps.lazy.compactMap(\.addsPrefix).first
    default: nil
    }
  }
}
