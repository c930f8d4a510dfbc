import Foundation
import TouchstoneGGUF
import TouchstoneGraph
import TouchstoneModel

/// The fields of a `config.json`, made of the metadata of a GGUF file.
///
/// It remembers which keys were read: one of the architecture that nobody read may change the arithmetic, and is refused.
struct GGUFConfig {
  private let file: GGUFFile
  private let architecture: String
  private var fields: [String: JSONText] = [:]
  private var read: Set<String> = []
  /// H, D and d, which tell how rows are ordered.
  private(set) var heads = (query: 1, key: 1)
  private(set) var width = 1
  private(set) var headWidth = 1

  init(_ file: GGUFFile, architecture: String) {
    self.file = file
    self.architecture = architecture
  }

  /// The configuration as text.
  var text: Data {
    Data(JSONText.object(fields.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }).indented.utf8)
  }

  // MARK: Metadata

  private mutating func key(_ name: String) -> String {
    read.insert("\(architecture).\(name)")
    return "\(architecture).\(name)"
  }

  mutating func integer(_ name: String) throws(BadInput) -> Int? { try file.metadata.integer(key(name)) }

  mutating func number(_ name: String) throws(BadInput) -> Double? {
    guard let number = try file.metadata.number(key(name)) else { return nil }
    guard number.isFinite else {
      throw BadInput(place: key(name), problem: "is \(number)", remedy: "convert the model again")
    }
    return number
  }

  mutating func bool(_ name: String) throws(BadInput) -> Bool? { try file.metadata.bool(key(name)) }

  mutating func string(_ name: String) throws(BadInput) -> String? { try file.metadata.string(key(name)) }

  /// A whole number that must be there, from 1 to 2²⁴.
  mutating func size(_ name: String) throws(BadInput) -> Int { try extent(key(name), try integer(name)) }

  /// A size that may differ from block to block in the file, and must not.
  mutating func evenSize(_ name: String, else fallback: Int? = nil) throws(BadInput) -> Int {
    let values = try file.metadata.integers(key(name))
    guard let values, let first = values.first else { return try extent(key(name), fallback) }
    guard values.allSatisfy({ $0 == first }) else {
      throw BadInput(
        place: key(name), problem: "differs from block to block, which no family here does",
        remedy: "use another model")
    }
    return try extent(key(name), first)
  }

  private func extent(_ key: String, _ value: Int?) throws(BadInput) -> Int {
    guard let value, (1...Parameter.greatestExtent).contains(value) else {
      throw BadInput(
        place: key, problem: value.map { "is \($0)" } ?? "is missing", remedy: "convert the model again")
    }
    return value
  }

  /// Whether a window stands in each block, from an array, or from the length of a pattern that ends with a block without.
  mutating func slidingBlocks(of layers: Int, pattern: Int) throws(BadInput) -> [Bool] {
    let name = key("attention.sliding_window_pattern")
    if let listed = (try? file.metadata.bools(name)) ?? nil, listed.count == layers { return listed }
    let length = try file.metadata.integer(name) ?? pattern
    return (0..<layers).map { length > 0 && $0 % length < length - 1 }
  }

  /// The extents of a tensor, outermost first; nil where there is none.
  func shape(of tensor: String) -> [Int]? { file.shape(of: tensor) }

  /// The values of a tensor; nil where there is none.
  func values(of tensor: String) -> [Double]? {
    // As for metadata, the decimals that were given.
    file.tensor(tensor)?.float32().values.map { Double($0.description) ?? Double($0) }
  }

  // MARK: Fields

  mutating func set(_ field: String, _ value: Int?) { fields[field] = value.map(JSONText.integer) }
  mutating func set(_ field: String, _ value: Double?) { fields[field] = value.map(JSONText.number) }
  mutating func set(_ field: String, _ value: Bool) { fields[field] = .bool(value) }
  mutating func set(_ field: String, _ value: String) { fields[field] = .string(value) }
  mutating func set(_ field: String, _ value: JSONText) { fields[field] = value }

  /// V and D, the number of blocks, F and the heads, under a family's names of them.
  mutating func setSizes(
    _ names: (width: String, layers: String, heads: String) = (
      "hidden_size", "num_hidden_layers", "num_attention_heads"
    )
  ) throws(BadInput) {
    guard let table = file.shape(of: "token_embd.weight"), table.count == 2 else {
      throw BadInput(
        place: "token_embd.weight", problem: "is no matrix of the file", remedy: "convert the model again")
    }
    width = try size("embedding_length")
    heads.query = try evenSize("attention.head_count")
    heads.key = try evenSize("attention.head_count_kv", else: heads.query)
    headWidth = try integer("attention.key_length") ?? width / heads.query
    let valueWidth = try integer("attention.value_length") ?? headWidth
    guard headWidth > 0, headWidth <= Parameter.greatestExtent, valueWidth == headWidth,
      heads.query.isMultiple(of: heads.key)
    else {
      throw BadInput(
        place: "\(architecture).attention",
        problem:
          "its heads cannot be: \(heads.query) of \(headWidth) columns and \(heads.key) of \(valueWidth)",
        remedy: "convert the model again")
    }
    set("vocab_size", table[0])
    set(names.width, width)
    set(names.layers, try size("block_count"))
    set(names.heads, heads.query)
    // As if absent, where a family needs no such number.
    for ignored in ["context_length", "vocab_size", "pooling_type"] { _ = key(ignored) }
  }

  /// KV and d, in families that may have others than H and D/H.
  mutating func setGroups() {
    set("num_key_value_heads", heads.key)
    set("head_dim", headWidth)
  }

  /// F.
  mutating func setInner(_ name: String) throws(BadInput) { set(name, try evenSize("feed_forward_length")) }

  /// Refuses keys of the architecture that nobody has read, unless they say that something is not there.
  func refuseUnread() throws(BadInput) {
    for key in file.metadata.keys.sorted() where key.hasPrefix("\(architecture).") && !read.contains(key) {
      let isNothing = (try? file.metadata.number(key)) == 0 || (try? file.metadata.bool(key)) == false
      guard !isNothing else { continue }
      throw BadInput(
        place: key, problem: "may change the arithmetic, and no family here reads it",
        remedy: "use another model")
    }
  }
}

// MARK: Rotary positions

extension GGUFConfig {
  /// θ, the part of a head that turns, and how frequencies are stretched.
  ///
  /// - Parameters:
  ///   - share: the field of the part, in families that may turn less than whole heads.
  ///   - base: the field of θ.
  mutating func setRotation(share: String? = nil, base: String = "rope_theta") throws(BadInput) {
    set(base, try number("rope.freq_base") ?? 10_000)
    let turned = try integer("rope.dimension_count") ?? headWidth
    if turned != headWidth {
      guard let share, turned > 0, turned < headWidth else {
        throw BadInput(
          place: "\(architecture).rope.dimension_count",
          problem: "turns \(turned) of \(headWidth) columns, which this family does not",
          remedy: "use another model")
      }
      // The number whose product with d is cut to r.
      let exact = Double(turned) / Double(headWidth)
      set(share, Int(exact * Double(headWidth)) == turned ? exact : exact.nextUp)
    } else if let share {
      set(share, 1.0)
    }
    let context = try integer("context_length")
    set("max_position_embeddings", context)
    if let scaling = try scaling(context: context) { set("rope_scaling", .object(scaling)) }
  }

  private mutating func scaling(context: Int?) throws(BadInput) -> [(name: String, value: JSONText)]? {
    let type = try string("rope.scaling.type") ?? "none"
    let factor = try number("rope.scaling.factor") ?? 1
    let original = try integer("rope.scaling.original_context_length") ?? context ?? 1
    let magnitude = try number("rope.scaling.attn_factor")
    _ = key("rope.scaling.finetuned")
    let own = (try number("rope.scaling.yarn_beta_fast"), try number("rope.scaling.yarn_beta_slow"))
    func factors(_ values: [Double]) -> JSONText { .array(values.map(JSONText.number)) }
    if let long = values(of: "rope_factors_long.weight"), let short = values(of: "rope_factors_short.weight")
    {
      return [
        ("rope_type", .string("longrope")), ("long_factor", factors(long)), ("short_factor", factors(short)),
        ("original_max_position_embeddings", .integer(original)),
        ("attention_factor", .number(magnitude ?? 1)),
      ]
    }
    // The factors of Llama 3.1 stand in a tensor, and the four numbers that they come from nowhere.
    if let values = values(of: "rope_freqs.weight") {
      return [
        ("rope_type", .string("longrope")), ("long_factor", factors(values)),
        ("short_factor", factors(values)),
        ("original_max_position_embeddings", .integer(original)), ("attention_factor", .number(1)),
      ]
    }
    switch type {
    case "none", "longrope": return nil
    case "linear":
      return factor == 1 ? nil : [("rope_type", .string("linear")), ("factor", .number(factor))]
    case "yarn":
      let extra = (try number("rope.scaling.yarn_ext_factor"), try number("rope.scaling.yarn_attn_factor"))
      guard magnitude ?? 1 == 1, extra.0 ?? 1 == 1, extra.1 ?? 1 == 1 else {
        throw BadInput(
          place: "\(architecture).rope.scaling",
          problem: "stretches by yarn with factors of its own, which is not read", remedy: "use another model"
        )
      }
      return [
        ("rope_type", .string("yarn")), ("factor", .number(factor)),
        ("original_max_position_embeddings", .integer(original)),
        ("beta_fast", .number(own.0 ?? 32)), ("beta_slow", .number(own.1 ?? 1)),
      ]
    default:
      throw BadInput(
        place: "\(architecture).rope.scaling.type", problem: "\(type) is not supported",
        remedy: "use another model")
    }
  }
}
