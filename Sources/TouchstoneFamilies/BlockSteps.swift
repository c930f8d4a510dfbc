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
  ///   - sinks: the name of the heads' sinks; nil for none.
  /// - Returns: `attn_out`, [T, D].
  public mutating func rotaryAttention(
    _ x: Activation, _ heads: HeadCounts, _ rotation: Rotate, outputs: Int, hasInputBias: Bool,
    hasOutputBias: Bool, visibility: Visibility = .causal, headNorm: RMSNorm? = nil, scale: Double? = nil,
    cap: Double? = nil, sinks: String? = nil
  ) -> Activation {
    let modules = ["q", "k", "v"].map { "self_attn.\($0)_proj" }
    var projected = self.heads(x, heads, modules, hasBias: hasInputBias)
    if let headNorm {
      let query = rmsNorm("q_norm", projected.query, headNorm, "self_attn.q_norm")
      let key = rmsNorm("k_norm", projected.key, headNorm, "self_attn.k_norm")
      projected = ProjectedHeads(query: query, key: key, value: projected.value)
    }
    return attended(
      rotated(projected, rotation), width: heads.width, scale: scale, visibility: visibility, cap: cap,
      sinks: sinks.map { parameter($0, heads.query) }, "self_attn.o_proj", outputs: outputs,
      hasBias: hasOutputBias)
  }

  /// The gated feed-forward block: down(f(gate(x)) ∘ up(x)).
  ///
  /// - Parameters:
  ///   - x: what is projected, [T, D].
  ///   - function: f.
  ///   - inner: F.
  ///   - outputs: D.
  ///   - hasBias: whether the three projections have biases.
  ///   - modules: gate, up and down.
  /// - Returns: `mlp_out`, [T, D].
  public mutating func gatedFeedForward(
    _ x: Activation, _ function: ActivationFunction, inner: Int, outputs: Int, hasBias: Bool = false,
    modules: [String] = ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
  ) -> Activation {
    let gate = linear("mlp_gate", x, modules[0], outputs: inner, hasBias: hasBias)
    let up = linear("mlp_up", x, modules[1], outputs: inner, hasBias: hasBias)
    let gated = product("mlp_gated", activate("mlp_act", function, gate), up)
    return linear("mlp_out", gated, modules[2], outputs: outputs, hasBias: hasBias)
  }

  /// The plain feed-forward block: down(f(up(x))).
  ///
  /// - Parameters:
  ///   - x: what is projected, [T, D].
  ///   - function: f.
  ///   - up: the module that widens.
  ///   - down: the module that narrows.
  ///   - inner: F.
  ///   - outputs: D.
  ///   - hasBias: whether the two have biases.
  /// - Returns: `mlp_out`, [T, D].
  public mutating func feedForward(
    _ x: Activation, _ function: ActivationFunction, up: String, down: String, inner: Int, outputs: Int,
    hasBias: Bool
  ) -> Activation {
    let hidden = linear("mlp_pre", x, up, outputs: inner, hasBias: hasBias)
    let active = activate("mlp_act", function, hidden)
    return linear("mlp_out", active, down, outputs: outputs, hasBias: hasBias)
  }

  /// Queries, keys and values by a module each, whose names end as theirs do.
  ///
  /// - Parameters:
  ///   - x: what is projected, [T, D].
  ///   - heads: how the projections are split.
  ///   - modules: those of queries, keys and values.
  ///   - hasBias: whether they have biases.
  public mutating func heads(
    _ x: Activation, _ heads: HeadCounts, _ modules: [String], hasBias: Bool
  ) -> ProjectedHeads {
    func part(_ name: String, _ module: String, _ count: Int, _ b: inout GraphBuilder) -> Activation {
      b.linear(name, x, module, outputs: count * heads.width, hasBias: hasBias, heads: count)
    }
    return ProjectedHeads(
      query: part("q", modules[0], heads.query, &self), key: part("k", modules[1], heads.key, &self),
      value: part("v", modules[2], heads.key, &self))
  }

  /// Queries, keys and values out of one module that makes them all.
  ///
  /// - Parameters:
  ///   - x: what is projected, [T, D].
  ///   - heads: how the projections are split.
  ///   - module: makes (H + 2·KV)·d outputs.
  ///   - groups: 1 where all queries stand first, then all keys and all values; KV where each head of keys and of values
  ///     stands behind the queries that share it.
  ///   - byHead: whether parts are heads also where there are as many of keys as of queries, and parts could be thirds.
  ///   - hasBias: whether it has a bias.
  ///   - limit: where outputs are clipped; nil for nowhere.
  public mutating func fusedHeads(
    _ x: Activation, _ heads: HeadCounts, _ module: String, groups: Int, byHead: Bool = false, hasBias: Bool,
    limit: Double? = nil
  ) -> ProjectedHeads {
    let (queries, keys) = (heads.query / groups, heads.key / groups)
    let outputs = (heads.query + 2 * heads.key) * heads.width
    // Parts as wide as all they hold: GPT-2's thirds are three, whatever the number of heads.
    let unit = queries == keys && !byHead ? queries : 1
    let parts = (queries + 2 * keys) / unit
    func part(_ name: String, _ first: Int, _ count: Int, _ b: inout GraphBuilder) -> Activation {
      b.linear(
        name, x, module, outputs: outputs,
        selection: ParameterView.Selection(
          groups: groups, parts: parts, take: first / unit..<(first + count) / unit),
        hasBias: hasBias, heads: count * groups, limit: limit)
    }
    return ProjectedHeads(
      query: part("q", 0, queries, &self), key: part("k", queries, keys, &self),
      value: part("v", queries + keys, keys, &self))
  }

  /// Queries and keys turned, as `q_rope` and `k_rope`.
  public mutating func rotated(_ heads: ProjectedHeads, _ rotation: Rotate) -> ProjectedHeads {
    let query = rotate("q_rope", heads.query, rotation)
    return ProjectedHeads(query: query, key: rotate("k_rope", heads.key, rotation), value: heads.value)
  }

  /// Attention up to `attn_out`: scores over √d, probabilities, context, and a projection of it.
  ///
  /// - Parameters:
  ///   - heads: queries, keys and values.
  ///   - width: d.
  ///   - scale: the factor on the scores; 1/√d unless given.
  ///   - visibility: which keys a query sees.
  ///   - bias: what is added to the scores; nil for nothing.
  ///   - cap: where scores are capped; nil for nowhere.
  ///   - sinks: a score of each head that takes part in every softmax; nil for none.
  ///   - module: the projection.
  ///   - outputs: D.
  ///   - hasBias: whether the projection has a bias.
  /// - Returns: `attn_out`, [T, D].
  public mutating func attended(
    _ heads: ProjectedHeads, width: Int, scale: Double? = nil, visibility: Visibility = .causal,
    bias: Activation? = nil, cap: Double? = nil, sinks: Parameter? = nil, prefix: String = "attn",
    _ module: String, outputs: Int, hasBias: Bool
  ) -> Activation {
    let context = attention(
      query: heads.query, key: heads.key, value: heads.value,
      scale: scale ?? 1 / Double(width).squareRoot(), visibility: visibility, bias: bias, cap: cap,
      sinks: sinks, prefix: prefix)
    return linear(prefix + "_out", context, module, outputs: outputs, hasBias: hasBias)
  }
}

/// Queries, keys and values, each [heads, T, d].
public struct ProjectedHeads: Sendable {
  let query: Activation
  let key: Activation
  let value: Activation
}
