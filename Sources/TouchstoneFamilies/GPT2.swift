import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// GPT-2 and GPT-3: LayerNorm before each half, learned positions, causal attention, GELU.
  ///
  /// Radford et al. 2019; Brown et al. 2020, §2.1. Matrices are stored [in, out].
  public static let gpt2 = Family(
    "gpt2", modelTypes: ["gpt2"],
    tensors: TensorNames(
      root: "transformer.", bufferEndings: [".attn.bias", ".attn.masked_bias"],
      ties: ["lm_head.weight": "transformer.wte.weight"]),
    storedConfig: { graph throws(BadInput) in try Configuration(graph).huggingFaceJSON }
  ) { (config: inout ConfigFields) throws(BadInput) in try Configuration(&config).graph }
}

/// The operations of the GPT-2 form, for sizes and choices that fit together.
struct GPT2Form {
  let vocabularySize: Int
  let contextLength: Int
  let width: Int
  let layerCount: Int
  let headCount: Int
  let feedForwardWidth: Int
  let activationFunction: ActivationFunction.Function
  let layerNormEpsilon: Double
  let tiesEmbeddings: Bool
  /// The factor on q·k in each block.
  let scoreScales: [Double]

  func graph() throws(BadInput) -> Graph {
    let norm = LayerNorm(epsilon: layerNormEpsilon)
    var g = GraphBuilder(root: "transformer.", layout: .inputsFirst)
    let table = g.parameter("wte.weight", vocabularySize, width)
    var x = g.sum(
      "embed/sum", g.embedding("embed/token", .tokenIDs, in: table),
      g.embedding("embed/position", .positionIDs, in: g.parameter("wpe.weight", contextLength, width)))
    for layer in 0..<layerCount {
      g.block(layer, parameters: "h.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.layerNorm("ln_1", stream, norm, "ln_1")
        func third(_ name: String, _ part: Int, _ b: inout GraphBuilder) -> Activation {
          b.linear(
            name, first, "attn.c_attn", outputs: 3 * width, selection: .part(part, of: 3), hasBias: true,
            heads: headCount)
        }
        let query = third("q", 0, &b)
        let key = third("k", 1, &b)
        let value = third("v", 2, &b)
        let context = b.attention(query: query, key: key, value: value, scale: scoreScales[layer])
        let attended = b.linear("attn_out", context, "attn.c_proj", outputs: width, hasBias: true)
        let middle = b.sum("resid_mid", stream, attended)

        let second = b.layerNorm("ln_2", middle, norm, "ln_2")
        let hidden = b.linear("mlp_pre", second, "mlp.c_fc", outputs: feedForwardWidth, hasBias: true)
        let active = b.activate("mlp_act", ActivationFunction(activationFunction), hidden)
        let thought = b.linear("mlp_out", active, "mlp.c_proj", outputs: width, hasBias: true)
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.layerNorm("final/ln_f", x, norm, "ln_f")
    let head = tiesEmbeddings ? table : Parameter("lm_head.weight", [vocabularySize, width])
    return try g.graph(readingOut: last, rowsOf: head)
  }
}
