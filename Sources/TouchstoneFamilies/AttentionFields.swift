import TouchstoneGraph
import TouchstoneModel

/// How an attention is divided.
public struct HeadCounts: Sendable {
  /// H: the heads of queries.
  public let query: Int
  /// KV: the heads of keys and values, each of which H/KV heads of queries share.
  public let key: Int
  /// d: the columns of a head.
  public let width: Int
}

extension ConfigFields {
  /// The heads of an attention: `num_attention_heads`, `num_key_value_heads`, `head_dim`.
  ///
  /// - Parameters:
  ///   - width: D, which the heads divide where nothing says how wide they are.
  ///   - keyHeads: KV where the field is absent, in families whose configuration class has a number there; a null is H.
  ///   - headWidth: d where the field is absent; D/H unless given.
  /// - Throws: ``BadInput`` naming a field that is missing or cannot be.
  public mutating func heads(
    width: Int, keyHeads: Int? = nil, headWidth: Int? = nil
  ) throws(BadInput) -> HeadCounts {
    let heads = try size("num_attention_heads")
    let ownKeyHeads = keyHeads.flatMap { isNull("num_key_value_heads") ? nil : $0 } ?? heads
    let keyHeads = try size("num_key_value_heads", else: ownKeyHeads)
    guard heads.isMultiple(of: keyHeads) else {
      throw BadInput(
        place: "num_key_value_heads",
        problem: "\(keyHeads) do not divide num_attention_heads = \(heads) evenly",
        remedy: "correct one of the two")
    }
    let headWidth = try self.headWidth(width: width, heads: heads, else: headWidth)
    return HeadCounts(query: heads, key: keyHeads, width: headWidth)
  }

  /// The heads of an attention that has as many of keys as of queries, each D/H wide.
  ///
  /// - Parameters:
  ///   - names: those of the field that says how many, H.
  ///   - width: D.
  /// - Throws: ``BadInput`` naming a field that is no divisor, or that contradicts this.
  public mutating func evenHeads(_ names: String..., width: Int) throws(BadInput) -> HeadCounts {
    let count = try size(names, else: nil)
    guard width.isMultiple(of: count) else {
      throw BadInput(
        place: names[0], problem: "\(count) heads do not divide a width of \(width) evenly",
        remedy: "correct one of the two")
    }
    try expect("head_dim", width / count, "the width of a head")
    try expect("num_key_value_heads", count, "as many heads of keys as of queries")
    return HeadCounts(query: count, key: count, width: width / count)
  }

  private mutating func headWidth(width: Int, heads: Int, else fallback: Int?) throws(BadInput) -> Int {
    if let given = try integer("head_dim") ?? fallback {
      guard (1...Parameter.greatestExtent).contains(given) else {
        throw BadInput(place: "head_dim", problem: "is \(given)", remedy: "correct the field")
      }
      return given
    }
    guard width.isMultiple(of: heads) else {
      throw BadInput(
        place: "num_attention_heads", problem: "\(heads) heads do not divide hidden_size = \(width) evenly",
        remedy: "correct one of the two, or give head_dim")
    }
    return width / heads
  }

  /// Which blocks look through a window, as `layer_types` lists them; nil where it is absent.
  ///
  /// - Parameter layers: L, the blocks that the list must have.
  /// - Throws: ``BadInput`` naming the field for another number of blocks, and for a type that is neither
  ///   `full_attention` nor `sliding_attention`.
  public mutating func slidingLayers(of layers: Int) throws(BadInput) -> [Bool]? {
    guard let types = try strings("layer_types") else { return nil }
    guard types.count == layers else {
      throw BadInput(
        place: "layer_types", problem: "lists \(types.count) blocks where num_hidden_layers is \(layers)",
        remedy: "correct one of the two")
    }
    if let other = types.first(where: { !["full_attention", "sliding_attention"].contains($0) }) {
      throw BadInput(
        place: "layer_types", problem: "\(JSONValue.quoted(other)) is not supported",
        remedy: "supported are full_attention, sliding_attention")
    }
    return types.map { $0 == "sliding_attention" }
  }

  /// The window of each block, nil where it sees all that came before: in the blocks that `layer_types` lists, else in
  /// those of which `slides` holds.
  ///
  /// - Parameters:
  ///   - layers: L.
  ///   - fallback: the size where the field is absent.
  ///   - slides: which blocks where nothing lists them.
  /// - Throws: ``BadInput`` naming `layer_types`, or `sliding_window` where it is null and a block needs it.
  public mutating func windows(
    of layers: Int, size fallback: Int = 4096, else slides: (Int) -> Bool
  ) throws(BadInput) -> [Int?] {
    let window = isNull("sliding_window") ? nil : try size("sliding_window", else: fallback)
    let slides = try slidingLayers(of: layers) ?? (0..<layers).map(slides)
    guard window != nil || !slides.contains(true) else {
      throw BadInput(
        place: "sliding_window", problem: "is null where blocks look through a window",
        remedy: "give its size, or list full_attention for every block in layer_types")
    }
    return slides.map { $0 ? window : nil }
  }

  /// 1/√s with s of `query_pre_attn_scalar`, the factor on scores in models that choose it apart from the heads' width.
  ///
  /// - Throws: ``BadInput`` naming the field if it is no number above 0.
  public mutating func scoreScale(else fallback: Double) throws(BadInput) -> Double {
    let scalar = try number("query_pre_attn_scalar") ?? fallback
    guard scalar > 0 else {
      throw BadInput(
        place: "query_pre_attn_scalar", problem: "is \(scalar)", remedy: "give a number above 0")
    }
    return 1 / scalar.squareRoot()
  }
}
