extension BundledCase {
  /// Models of the decoder families beside GPT-2 and Llama, two of each.
  static let families = whole + padded + nearlyLlama + withLayerNorm

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
      name: name, origin: .preset(name), tokens: ids(22, of: vocabularySize),
      positions: [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18],
      masked: [0, 1, 12])
  }

  private static let nearlyLlama =
    ["mistral", "qwen2", "gemma"].map { tiny($0, ids(16, of: 19)) }
    + ["tiny-mistral-whole", "tiny-qwen2-window", "tiny-gemma-biases"].map { name in
      BundledCase(
        name: name, origin: .preset(name), tokens: ids(16, of: 17),
        positions: [0, 0, 0, 1, 2, 3, 4, 5, 6, 6, 7, 8, 9, 10, 11, 12], masked: [0, 1, 9])
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
  /// Probes of other families than GPT-2's.
  static let familyProbes = [
    probe("caps", ids(30, of: 13)),
    probe(
      "head-norms", ids(16, of: 19), at: [0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 10, 13, 17, 22],
      masked: [3, 11]),
    probe("joined-norms", ids(26, of: 29)),
    probe(
      "far-positions", ids(22, of: 13),
      at: [
        0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 17, 25, 40, 63, 100, 159, 251, 631, 1585, 3981, 4000,
      ]),
    probe("biases", ids(19, of: 19), at: places(19), masked: [0, 1, 13]),
    probe("neighbours", ids(23, of: 23)),
    probe("groups", ids(21, of: 23), at: places(21), masked: [0, 1]),
    probe("slopes", ids(13, of: 17), masked: [0, 1, 9]),
    probe("clipped", ids(16, of: 17), masked: [0, 7]),
    probe("narrow-table", ids(21, of: 21), masked: [0, 1, 13]),
    probe("both-signs", ids(26, of: 27), at: places(26), masked: [4]),
  ]

  /// Positions of tokens of which the first two are masked: ten in a row, then every second.
  private static func places(_ count: Int) -> [Int] {
    (0..<count).map { $0 < 2 ? 0 : $0 < 12 ? $0 - 2 : $0 * 2 - 14 }
  }
}
