import TouchstoneModel

/// The classes of Hugging Face transformers that read a SentencePiece model file alone, and the steps that each makes of it
/// (transformers 5.24).
enum SentencePieceFamily: String {
  case t5 = "T5Tokenizer"
  case llama = "LlamaTokenizer"
  case gemma = "GemmaTokenizer"
  /// The class that any other model has: it follows the file's own settings.
  case plain = "TokenizersBackend"

  /// The families whose models have a class of their own, or none whatever their settings name.
  private static let ofModels: [String: SentencePieceFamily] = [
    "t5": .t5, "mt5": .t5, "gemma": .gemma, "gemma2": .gemma, "gemma3": .gemma, "gemma3_text": .gemma,
    "mistral": .plain, "mixtral": .plain, "phi3": .plain, "umt5": .plain,
  ]

  /// - Parameters:
  ///   - name: the class that the settings name; nil where they name none.
  ///   - modelType: what `config.json` calls the model.
  /// - Throws: ``BadInput`` for a class that is not held.
  init(className name: String?, modelType: String?, fileNames: [String]) throws(BadInput) {
    let ofModel = modelType.flatMap { Self.ofModels[$0] }
    if ofModel == .plain {
      self = .plain
    } else if let name {
      guard let named = Self(rawValue: name) ?? (name == "PreTrainedTokenizer" ? .plain : nil) else {
        throw BadInput(
          problem: "is for the tokenizer \(quoted(name.utf8)), which is read from tokenizer.json alone",
          remedy: "write one: in Python, "
            + "transformers.AutoTokenizer.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER)")
      }
      self = named
    } else {
      self = ofModel ?? (fileNames == [Self.t5.fileName] ? .t5 : .plain)
    }
  }

  /// The file that the class reads.
  var fileName: String { self == .t5 ? "spiece.model" : "tokenizer.model" }

  /// All files that a class reads.
  static let fileNames = [t5.fileName, plain.fileName]

  /// The only algorithm that the class knows; nil where it follows the file.
  private var algorithm: SentencePieceFile.Algorithm? {
    switch self {
    case .t5: .unigram
    case .llama, .gemma: .bytePair
    case .plain: nil
    }
  }

  /// Checks that the class can read the file.
  func check(_ file: SentencePieceFile) throws(BadInput) {
    guard let algorithm, algorithm != file.algorithm else { return }
    throw BadInput(
      place: "trainer_spec",
      problem: "has the model type \(file.algorithm == .unigram ? "UNIGRAM" : "BPE"), but \(rawValue) reads "
        + (algorithm == .unigram ? "UNIGRAM" : "BPE"),
      remedy: "name the tokenizer_class of this file in tokenizer_config.json")
  }

  /// The special tokens that the class names where no file does.
  func useDefaults(_ settings: inout TokenizerSettings, _ file: SentencePieceFile) {
    let named: [(String, String)] =
      switch self {
      case .t5: [("eos_token", "</s>"), ("unk_token", "<unk>"), ("pad_token", "<pad>")]
      case .llama: [("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")]
      case .gemma:
        [
          ("bos_token", "<bos>"), ("eos_token", "<eos>"), ("unk_token", "<unk>"), ("pad_token", "<pad>"),
          ("mask_token", "<mask>"),
        ]
      case .plain:
        [
          (file.beginningID, "bos_token", file.beginningPiece), (file.endID, "eos_token", file.endPiece),
          (file.unknownID, "unk_token", file.unknownPiece),
        ].filter { $0.0 >= 0 }.map { ($0.1, $0.2) }
      }
    for (field, content) in named { settings.useDefault(content, for: field) }
  }
}

/// What `tokenizer_config.json` says to the classes of SentencePiece alone.
struct SentencePieceSettings {
  /// Whether every stretch between special tokens begins like a text; nil where nothing is said.
  var isLegacy: Bool?
  /// How many tokens `<extra_id_…>` T5 has.
  var extraIDs = 100
  /// Whether the two languages have vocabularies of their own.
  var separatesVocabularies = false

  /// More than any model has.
  private static let greatestExtraIDs = 1 << 16

  init() {}

  init(_ value: JSONValue) throws(BadInput) {
    let json = Component(value: value, place: "")
    // What is null counts as false here, other than what is absent.
    if value.object?["legacy"] == .null { isLegacy = false }
    if let legacy = json.member("legacy") { isLegacy = try legacy.bool }
    if let count = json.member("extra_ids") {
      extraIDs = try count.integer
      guard (0...Self.greatestExtraIDs).contains(extraIDs) else {
        throw count.refusal("is not in 0…\(Self.greatestExtraIDs)")
      }
    }
    separatesVocabularies = try json.bool("separate_vocabs", else: false)
    if let options = json.member("sp_model_kwargs"), try !options.members.isEmpty {
      throw options.refusal("changes how SentencePiece cuts, which is not supported", remedy: "remove it")
    }
  }
}
