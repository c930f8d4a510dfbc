import TouchstoneGraph

/// Parts of a block that many families have, under the names that their checkpoints give the modules.
extension GraphBuilder {
  /// Attention with rotary positions and shared heads: `q`, `k`, `v`, both rotated, then up to `attn_out`.
  ///
  /// - Parameters:
  ///   - x: what is projected, [T, D].
  ///   - heads: how the projections are split.
  ///   - rotation: turns queries and keys.
  ///   - outputs: D.
  ///   - hasInputBias: whether `q_proj`, `k_proj` and `v_proj` have biases.
  ///   - hasOutputBias: whether `o_proj` has one.
  ///   - visibility: which keys a query sees.
  ///   - headNorm: normalises queries and keys before they turn, as `q_norm` and `k_norm`; nil for nothing.
  ///   - scale: the factor on the scores; 1/√d unless given.
  ///   - cap: where scores are capped; nil for nowhere.
  /// - Returns: `attn_out`, [T, D].
  public mutating func rotaryAttention(
    _ x: Activation, _ heads: HeadCounts, _ rotation: Rotate, outputs: Int, hasInputBias: Bool,
    hasOutputBias: Bool, visibility: Visibility = .causal, headNorm: RMSNorm? = nil, scale: Double? = nil,
    cap: Double? = nil
  ) -> Activation {
    func projected(_ name: String, _ count: Int, _ b: inout GraphBuilder) -> Activation {
      b.linear(
        name, x, "self_attn.\(name)_proj", outputs: count * heads.width, hasBias: hasInputBias, heads: count)
    }
    var query = projected("q", heads.query, &self)
    var key = projected("k", heads.key, &self)
    let value = projected("v", heads.key, &self)
    if let headNorm {
      query = rmsNorm("q_norm", query, headNorm, "self_attn.q_norm")
      key = rmsNorm("k_norm", key, headNorm, "self_attn.k_norm")
    }
    return rotaryAttention(
      query: query, key: key, value: value, rotation, outputs: outputs, hasOutputBias: hasOutputBias,
      visibility: visibility, scale: scale ?? 1 / Double(heads.width).squareRoot(), cap: cap)
  }

  /// The rest of an attention whose queries, keys and values are made: both rotated, then up to `attn_out`.
  ///
  /// - Parameters as in the other form; queries are [H, T, d], keys and values [KV, T, d].
  /// - Returns: `attn_out`, [T, D].
  public mutating func rotaryAttention(
    query: Activation, key: Activation, value: Activation, _ rotation: Rotate, outputs: Int,
    hasOutputBias: Bool, visibility: Visibility = .causal, scale: Double, cap: Double? = nil
  ) -> Activation {
    let turnedQuery = rotate("q_rope", query, rotation)
    let turnedKey = rotate("k_rope", key, rotation)
    let context = attention(
      query: turnedQuery, key: turnedKey, value: value, scale: scale, visibility: visibility, cap: cap)
    return linear("attn_out", context, "self_attn.o_proj", outputs: outputs, hasBias: hasOutputBias)
  }

  /// The gated feed-forward block: down(f(gate(x)) ∘ up(x)).
  ///
  /// - Parameters:
  ///   - x: what is projected, [T, D].
  ///   - function: f.
  ///   - inner: F.
  ///   - outputs: D.
  ///   - hasBias: whether the three projections have biases.
  /// - Returns: `mlp_out`, [T, D].
  public mutating func gatedFeedForward(
    _ x: Activation, _ function: ActivationFunction, inner: Int, outputs: Int, hasBias: Bool = false
  ) -> Activation {
    let gate = linear("mlp_gate", x, "mlp.gate_proj", outputs: inner, hasBias: hasBias)
    let up = linear("mlp_up", x, "mlp.up_proj", outputs: inner, hasBias: hasBias)
    let gated = product("mlp_gated", activate("mlp_act", function, gate), up)
    return linear("mlp_out", gated, "mlp.down_proj", outputs: outputs, hasBias: hasBias)
  }
}
