/// How a byte-level tokenizer splits text: what a name in `tokenizer.ggml.pre` stands for, as steps of `tokenizer.json`.
///
/// The steps are those of the models' own files. llama.cpp does not normalise, where some of those files do.
struct GGUFSplit {
  var normalizer = "null"
  let preTokenizer: String
  /// Whether a word that is a token is not merged from its bytes.
  var ignoresMerges = false
  /// Whether a text begins with a token where nothing is said of it.
  var addsBeginning = false

  /// Bytes in the byte alphabet, and nothing split.
  static let byteLevel =
    #"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}"#
  private static let gpt2 =
    #"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": true}"#
  private static let nfc = #"{"type": "NFC"}"#

  private static func sequence(_ steps: String...) -> String {
    #"{"type": "Sequence", "pretokenizers": [\#(steps.joined(separator: ", "))]}"#
  }

  private static func split(_ pattern: String) -> String {
    #"{"type": "Split", "pattern": {"Regex": "\#(pattern)"}, "behavior": "Isolated", "invert": false}"#
  }

  /// The pattern of cl100k, with so many digits to a word.
  private static func words(digits: String) -> String {
    sequence(
      split(
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"# + digits
          + #"| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"#), byteLevel)
  }

  /// nil for a name that is not held.
  static func named(_ name: String) -> GGUFSplit? {
    switch name {
    case "gpt-2", "phi-2": GGUFSplit(preTokenizer: gpt2)
    case "mpt", "olmo": GGUFSplit(normalizer: nfc, preTokenizer: gpt2)
    case "llama3", "llama-v3", "llama-bpe":
      GGUFSplit(preTokenizer: words(digits: "{1,3}"), ignoresMerges: true, addsBeginning: true)
    case "dbrx", "smaug-bpe": GGUFSplit(preTokenizer: words(digits: "{1,3}"))
    case "qwen2": GGUFSplit(normalizer: nfc, preTokenizer: words(digits: ""))
    case "starcoder", "refact", "command-r", "smollm", "codeshell":
      GGUFSplit(preTokenizer: sequence(#"{"type": "Digits", "individual_digits": true}"#, gpt2))
    case "falcon":
      GGUFSplit(
        preTokenizer: sequence(
          #"{"type": "Punctuation", "behavior": "Contiguous"}"#, gpt2,
          #"{"type": "Digits", "individual_digits": false}"#, split("[0-9][0-9][0-9]")))
    case "bloom":
      GGUFSplit(preTokenizer: sequence(split(#" ?[^(\\s|[.,!?…。，、।۔،])]+"#), byteLevel))
    default: nil
    }
  }
}
