import Testing
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneTestSupport

/// What a name may stand for that is not one of the format's.
@Suite struct SpelledNameTests {
  private func meant(_ path: String) throws -> [String] {
    let configuration = try Configuration(
      vocabularySize: 7, contextLength: 5, width: 4, layerCount: 3, headCount: 2)
    return configuration.graph.activations(spelled: path).map(\.path)
  }

  @Test(
    .clause("FIL-12"),
    arguments: [
      // The format's names, written otherwise.
      ("layers/0/ln_1", "layers/000/ln_1"), ("layers/02/mlp_act", "layers/002/mlp_act"),
      ("layers/000/ln1", "layers/000/ln_1"), ("Layers/000/LN_2", "layers/000/ln_2"),
      ("layers/001/attnScores", "layers/001/attn_scores"), ("layers.1.resid_mid", "layers/001/resid_mid"),
      ("layer_1_attn_probs", "layers/001/attn_probs"), ("layers/001/attn/out", "layers/001/attn_out"),
      ("layers/001/atn_scores", "layers/001/attn_scores"), ("layers/001/residmid", "layers/001/resid_mid"),
      ("layers/000/attn_contxt", "layers/000/attn_context"), ("layers/001/ln_2/data", "layers/001/ln_2"),
      ("layers/001/attention_probabilities", "layers/001/attn_probs"), ("logits", "final/logits"),
      ("logit", "final/logits"), ("final/lnf", "final/ln_f"), ("embedding/token", "embed/token"),
      ("layers/000/query", "layers/000/q"), ("layers/000/K", "layers/000/k"),
      ("layers/000/key_cache", "layers/000/k_cache"), ("model/layers/000/mlp_pre", "layers/000/mlp_pre"),
      // Hugging Face.
      ("transformer.h.1.ln_1", "layers/001/ln_1"), ("transformer/h/1/ln_2/output", "layers/001/ln_2"),
      ("transformer.h.2.attn.c_proj", "layers/002/attn_out"), ("h.0.mlp.c_fc", "layers/000/mlp_pre"),
      ("h.0.mlp.act", "layers/000/mlp_act"), ("h.0.mlp.c_proj", "layers/000/mlp_out"),
      ("transformer.h.1", "layers/001/resid_out"), ("transformer.ln_f", "final/ln_f"),
      ("transformer.wte", "embed/token"), ("wpe", "embed/position"), ("lm_head", "final/logits"),
      ("lm_logits", "final/logits"), ("layers/1/hidden_states", "layers/001/resid_out"),
      ("last_hidden_state", "final/ln_f"), ("attentions/1", "layers/001/attn_probs"),
      // TransformerLens.
      ("blocks.1.hook_resid_pre", "layers/001/resid_in"),
      ("blocks.1.hook_resid_post", "layers/001/resid_out"),
      ("blocks.1.ln1.hook_normalized", "layers/001/ln_1"), ("blocks.0.attn.hook_q", "layers/000/q"),
      ("blocks.0.attn.hook_attn_scores", "layers/000/attn_scores"),
      ("blocks.0.attn.hook_pattern", "layers/000/attn_probs"),
      ("blocks.0.attn.hook_z", "layers/000/attn_context"),
      ("blocks.0.mlp.hook_post", "layers/000/mlp_act"), ("hook_pos_embed", "embed/position"),
      ("ln_final.hook_normalized", "final/ln_f"),
      // llama.cpp.
      ("Qcur-2", "layers/002/q"), ("kq-0", "layers/000/attn_scores"), ("kqv_out-0", "layers/000/attn_out"),
      ("l_out-0", "layers/000/resid_out"), ("ffn_inp-0", "layers/000/resid_mid"),
      ("ffn_norm-0", "layers/000/ln_2"), ("ffn_gelu-0", "layers/000/mlp_act"),
      ("blk-0", "layers/000/resid_out"),
      ("result_norm", "final/ln_f"), ("result_output", "final/logits"),
    ])
  func aNameIsRead(path: String, first: String) throws {
    #expect(try meant(path).first == first)
  }

  /// Several operations in one dataset.
  @Test(
    .clause("FIL-12"),
    arguments: [
      ("layers/001/qkv", ["q", "k", "v"]), ("layers/1/query_key_value", ["q", "k", "v"]),
      ("transformer.h.1.attn.c_attn", ["q", "k", "v"]), ("layers/001/kv", ["k", "v"]),
      ("layers/001/c_proj", ["attn_out", "mlp_out"]), ("blk.1.ffn_gate_up", ["mlp_pre"]),
      ("layers/001/kv_cache", ["k_cache", "v_cache"]),
    ])
  func aFusionStandsForEach(path: String, names: [String]) throws {
    #expect(try meant(path) == names.map { "layers/001/" + $0 })
  }

  /// Without a number of a layer that is there, any may be meant.
  @Test(.clause("FIL-12"), arguments: ["attn_probs", "layers/attn_probs", "layers/3/attn_probs"])
  func withoutALayerEveryOneIsMeant(path: String) throws {
    #expect(try meant(path) == (0..<3).map { "layers/00\($0)/attn_probs" })
  }

  @Test(
    arguments: [
      "notes", "timings/attention", "layers/000/rotary", "tokens", "input_ids", "labels", "attention_mask",
      "transformer.h.0.attn.c_attn.weight", "embed/alias", "", "/", "x", "layers", "🙂", "statistics/mean",
      String(repeating: "a", count: 100_000), String(repeating: "a/", count: 10_000) + "b",
    ])
  func whatIsNearNoNameStandsForNothing(path: String) throws {
    #expect(try meant(path).isEmpty)
  }

  /// Every name with one letter left out, doubled or exchanged, where it has letters enough to be known by the others.
  @Test(.clause("FIL-12"), arguments: Activation.Point.allCases)
  func oneWrongLetterIsForgiven(_ point: Activation.Point) throws {
    let activation = point.isPerLayer ? Activation(point, layer: 1) : Activation(point)
    let name = Array(activation.path.split(separator: "/").last ?? "")
    guard name.count(where: \.isLetter) >= 6 else { return }
    let front = String(activation.path.dropLast(name.count))
    for index in name.indices where name[index].isLetter {
      for letters in [[], [name[index], name[index]], ["w"]] as [[Character]] {
        let spelled = front + String(name[..<index] + letters + name[(index + 1)...])
        #expect(try meant(spelled).contains(activation.path), "\(spelled)")
      }
    }
  }
}
