extension BundledCase {
  /// Models with an encoder, one of each family.
  static let encoders = [
    tiny("bert", ids(12, of: 19), types: [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1], masked: [7]),
    tiny("roberta", [0, 5, 7, 9, 11, 3, 16, 14, 8, 4, 2, 2]),
    tiny("distilbert", ids(11, of: 17), masked: [3]),
    tiny("modernbert", ids(9, of: 17)),
    tiny("t5", ids(6, of: 17), reading: Source(tokens: ids(8, of: 17), masked: [7])),
    tiny("bart", ids(6, of: 17), reading: Source(tokens: ids(7, of: 17))),
    tiny("marian", ids(6, of: 15), reading: Source(tokens: ids(7, of: 17), masked: [0])),
    tiny("whisper"),
    tiny("clip-text", [0, 5, 10, 15, 4, 9, 14, 3, 3]),
  ]

  /// Of pictures, a condition and experts.
  static let otherFamilies = [
    tiny("vit"), tiny("clip-vision"), tiny("dit-block"),
    tiny("mixtral", ids(10, of: 17)),
    tiny("qwen3-moe", ids(10, of: 17)),
    tiny("gpt-oss", ids(10, of: 17), masked: [0]),
    tiny("deepseek-v2", ids(10, of: 17)),
    tiny("deepseek-v3", ids(10, of: 17)),
  ]

  /// Probes of these.
  static let otherProbes = [
    probe("first-row", [0, 1, 2, 3, 4]),
    probe("one-side", [0, 1, 2, 3], types: [0, 1, 1, 0]),
    probe("padding", [5, 10, 15, 2, 8, 13, 2, 1, 6, 2, 16]),
    probe("both-sides", ids(13, of: 17), masked: [6]),
    probe("distances", ids(13, of: 23), reading: Source(tokens: ids(19, of: 23), masked: [0, 9])),
    probe("sources", ids(9, of: 19), reading: Source(tokens: ids(11, of: 19), masked: [4])),
    probe("waves", ids(9, of: 19), reading: Source(tokens: ids(11, of: 19))),
    probe("sounds"),
    probe("ends", [0, 5, 10, 15, 4, 9, 14, 2, 7, 12, 1, 6, 11, 16, 3, 8, 13, 3]),
    probe("patches"), probe("conditions"), probe("one-condition"),
    probe("routes", ids(17, of: 23)),
    probe("sinks", ids(19, of: 23), masked: [0, 5]),
    probe("groups-of-experts", ids(21, of: 23)),
  ]
}
