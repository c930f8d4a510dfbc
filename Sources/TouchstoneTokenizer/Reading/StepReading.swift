import TouchstoneModel

/// Reading the steps of `tokenizer.json`: what is not known is refused by its name.
extension Normalizer {
  init(_ json: Component) throws(BadInput) {
    let type = try json.type
    if let form = Form(rawValue: type) {
      self = .form(form)
      return
    }
    switch type {
    case "Lowercase": self = .lowercase
    case "Strip":
      self = .strip(
        left: try json.bool("strip_left", else: true), right: try json.bool("strip_right", else: true))
    case "StripAccents": self = .stripAccents
    case "Replace":
      let pattern = try Pattern(json)
      // The library loses count of the characters there: what it gives is no rule to follow.
      guard !pattern.canBeEmpty else {
        throw json.refusal(
          "replaces what is empty, which is not supported",
          remedy: "write a pattern that takes a character")
      }
      self = .replace(pattern, with: Array(try json.string("content").utf8))
    case "Prepend":
      let prefix = try json.string("prepend")
      guard !prefix.isEmpty else {
        throw json.refusal(
          "puts an empty text in front, which is not supported", remedy: "leave the step out")
      }
      self = .prepend(Array(prefix.utf8))
    case "ByteLevel": self = .byteAlphabet
    case "Precompiled": self = .mapped(try CharacterMap(json))
    case "BertNormalizer":
      // The tokenizers library, `BertNormalizer::normalize`.
      let isLower = try json.bool("lowercase", else: true)
      var steps: [Normalizer] = []
      if try json.bool("clean_text", else: true) { steps.append(.cleanText) }
      if try json.bool("handle_chinese_chars", else: true) { steps.append(.spacedChinese) }
      if try json.bool("strip_accents", else: isLower) { steps += [.form(.nfd), .stripNonspacingMarks] }
      if isLower { steps.append(.lowercase) }
      self = .sequence(steps)
    case "Sequence":
      var steps: [Normalizer] = []
      for step in try json.needed("normalizers").elements { steps.append(try Normalizer(step)) }
      self = .sequence(steps)
    default: throw json.unsupported(type)
    }
  }
}

extension Pattern {
  /// The member `pattern` of a step: `{"String": …}` or `{"Regex": …}`.
  init(_ json: Component) throws(BadInput) {
    let pattern = try json.needed("pattern")
    if let literal = pattern.member("String") {
      let text = try literal.string
      guard !text.isEmpty else { throw literal.refusal("is empty") }
      self.init(literal: text)
    } else if let expression = pattern.member("Regex") {
      let text = try expression.string
      self = try expression.located { () throws(BadInput) in try Pattern(text) }
    } else {
      throw pattern.refusal("holds neither String nor Regex")
    }
  }
}

extension PreTokenizer {
  init(_ json: Component) throws(BadInput) {
    let type = try json.type
    switch type {
    case "ByteLevel":
      self = .byteLevel(
        addsPrefixSpace: try json.bool("add_prefix_space", else: true),
        splits: try json.bool("use_regex", else: true))
    case "Split":
      self = .split(
        try Pattern(json), try SplitBehavior(json.needed("behavior")),
        isInverted: try json.bool("invert", else: false))
    case "Digits": self = .digits(individually: try json.bool("individual_digits", else: false))
    case "Punctuation":
      self = .punctuation(
        try json.member("behavior").map { json throws(BadInput) in try SplitBehavior(json) } ?? .isolated)
    case "WhitespaceSplit": self = .whitespaceSplit
    case "BertPreTokenizer": self = .sequence([.whitespaceSplit, .punctuation(.isolated)])
    case "Metaspace":
      let scheme = try PrependScheme(json)
      self = .metaspace(
        mark: try json.character("replacement"), scheme, splits: try json.bool("split", else: true))
    case "Sequence":
      var steps: [PreTokenizer] = []
      for step in try json.needed("pretokenizers").elements { steps.append(try PreTokenizer(step)) }
      self = .sequence(steps)
    default: throw json.unsupported(type)
    }
  }

  /// Whether its words are written in the byte alphabet.
  var spellsBytes: Bool {
    switch self {
    case .byteLevel: true
    case .sequence(let steps): steps.contains(where: \.spellsBytes)
    default: false
    }
  }
}

extension PreTokenizer.PrependScheme {
  /// The scheme of a Metaspace, whose older field `add_prefix_space` must agree where it is there.
  init(_ json: Component) throws(BadInput) {
    let name = try json.string("prepend_scheme", else: "always")
    guard let scheme = Self(rawValue: name) else { throw json.unsupported("the prepend_scheme \(name)") }
    if let old = json.member("add_prefix_space"), try !old.bool {
      guard scheme == .never || json.member("prepend_scheme") == nil else {
        throw old.refusal("is false, but prepend_scheme is \(name)", remedy: "keep the one that is right")
      }
      self = .never
    } else {
      self = scheme
    }
  }
}

extension SplitBehavior {
  init(_ json: Component) throws(BadInput) {
    let name = try json.string
    guard let behavior = SplitBehavior(rawValue: name) else { throw json.unsupported(name) }
    self = behavior
  }
}

extension Decoder {
  /// The steps of a decoder, those of a sequence one after the other.
  static func steps(_ json: Component) throws(BadInput) -> [Decoder] {
    let type = try json.type
    switch type {
    case "ByteLevel": return [.byteLevel]
    case "ByteFallback": return [.byteFallback]
    case "Fuse": return [.fuse]
    case "Replace":
      let pattern = try json.needed("pattern")
      guard let text = try pattern.member("String")?.string, !text.isEmpty else {
        throw pattern.refusal("is not a string, which is not supported in a decoder")
      }
      return [.replace(Array(text.utf8), with: Array(try json.string("content").utf8))]
    case "Strip":
      let counts = (try json.needed("start").integer, try json.needed("stop").integer)
      guard counts.0 >= 0, counts.1 >= 0 else { throw json.refusal("start or stop is negative") }
      return [.strip(try json.character("content"), start: counts.0, stop: counts.1)]
    case "Metaspace":
      let scheme = try PreTokenizer.PrependScheme(json)
      return [.metaspace(mark: try json.character("replacement"), dropsFirst: scheme != .never)]
    case "WordPiece":
      return [
        .wordPiece(
          prefix: Array(try json.string("prefix", else: "##").utf8),
          cleansUp: try json.bool("cleanup", else: true))
      ]
    case "BPEDecoder": return [.wordSuffix(Array(try json.string("suffix").utf8))]
    case "Sequence":
      var steps: [Decoder] = []
      for step in try json.needed("decoders").elements { steps += try Decoder.steps(step) }
      return steps
    default: throw json.unsupported(type)
    }
  }
}

extension PostProcessor {
  init(_ json: Component) throws(BadInput) {
    let type = try json.type
    switch type {
    case "ByteLevel": self.init()
    case "Sequence":
      self.init()
      for step in try json.needed("processors").elements {
        let next = try PostProcessor(step)
        guard next.template != [.text] else { continue }
        // The library takes what the first has put around for a second text.
        guard template == [.text] else {
          throw step.refusal(
            "adds tokens, and so does a step before it, which is not supported",
            remedy: "write one TemplateProcessing that adds them all")
        }
        self = next
      }
    case "RobertaProcessing", "BertProcessing":
      self.init(template: [
        .ids([try Self.idOfPair(json.needed("cls"))]), .text, .ids([try Self.idOfPair(json.needed("sep"))]),
      ])
    case "TemplateProcessing":
      var parts: [Part] = []
      for part in try json.needed("single").elements { parts.append(try Self.templatePart(part, of: json)) }
      self.init(template: parts)
    default: throw json.unsupported(type)
    }
  }

  private static func templatePart(_ part: Component, of json: Component) throws(BadInput) -> Part {
    if let sequence = part.member("Sequence") {
      guard try sequence.string("id") == "A" else { throw sequence.refusal("is not the sequence A") }
      return .text
    }
    let name = try part.needed("SpecialToken").string("id")
    let tokens = try json.needed("special_tokens")
    guard let token = try tokens.members.first(where: { $0.name.utf8.elementsEqual(name.utf8) })?.value else {
      throw tokens.refusal("lacks \(quoted(name.utf8))")
    }
    var ids: [Int] = []
    for id in try token.needed("ids").elements { ids.append(try id.integer) }
    return .ids(ids)
  }

  /// The id in `["<s>", 0]`.
  private static func idOfPair(_ json: Component) throws(BadInput) -> Int {
    let pair = try json.elements
    guard pair.count == 2 else { throw json.refusal("is not a token and its id") }
    return try pair[1].integer
  }
}

extension TextLengths {
  /// More than any model reads.
  private static let greatestCount = 1 << 24

  /// The member `truncation` of `tokenizer.json`, null where it is absent.
  init(truncation: Component?) throws(BadInput) {
    guard let count = try truncation?.needed("max_length") else { return }
    let value = try count.integer
    guard (0...Self.greatestCount).contains(value) else {
      throw count.refusal("is not in 0…\(Self.greatestCount)")
    }
    greatest = value
  }
}
