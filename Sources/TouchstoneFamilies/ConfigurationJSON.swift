import Foundation
import TouchstoneGraph
import TouchstoneModel

/// Reading and writing a configuration as Hugging Face's `config.json`.
extension Configuration {
  /// Reads a GPT-2 family `config.json`, as ``Architecture/init(huggingFaceJSON:file:)`` does.
  ///
  /// - Throws: ``BadInput`` naming `file` and the field, or the family where it is another.
  public init(huggingFaceJSON text: Data, file: String) throws(BadInput) {
    let architecture = try Architecture(huggingFaceJSON: text, file: file)
    do {
      try self.init(architecture.graph)
    } catch {
      throw error.inFile(file)
    }
  }

  /// The sizes must be given, by GPT2Config's names or by the general ones that it maps to them (`hidden_size` for
  /// `n_embd`); the arithmetic's fields have GPT2Config's defaults where they are absent or null.
  init(_ config: inout ConfigFields) throws(BadInput) {
    for field in ["add_cross_attention", "is_encoder_decoder"] where try config.bool(field) == true {
      throw BadInput(
        place: field, problem: "is true, which is not supported", remedy: "use a plain decoder")
    }
    try self.init(
      vocabularySize: config.size("vocab_size"),
      contextLength: config.contextLength(),
      width: config.size("n_embd", "hidden_size"),
      layerCount: config.layerCount("n_layer", "num_hidden_layers"),
      headCount: config.size("n_head", "num_attention_heads"),
      feedForwardWidth: config.integer("n_inner"),
      activationFunction: config.gelu(),
      layerNormEpsilon: config.epsilon("layer_norm_epsilon", else: 1e-5),
      tiesEmbeddings: config.bool("tie_word_embeddings") ?? true,
      scalesScores: config.bool("scale_attn_weights") ?? true,
      scalesScoresByLayer: config.bool("scale_attn_by_inverse_layer_idx") ?? false)
    try config.expect("head_dim", headWidth, "n_embd/n_head")
    for field in ["num_key_value_heads", "num_kv_heads"] { try config.expect(field, headCount, "n_head") }
    for field in ["intermediate_size", "ffn_dim"] { try config.expect(field, feedForwardWidth, "n_inner") }
    try config.expect("layer_norm_eps", layerNormEpsilon, "layer_norm_epsilon")
    for field in ["logit_scale", "logits_scaling", "embedding_multiplier", "residual_multiplier"] {
      try config.expect(field, 1.0, "a factor")
    }
  }

  /// Recovers the sizes and choices from a model of this form.
  ///
  /// - Throws: ``BadInput`` for a graph of another form.
  public init(_ graph: Graph) throws(BadInput) {
    let other = BadInput(
      problem: "the model is not of the GPT-2 form", remedy: "give a model of the gpt2 family")
    func shape(_ name: String) -> [Int]? { graph.parameters.first { $0.name == name }?.shape }
    func kind(_ point: Activation.Point) -> TouchstoneGraph.Operation.Kind? {
      let activation = point.isPerLayer ? Activation(point, layer: 0) : Activation(point)
      return graph.operation(making: activation)?.kind
    }
    guard let tokens = shape("transformer.wte.weight"), let positions = shape("transformer.wpe.weight"),
      let inner = shape("transformer.h.0.mlp.c_fc.weight"), case .linear(let query) = kind(.query),
      case .activationFunction(let function) = kind(.feedForwardActivation),
      case .layerNorm(let norm) = kind(.layerNorm1),
      [tokens, positions, inner].allSatisfy({ $0.count == 2 })
    else { throw other }
    let scales = graph.operations.compactMap { operation in
      if case .scores(let scores) = operation.kind { scores.scale } else { nil }
    }
    for scalesScores in [true, false] {
      for byLayer in [false, true] {
        try self.init(
          vocabularySize: tokens[0], contextLength: positions[0], width: tokens[1],
          layerCount: graph.layerCount, headCount: query.heads ?? 1, feedForwardWidth: inner[1],
          activationFunction: function.function, layerNormEpsilon: norm.epsilon,
          tiesEmbeddings: shape("lm_head.weight") == nil, scalesScores: scalesScores,
          scalesScoresByLayer: byLayer)
        let own = (0..<layerCount).map { scoreScale(layer: $0) }
        if own == scales, self.graph == graph { return }
      }
    }
    throw other
  }

  /// The configuration as `config.json` text: ASCII, keys sorted, only what determines the arithmetic
  /// (and `n_ctx`, the name under which other readers look for `n_positions`).
  public var huggingFaceJSON: String {
    let fields: [(String, String)] = [
      ("activation_function", "\"\(Self.name(of: activationFunction))\""),
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

  /// Hugging Face's name of a nonlinearity.
  public static func name(of function: ActivationFunction.Function) -> String {
    names[function] ?? function.rawValue
  }

  /// Hugging Face's names of functions that have another in a stored graph.
  private static let names: [ActivationFunction.Function: String] = [.geluTanh: "gelu_new", .geluErf: "gelu"]
}

extension ConfigFields {
  /// `n_positions`, by its own or its general name; where neither stands, `n_ctx`, an old name of the same quantity.
  fileprivate mutating func contextLength() throws(BadInput) -> Int {
    let old = try integer("n_ctx")
    if old != nil, try integer("n_positions") == nil, try integer("max_position_embeddings") == nil {
      return try size("n_ctx")
    }
    return try size("n_positions", "max_position_embeddings")
  }

  fileprivate mutating func gelu() throws(BadInput) -> ActivationFunction.Function {
    try activation("activation_function", else: "gelu_new", among: [.geluTanh, .geluErf, .relu]).function
  }
}
