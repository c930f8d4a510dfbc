extension BundledCase {
  /// Models of the families beside GPT-2 and Llama, two of each: one with a whole text, and one with masked keys and
  /// positions that count the others.
  static let families = whole + padded

  private static let whole = [
    ("tiny-qwen3", 43), ("tiny-gemma2", 41), ("tiny-gemma3", 41), ("tiny-olmo2", 43), ("tiny-phi3", 43),
  ].map { name, vocabularySize in
    BundledCase(name: name, source: .preset(name), tokens: ids(23, of: vocabularySize))
  }

  private static let padded = [
    ("tiny-qwen3-window", 37), ("tiny-gemma2-listed", 37), ("tiny-gemma3-capped", 35),
    ("tiny-olmo2-biases", 37), ("tiny-phi3-half", 37),
  ].map { name, vocabularySize in
    BundledCase(
      name: name, source: .preset(name), tokens: ids(22, of: vocabularySize),
      positions: [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18],
      masked: [0, 1, 12])
  }
}
