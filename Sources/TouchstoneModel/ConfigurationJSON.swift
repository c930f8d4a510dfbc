import Foundation

/// Reading and writing a configuration as Hugging Face's `config.json`.
extension Configuration {
  /// Reads a GPT-2 family `config.json`.
  ///
  /// The sizes must be given, by GPT2Config's names or by the general ones that it maps to them
  /// (`hidden_size` for `n_embd`); the arithmetic's fields have GPT2Config's defaults where they are absent or
  /// null. A field that changes the arithmetic is honoured or refused by name; fields that do not (dropout,
  /// initialisation, generation, `reorder_and_upcast_attn`) are ignored.
  ///
  /// - Throws: ``BadInput`` naming `file` and the field.
  public init(huggingFaceJSON text: Data, file: String) throws(BadInput) {
    guard let fields = try JSONValue.parse(text, file: file).object else {
      throw BadInput(file: file, problem: "holds no JSON object", remedy: "give a Hugging Face config.json")
    }
    do {
      try self.init(fields: ConfigurationFields(fields))
    } catch {
      throw error.inFile(file)
    }
  }

  private init(fields: ConfigurationFields) throws(BadInput) {
    try fields.refuseUnsupported()
    let activationName = try fields.string("activation_function") ?? "gelu_new"
    guard let activation = Self.activationFunctions[activationName] else {
      throw BadInput(
        place: "activation_function", problem: "\(activationName) is not supported",
        remedy: "supported are " + Self.activationFunctions.keys.sorted().joined(separator: ", "))
    }
    try self.init(
      vocabularySize: fields.size("vocab_size"),
      contextLength: fields.size("n_positions", "max_position_embeddings", else: "n_ctx"),
      width: fields.size("n_embd", "hidden_size"),
      layerCount: fields.size("n_layer", "num_hidden_layers"),
      headCount: fields.size("n_head", "num_attention_heads"),
      feedForwardWidth: fields.integer("n_inner"),
      activationFunction: activation,
      layerNormEpsilon: fields.number("layer_norm_epsilon") ?? 1e-5,
      tiesEmbeddings: fields.bool("tie_word_embeddings") ?? true,
      scalesScores: fields.bool("scale_attn_weights") ?? true,
      scalesScoresByLayer: fields.bool("scale_attn_by_inverse_layer_idx") ?? false)
    try fields.refuseContradictions(of: self)
  }

  /// Hugging Face's names of the activation functions and what they compute.
  ///
  /// `gelu_fast` is not among them: it rounds √(2/π) to ten digits, a different function.
  private static let activationFunctions: [String: ActivationFunction] = [
    "gelu_new": .geluTanh, "gelu_pytorch_tanh": .geluTanh, "gelu_python_tanh": .geluTanh,
    "gelu_accurate": .geluTanh,
    "gelu": .geluErf, "gelu_python": .geluErf,
    "relu": .relu,
  ]

  /// The configuration as `config.json` text: ASCII, keys sorted, only what determines the arithmetic
  /// (and `n_ctx`, the name under which other readers look for `n_positions`).
  public var huggingFaceJSON: String {
    let fields: [(String, String)] = [
      ("activation_function", "\"\(activationFunction.rawValue)\""),
      ("architectures", "[\"GPT2LMHeadModel\"]"),
      ("layer_norm_epsilon", "\(layerNormEpsilon)"),
      ("model_type", "\"gpt2\""),
      ("n_ctx", "\(contextLength)"),
      ("n_embd", "\(width)"),
      ("n_head", "\(headCount)"),
      ("n_inner", "\(feedForwardWidth)"),
      ("n_layer", "\(layerCount)"),
      ("n_positions", "\(contextLength)"),
      ("scale_attn_by_inverse_layer_idx", "\(scalesScoresByLayer)"),
      ("scale_attn_weights", "\(scalesScores)"),
      ("tie_word_embeddings", "\(tiesEmbeddings)"),
      ("vocab_size", "\(vocabularySize)"),
    ]
    return "{\n" + fields.map { "  \"\($0.0)\": \($0.1)" }.joined(separator: ",\n") + "\n}"
  }
}

/// Typed access to the members of a `config.json`.
private struct ConfigurationFields {
  let members: [String: JSONValue]

  init(_ members: [String: JSONValue]) {
    self.members = members
  }

  func integer(_ field: String) throws(BadInput) -> Int? {
    switch members[field] ?? .null {
    case .null: return nil
    case .integer(let value): return value
    default: throw wrongType(field, "a whole number")
    }
  }

  /// A whole number that must be given: as `field`, or by the general name that Hugging Face maps to it; where
  /// neither stands, as `fallback`, an old name of the same quantity.
  func size(_ field: String, _ alias: String? = nil, else fallback: String? = nil) throws(BadInput) -> Int {
    let own = try integer(field)
    let general = try alias.flatMap { name throws(BadInput) in try integer(name) }
    if let own, let general, own != general, let alias {
      throw BadInput(
        place: field, problem: "is \(own) but \(alias) is \(general)", remedy: "keep the one that is right")
    }
    let old = try fallback.flatMap { name throws(BadInput) in try integer(name) }
    guard let value = own ?? general ?? old else {
      throw BadInput(place: field, problem: "the field is missing", remedy: "add it to the configuration")
    }
    return value
  }

  func number(_ field: String) throws(BadInput) -> Double? {
    switch members[field] ?? .null {
    case .null: return nil
    case .integer(let value): return Double(value)
    case .number(let value): return value
    default: throw wrongType(field, "a number")
    }
  }

  func bool(_ field: String) throws(BadInput) -> Bool? {
    switch members[field] ?? .null {
    case .null: return nil
    case .bool(let value): return value
    default: throw wrongType(field, "true or false")
    }
  }

  func string(_ field: String) throws(BadInput) -> String? {
    switch members[field] ?? .null {
    case .null: return nil
    case .string(let value): return value
    default: throw wrongType(field, "a string")
    }
  }

  private func wrongType(_ field: String, _ wanted: String) -> BadInput {
    BadInput(place: field, problem: "is not \(wanted)", remedy: "correct the field")
  }

  /// Refuses, by name, what would change the arithmetic in a way this package does not compute.
  func refuseUnsupported() throws(BadInput) {
    let family = try string("model_type") ?? "gpt2"
    guard family == "gpt2" else {
      throw BadInput(
        place: "model_type", problem: "\(family) is not supported", remedy: "models of the gpt2 family are")
    }
    for field in ["add_cross_attention", "is_encoder_decoder"] where try bool(field) == true {
      throw BadInput(
        place: field, problem: "is true, which is not supported", remedy: "use a plain decoder")
    }
    for field in Self.arithmeticFields where !isNeutral(field) {
      throw BadInput(
        place: field, problem: "changes the arithmetic and is not supported",
        remedy: "remove the field if the model does not use it")
    }
  }

  /// Fields of other families that must be absent, null, false, 0 or empty.
  private static let arithmeticFields = [
    "attn_logit_softcapping", "final_logit_softcapping", "parallel_residual", "pruned_heads",
    "quantization_config", "rms_norm_eps", "rope_parameters", "rope_scaling", "rope_theta", "rotary_dim",
    "rotary_pct", "sliding_window",
  ]

  /// Refuses a field of other families, or by another name than here, that says something else than what follows
  /// from the configuration anyway; one that says the same is no more than that.
  func refuseContradictions(of configuration: Configuration) throws(BadInput) {
    let due: [(field: String, value: Double, meaning: String)] = [
      ("head_dim", Double(configuration.headWidth), "n_embd / n_head"),
      ("num_key_value_heads", Double(configuration.headCount), "n_head"),
      ("num_kv_heads", Double(configuration.headCount), "n_head"),
      ("intermediate_size", Double(configuration.feedForwardWidth), "n_inner"),
      ("ffn_dim", Double(configuration.feedForwardWidth), "n_inner"),
      ("layer_norm_eps", configuration.layerNormEpsilon, "layer_norm_epsilon"),
      ("logit_scale", 1, "what GPT-2 has"), ("logits_scaling", 1, "what GPT-2 has"),
      ("embedding_multiplier", 1, "what GPT-2 has"), ("residual_multiplier", 1, "what GPT-2 has"),
    ]
    for (field, value, meaning) in due {
      guard let given = try number(field), given != value else { continue }
      throw BadInput(
        place: field,
        problem: "is \(Self.text(given)) where \(meaning) is \(Self.text(value)): "
          + "it changes the arithmetic and is not supported",
        remedy: "correct the field, or remove it if the model does not use it")
    }
  }

  private static func text(_ number: Double) -> String {
    Int(exactly: number).map(String.init) ?? "\(number)"
  }

  private func isNeutral(_ field: String) -> Bool {
    switch members[field] ?? .null {
    case .null, .bool(false), .integer(0), .number(0): true
    case .array(let values): values.isEmpty
    case .object(let values): values.isEmpty
    default: false
    }
  }
}
