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
  /// - Returns: `attn_out`, [T, D].
  public mutating func rotaryAttention(
    _ x: Activation, _ heads: HeadCounts, _ rotation: Rotate, outputs: Int, hasInputBias: Bool,
    hasOutputBias: Bool, visibility: Visibility = .causal
  ) -> Activation {
    func projected(_ name: String, _ count: Int, _ b: inout GraphBuilder) -> Activation {
      b.linear(
        name, x, "self_attn.\(name)_proj", outputs: count * heads.width, hasBias: hasInputBias, heads: count)
    }
    let query = projected("q", heads.query, &self)
    let key = projected("k", heads.key, &self)
    let value = projected("v", heads.key, &self)
    let turnedQuery = rotate("q_rope", query, rotation)
    let turnedKey = rotate("k_rope", key, rotation)
    let context = attention(
      query: turnedQuery, key: turnedKey, value: value, scale: 1 / Double(heads.width).squareRoot(),
      visibility: visibility)
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
