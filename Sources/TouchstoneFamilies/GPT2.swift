import TouchstoneGraph
import TouchstoneModel

extension Family {
  /// GPT-2 and GPT-3: LayerNorm before each half, learned positions, causal attention, GELU.
  ///
  /// Radford et al. 2019; Brown et al. 2020, §2.1. Matrices are stored [in, out].
  public static let gpt2 = Family(
    "gpt2", modelTypes: ["gpt2"], padding: .learned,
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
    let heads = HeadCounts(query: headCount, key: headCount, width: width / headCount)
    var g = GraphBuilder(root: "transformer.", layout: .inputsFirst)
    let table = g.parameter("wte.weight", vocabularySize, width)
    var x = g.sum(
      "embed/sum", g.embedding("embed/token", .tokenIDs, in: table),
      g.embedding("embed/position", .positionIDs, in: g.parameter("wpe.weight", contextLength, width)))
    for layer in 0..<layerCount {
      g.block(layer, parameters: "h.\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.layerNorm("ln_1", stream, norm, "ln_1")
        let projected = b.fusedHeads(first, heads, "attn.c_attn", groups: 1, hasBias: true)
        let attended = b.attended(
          projected, width: heads.width, scale: scoreScales[layer], "attn.c_proj", outputs: width,
          hasBias: true)
        let middle = b.sum("resid_mid", stream, attended)
        let second = b.layerNorm("ln_2", middle, norm, "ln_2")
        let thought = b.feedForward(
          second, ActivationFunction(activationFunction), up: "mlp.c_fc", down: "mlp.c_proj",
          inner: feedForwardWidth, outputs: width, hasBias: true)
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.layerNorm("final/ln_f", x, norm, "ln_f")
    let head = tiesEmbeddings ? table : Parameter("lm_head.weight", [vocabularySize, width])
    return try g.graph(readingOut: last, rowsOf: head)
  }
}
