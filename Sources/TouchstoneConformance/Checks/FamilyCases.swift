extension BundledCase {
  /// Models of the families beside GPT-2 and Llama, two of each.
  static let families = whole + padded + withLayerNorm

  /// Of the families with RMSNorm, those with a whole text.
  private static let whole = [
    tiny("qwen3", ids(23, of: 43)), tiny("gemma2", ids(23, of: 41)), tiny("gemma3", ids(23, of: 41)),
    tiny("olmo2", ids(23, of: 43)), tiny("phi3", ids(23, of: 43)),
  ]

  /// Those with masked keys, and positions that count the others.
  private static let padded = [
    ("tiny-qwen3-window", 37), ("tiny-gemma2-listed", 37), ("tiny-gemma3-capped", 35),
    ("tiny-olmo2-biases", 37), ("tiny-phi3-half", 37),
  ].map { name, vocabularySize in
    BundledCase(
      name: name, source: .preset(name), tokens: ids(22, of: vocabularySize),
      positions: [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18],
      masked: [0, 1, 12])
  }

  private static let withLayerNorm = [
    tiny("neox", ids(25, of: 61)),
    tiny("neox-sequence", ids(23, of: 53), masked: [0, 1, 9]),
    tiny("gptj", ids(25, of: 59)),
    tiny("gptj-tied", ids(21, of: 47), masked: [3]),
    tiny("phi", ids(25, of: 61)),
    tiny("phi-norms", ids(23, of: 53), masked: [0, 11]),
    tiny("falcon", ids(25, of: 59)),
    tiny("falcon-groups", ids(23, of: 61), masked: [0, 1]),
    tiny("starcoder2", ids(29, of: 59)),
    tiny("starcoder2-bare", ids(21, of: 53), masked: [5]),
    tiny("opt", ids(25, of: 61), masked: [0, 1, 13]),
    tiny("opt-post", ids(23, of: 59)),
    tiny("bloom", ids(25, of: 61)),
    tiny("bloom-norms", ids(23, of: 53), masked: [0, 1, 9]),
    tiny("mpt", ids(25, of: 59)),
    tiny("mpt-clipped", ids(23, of: 53), masked: [0, 7]),
    tiny("imagegpt", ids(25, of: 62)),
    tiny("imagegpt-layers", ids(21, of: 54), masked: [4]),
  ]
}
