import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// Blocks of a diffusion transformer by themselves (adaLN-Zero): vectors and a condition are given; the condition shifts and
  /// scales what the norms make, and gates what is added to the stream.
  ///
  /// Peebles & Xie 2023, §3.2; Hugging Face's `DiTDecoderLayer` in `qwen2_5_omni`, without its rotation. A block makes six
  /// parts of the condition: shift, scale and gate of attention, then those of the feed-forward half. Matrices are stored
  /// [out, in].
  public static let ditBlock = Family(
    "dit_block", modelTypes: ["dit_block"], tensors: TensorNames(root: "transformer_blocks.")
  ) { (config: inout ConfigFields) throws(BadInput) in
    let width = try config.size("hidden_size")
    let layers = try config.layerCount("num_hidden_layers")
    let count = try config.size("num_attention_heads")
    let heads = HeadCounts(query: count, key: count, width: try config.size("head_dim"))
    let inner = width * (try config.size("ff_mult", else: 4))
    let norm = LayerNorm(epsilon: 1e-6)

    var g = GraphBuilder(root: "transformer_blocks.", layout: .outputsFirst)
    var x = g.given(Given(.hidden, width))
    let condition = g.given(Given(.condition, width))
    for layer in 0..<layers {
      g.block(layer, parameters: "\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let parts = b.linear(
          "cond", b.activate("cond_act", ActivationFunction(.silu), condition), "attn_norm.linear",
          outputs: 6 * width, hasBias: true)
        func modulated(_ name: String, _ x: Activation, from first: Int) -> Activation {
          b.modulate(name, x, by: parts, Modulation(parts: 6, scale: first + 1, shift: first, plus: 1))
        }
        func gated(_ name: String, _ x: Activation, by part: Int) -> Activation {
          b.modulate(name, x, by: parts, Modulation(parts: 6, scale: part, plus: 0))
        }
        let before = modulated("ln_1_mod", b.layerNorm("ln_1", stream, norm), from: 0)
        let attended = b.attended(
          b.heads(before, heads, ["q", "k", "v"].map { "attn.to_\($0)" }, hasBias: true), width: heads.width,
          visibility: Visibility(isCausal: false), "attn.to_out.0", outputs: width, hasBias: true)
        let middle = b.sum("resid_mid", stream, gated("attn_gated", attended, by: 2))
        let between = modulated("ln_2_mod", b.layerNorm("ln_2", middle, norm), from: 3)
        let thought = b.feedForward(
          between, ActivationFunction(.geluTanh), up: "ff.ff.0", down: "ff.ff.3", inner: inner,
          outputs: width,
          hasBias: true)
        x = b.sum("resid_out", middle, gated("mlp_out_gated", thought, by: 5))
      }
    }
    return try g.graph()
  }
}
