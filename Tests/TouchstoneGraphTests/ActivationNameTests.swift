import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

/// Names of activations are open, and have one spelling.
@Suite struct ActivationNameTests {
  @Test(
    .clause("GRA-2"),
    arguments: [
      ("embed/token", "embed/token", nil), ("final/logits", "final/logits", nil), ("frames", "frames", nil),
      ("layers/003/mlp_act", "mlp_act", Activation.Block(3)),
      ("layers/1000/q", "q", Activation.Block(1000)),
      ("layers/000/experts/007/mlp_gate", "experts/007/mlp_gate", Activation.Block(0)),
      ("encoder/layers/011/q", "q", Activation.Block(11, of: "encoder/layers")),
      ("encoder/embed/conv_1", "encoder/embed/conv_1", nil),
      ("grad/final/logits", "grad/final/logits", nil),
      ("grad/layers/003/mlp_act", "mlp_act", Activation.Block(3, of: "grad/layers")),
      ("grad/weights/h.0.attn.c_attn.weight", "grad/weights/h.0.attn.c_attn.weight", nil),
    ])
  func aPathIsReadAndWritten(path: String, name: String, block: Activation.Block?) throws {
    let activation = try #require(Activation(path: path))
    #expect(activation == Activation(name, in: block))
    #expect(activation.path == path)
  }

  @Test(
    .clause("GRA-2"),
    arguments: [
      "", "/", "embed//token", "/embed/token", "embed/token/", "Embed/token", "embed/tøken", "embed/to ken",
      "embed/../token", "layers/3/q", "layers/0003/q", "layers/003", "layers/003/", "layers/q",
      "layers/-01/q",
      "layers/+01/q", "layers/99999999999999999999/q", "encoder/layers/3/q", "inputs/token_ids", "weights/x",
      "grad/weights/", "grad/weights/a/b", "grad/weights/a b",
      "floor/q", "extra/q", "provenance/manifest", "model/q",
      String(repeating: "a", count: 201),
    ])
  func whatIsNoPathOfAnActivationIsRefused(path: String) {
    #expect(Activation(path: path) == nil)
  }
}
