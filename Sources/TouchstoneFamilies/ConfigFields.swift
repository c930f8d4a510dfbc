import TouchstoneGraph
import TouchstoneModel

/// Typed access to the fields of a `config.json`, which remembers the fields that were read: one that changes the
/// arithmetic of some family and that nobody read is refused.
public struct ConfigFields: Sendable {
  private var fields: JSONFields

  init(_ members: [String: JSONValue]) {
    fields = JSONFields(members)
  }

  init(_ fields: JSONFields) {
    self.fields = fields
  }

  // MARK: Fields with a default

  /// Whether a field is null, in a family where that says something else than its absence.
  public mutating func isNull(_ name: String) -> Bool { fields.isNull(name) }

  /// A whole number; nil where it is absent or null.
  ///
  /// - Throws: ``BadInput`` naming the field if it is something else.
  public mutating func integer(_ name: String) throws(BadInput) -> Int? { try fields.integer(name) }

  /// A number; nil where it is absent or null.
  ///
  /// - Throws: ``BadInput`` naming the field if it is something else.
  public mutating func number(_ name: String) throws(BadInput) -> Double? { try fields.number(name) }

  /// Numbers; nil where they are absent or null.
  ///
  /// - Throws: ``BadInput`` naming the field if it is something else.
  public mutating func numbers(_ name: String) throws(BadInput) -> [Double]? { try fields.numbers(name) }

  /// Whole numbers; nil where they are absent or null.
  ///
  /// - Throws: ``BadInput`` naming the field if it is something else.
  public mutating func integers(_ name: String) throws(BadInput) -> [Int]? { try fields.integers(name) }

  /// true or false; nil where it is absent or null.
  ///
  /// - Throws: ``BadInput`` naming the field if it is something else.
  public mutating func bool(_ name: String) throws(BadInput) -> Bool? { try fields.bool(name) }

  /// A string; nil where it is absent or null.
  ///
  /// - Throws: ``BadInput`` naming the field if it is something else.
  public mutating func string(_ name: String) throws(BadInput) -> String? { try fields.string(name) }

  /// Strings; nil where they are absent or null.
  ///
  /// - Throws: ``BadInput`` naming the field if it is something else.
  public mutating func strings(_ name: String) throws(BadInput) -> [String]? { try fields.strings(name) }

  /// The fields of an object; nil where it is absent, null or empty.
  ///
  /// - Throws: ``BadInput`` naming the field if it is something else.
  public mutating func object(_ name: String) throws(BadInput) -> ConfigFields? {
    guard let object = try fields.object(name), !object.unread.isEmpty else { return nil }
    return ConfigFields(object)
  }

  /// These fields with those of `other`, which win.
  func overlaid(by other: ConfigFields) -> ConfigFields { ConfigFields(fields.overlaid(by: other.fields)) }

  // MARK: Sizes

  /// The extent of a dimension, under one of several names of the same quantity.
  ///
  /// - Throws: ``BadInput`` naming the field if it is no whole number from 1 to 2²⁴, if two of the names have
  ///   different values, or if it stands under none and there is no `fallback`.
  public mutating func size(
    _ names: String..., else fallback: Int? = nil
  ) throws(BadInput) -> Int {
    try size(names, else: fallback)
  }

  /// The extent of a dimension; nil where it is absent or null.
  ///
  /// - Throws: ``BadInput`` as ``size(_:else:)`` does.
  public mutating func optionalSize(_ name: String) throws(BadInput) -> Int? {
    try integer(name) == nil ? nil : try size(name)
  }

  /// The number of blocks, under one of several names.
  ///
  /// - Throws: ``BadInput`` as ``size(_:else:)`` does.
  public mutating func layerCount(_ names: String...) throws(BadInput) -> Int {
    try size(names, else: nil, greatest: 1 << 10)
  }

  /// The same of names in a list.
  mutating func size(
    _ names: [String], else fallback: Int?, greatest: Int = Parameter.greatestExtent
  ) throws(BadInput) -> Int {
    var found: (name: String, value: Int)?
    for name in names {
      guard let value = try integer(name) else { continue }
      guard (1...greatest).contains(value) else {
        throw BadInput(
          place: name, problem: "is \(value), outside 1…\(greatest)", remedy: "correct the field")
      }
      if let found, found.value != value {
        throw BadInput(
          place: found.name, problem: "is \(found.value) but \(name) is \(value)",
          remedy: "keep the one that is right")
      }
      found = found ?? (name, value)
    }
    guard let value = found?.value ?? fallback else {
      throw BadInput(
        place: names[0], problem: "the field is missing", remedy: "add it to the configuration")
    }
    return value
  }

  /// How many members an object or a list has; nil where it is absent or null.
  mutating func memberCount(_ name: String) -> Int? {
    fields.value(name).map { $0.object?.count ?? $0.array?.count ?? 0 }
  }

  /// Height and width, of which one number gives both.
  ///
  /// - Throws: ``BadInput`` naming the field if it is neither a size nor two.
  mutating func sides(_ name: String, else fallback: Int) throws(BadInput) -> (height: Int, width: Int) {
    guard memberCount(name) ?? 0 > 0 else {
      let side = try size(name, else: fallback)
      return (side, side)
    }
    let sides = try integers(name) ?? []
    guard sides.count == 2, sides.allSatisfy((1...Parameter.greatestExtent).contains) else {
      throw BadInput(place: name, problem: "is \(sides)", remedy: "give height and width")
    }
    return (sides[0], sides[1])
  }

  /// A number of at least 0 that is added inside a square root.
  ///
  /// - Throws: ``BadInput`` naming the field if it is something else.
  public mutating func epsilon(_ name: String, else fallback: Double) throws(BadInput) -> Double {
    let epsilon = try number(name) ?? fallback
    guard epsilon >= 0 else {
      throw BadInput(place: name, problem: "is \(epsilon)", remedy: "give a number of at least 0")
    }
    return epsilon
  }

  /// The fields that were read and are there, sorted, as JSON text in ASCII.
  var readJSON: String { fields.readText.indented }

  /// Where values are capped softly; nil where they are not: the field is null, or absent in a family without a cap.
  ///
  /// - Throws: ``BadInput`` naming the field if it is no number above 0.
  public mutating func cap(_ name: String, else fallback: Double?) throws(BadInput) -> Double? {
    guard !isNull(name), let cap = try number(name) ?? fallback else { return nil }
    guard cap > 0 else {
      throw BadInput(
        place: name, problem: "is \(cap)", remedy: "give a number above 0, or null for no cap")
    }
    return cap
  }

  // MARK: Refusals

  /// - Throws: ``BadInput`` naming `use_bidirectional_attention` where it is true.
  public mutating func refuseSeeingAhead() throws(BadInput) {
    if try bool("use_bidirectional_attention") == true {
      throw BadInput(
        place: "use_bidirectional_attention", problem: "changes the arithmetic and is not supported",
        remedy: "use a model that sees what came before")
    }
  }

  /// A field that another family gives a meaning, and that may only repeat what holds here anyway.
  ///
  /// - Throws: ``BadInput`` naming the field if it says something else.
  public mutating func expect(_ name: String, _ value: Int, _ meaning: String) throws(BadInput) {
    if let given = try integer(name), given != value {
      throw BadInput(
        place: name, problem: "is \(given) where this family computes with \(meaning) = \(value)",
        remedy: "remove the field, or use the family that it belongs to")
    }
  }

  /// A number that another family gives a meaning, and that may only repeat what holds here anyway.
  ///
  /// - Throws: ``BadInput`` naming the field if it says something else.
  public mutating func expect(_ name: String, _ value: Double, _ meaning: String) throws(BadInput) {
    if let given = try number(name), given != value {
      throw BadInput(
        place: name, problem: "is \(given) where this family computes with \(meaning) = \(value)",
        remedy: "remove the field, or use the family that it belongs to")
    }
  }

  /// true or false where another family has a choice, and that may only repeat what holds here anyway.
  ///
  /// - Throws: ``BadInput`` naming the field if it says something else.
  public mutating func expect(_ name: String, _ value: Bool) throws(BadInput) {
    if let given = try bool(name), given != value {
      throw BadInput(
        place: name, problem: "is \(given) where this family computes as if it were \(value)",
        remedy: "remove the field, or use the family that it belongs to")
    }
  }

  /// A name where another family has a choice, and that may only be one of those of what holds here anyway.
  ///
  /// - Throws: ``BadInput`` naming the field if it is another.
  public mutating func expect(_ name: String, among values: String...) throws(BadInput) {
    if let given = try string(name), !values.contains(given) {
      throw BadInput(
        place: name, problem: "is \(JSONValue.quoted(given)), which this family does not compute",
        remedy: "remove the field, or use the family that it belongs to")
    }
  }

  /// - Throws: ``BadInput`` naming a field that changes the arithmetic and that nobody read, unless its value is the
  ///   one that changes nothing.
  func refuseUnread() throws(BadInput) {
    var rest = fields
    for name in Self.arithmetic where rest.unread.contains(name) {
      guard let value = rest.value(name), !value.isNeutral else { continue }
      throw BadInput(
        place: name, problem: "changes the arithmetic and is not supported",
        remedy: "remove the field if the model does not use it")
    }
  }

  /// - Throws: ``BadInput`` naming a field that is none of `known`.
  func refuseOthers(than known: Set<String>) throws(BadInput) {
    if let name = fields.unread.subtracting(known).min() {
      throw BadInput(
        place: name, problem: "is not known and may change the arithmetic",
        remedy: "remove the field if the model does not use it")
    }
  }

  /// Fields that change the arithmetic of some family.
  private static let arithmetic = [
    "add_cross_attention", "alibi", "apply_residual_connection_post_layernorm", "attention_bias",
    "attention_multiplier", "attn_config", "attn_logit_softcapping", "clip_qkv", "embedding_multiplier",
    "expansion_ratio", "ffn_hidden_size", "final_logit_softcapping", "head_dim",
    "intermediate_size", "is_encoder_decoder", "kv_lora_rank", "kv_n_heads", "layer_norm_eps", "layer_types",
    "logit_scale", "logits_scaling", "mlp_bias", "moe_intermediate_size", "multi_query", "n_routed_experts",
    "new_decoder_architecture", "no_rope_layers", "num_experts", "num_experts_per_tok", "num_key_value_heads",
    "num_local_experts", "parallel_attn", "parallel_residual", "partial_rotary_factor", "pruned_heads",
    "q_lora_rank", "qk_layernorm", "quantization_config", "query_pre_attn_scalar", "residual_multiplier",
    "rms_norm_eps", "rope_local_base_freq", "rope_parameters", "rope_scaling", "rope_theta", "rotary_dim",
    "rotary_emb_base", "rotary_pct", "scale_embedding", "sliding_window", "sliding_window_pattern",
    "use_parallel_residual", "use_qk_norm", "use_sliding_window",
    "word_embed_proj_dim",
  ]
}

extension JSONValue {
  /// Whether a field of this value says that what it is about is not there.
  fileprivate var isNeutral: Bool {
    switch self {
    case .null, .bool(false), .integer(0): true
    case .array(let values): values.allSatisfy { $0 == .string("full_attention") }
    case .object(let members): members.isEmpty
    default: false
    }
  }
}
