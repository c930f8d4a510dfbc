import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// Gemma 3, its text model: Gemma 2's block with RMSNorm over each head of queries and keys in the place of capped
  /// scores, five blocks with a window to one without, and rotations of their own for the two.
  ///
  /// Gemma Team 2025, §2; Hugging Face's `Gemma3TextConfig` and `Gemma3Attention`. Matrices are stored [out, in].
  public static let gemma3 = Family(
    "gemma3_text", modelTypes: ["gemma3_text"], padding: .unlearned(0), tensors: .llama
  ) { (config: inout ConfigFields) throws(BadInput) in
    let block = try GemmaBlock(&config)
    let rotations = try config.rotationsByType(
      width: block.heads.width, positions: 131_072, theta: (sliding: 10_000, full: 1e6))
    let pattern = try config.size("sliding_window_pattern", else: 6)
    let windows = try config.windows(of: block.layers) { !($0 + 1).isMultiple(of: pattern) }
    // Hugging Face's class has the field, and its attention does not read it.
    _ = try config.cap("attn_logit_softcapping", else: nil)
    let logitCap = try config.cap("final_logit_softcapping", else: nil)
    return try block.graph(capping: logitCap) { b, first, layer in
      let window = windows[layer]
      return b.rotaryAttention(
        first, block.heads, window == nil ? rotations.full : rotations.sliding, outputs: block.width,
        hasInputBias: block.hasBias, hasOutputBias: block.hasBias,
        visibility: Visibility(isCausal: true, window: window), headNorm: block.norm, scale: block.scale)
    }
  }
}
