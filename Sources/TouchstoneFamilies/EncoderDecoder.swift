import TouchstoneGraph
import TouchstoneModel

/// What one of the two stacks of an encoder–decoder is made of.
struct StackSizes {
  let layers: Int
  let heads: HeadCounts
  let inner: Int
}

/// One of the two stacks: what it is called, in activations and in checkpoints, and what it attends to.
enum Stack: Equatable {
  /// Reads the source, every token seeing all.
  case encoder
  /// Makes the logits: attends to what came before, and to what the encoder made of the source.
  case decoder(source: Activation)

  var name: String { self == .encoder ? "encoder" : "decoder" }
  var source: Activation? { if case .decoder(let source) = self { source } else { nil } }
  var visibility: Visibility { self == .encoder ? Visibility(isCausal: false) : .causal }
  var tokenIDs: Input { self == .encoder ? .encoderTokenIDs : .tokenIDs }
  var positionIDs: Input { self == .encoder ? .encoderPositionIDs : .positionIDs }
}

extension GraphBuilder {
  /// Attention to the source: `cross_q`, `cross_k`, `cross_v`, then up to `cross_out`.
  ///
  /// - Parameters:
  ///   - x: what queries are made of, [T, D].
  ///   - source: what keys and values are made of, [S, D].
  ///   - heads: how the projections are split.
  ///   - modules: those of queries, keys, values and the output.
  ///   - hasBias: whether they have biases.
  ///   - hasKeyBias: whether keys have one, if the others have.
  ///   - scale: the factor on the scores; 1/√d unless given.
  ///   - outputs: D.
  mutating func crossAttention(
    _ x: Activation, to source: Activation, _ heads: HeadCounts, _ modules: [String], hasBias: Bool,
    hasKeyBias: Bool = true, scale: Double? = nil, outputs: Int
  ) -> Activation {
    let columns = heads.query * heads.width
    let projected = zip(["cross_q", "cross_k", "cross_v"], modules).map { name, module in
      linear(
        name, name == "cross_q" ? x : source, module, outputs: columns,
        hasBias: hasBias && (hasKeyBias || name != "cross_k"), heads: heads.query)
    }
    return attended(
      ProjectedHeads(query: projected[0], key: projected[1], value: projected[2]), width: heads.width,
      scale: scale, visibility: .source, prefix: "cross", modules[3], outputs: outputs, hasBias: hasBias)
  }

  /// The blocks of a stack whose norms stand behind the sums, by the names of BART and Marian.
  ///
  /// - Returns: the last `resid_out`.
  mutating func blocksNormedBehind(
    _ stack: Stack, _ first: Activation, _ sizes: StackSizes, _ function: ActivationFunction,
    _ norm: LayerNorm, width: Int
  ) -> Activation {
    var x = first
    func modules(of attention: String) -> [String] {
      ["q_proj", "k_proj", "v_proj", "out_proj"].map { "\(attention).\($0)" }
    }
    for layer in 0..<sizes.layers {
      block(layer, of: "\(stack.name)/layers", parameters: "\(stack.name).layers.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let own = modules(of: "self_attn")
        let attended = b.attended(
          b.heads(stream, sizes.heads, own, hasBias: true), width: sizes.heads.width,
          visibility: stack.visibility, own[3], outputs: width, hasBias: true)
        var middle = b.layerNorm("ln_1", b.sum("resid_mid", stream, attended), norm, "self_attn_layer_norm")
        if let source = stack.source {
          let crossed = b.crossAttention(
            middle, to: source, sizes.heads, modules(of: "encoder_attn"), hasBias: true, outputs: width)
          middle = b.layerNorm(
            "ln_cross", b.sum("resid_cross", middle, crossed), norm, "encoder_attn_layer_norm")
        }
        let thought = b.feedForward(
          middle, function, up: "fc1", down: "fc2", inner: sizes.inner, outputs: width, hasBias: true)
        let last = b.layerNorm("ln_2", b.sum("resid_mlp", middle, thought), norm, "final_layer_norm")
        x = b.identity("resid_out", last)
      }
    }
    return x
  }
}

extension ConfigFields {
  /// The sizes of one stack by the names of BART, Marian and Whisper: `encoder_layers` and so on.
  mutating func stackSizes(_ stack: String, width: Int) throws(BadInput) -> StackSizes {
    StackSizes(
      layers: try layerCount("\(stack)_layers"),
      heads: try evenHeads("\(stack)_attention_heads", width: width),
      inner: try size("\(stack)_ffn_dim"))
  }

  /// - Throws: ``BadInput`` naming the field where it says that this is no encoder–decoder with a head, or another one.
  mutating func expectEncoderDecoder(_ architectures: String...) throws(BadInput) {
    try expect("is_encoder_decoder", true)
    guard let name = try strings("architectures")?.first, !architectures.contains(name) else { return }
    throw BadInput(
      place: "architectures", problem: "\(JSONValue.quoted(name)) is not supported",
      remedy: "supported are " + architectures.joined(separator: ", "))
  }
}
