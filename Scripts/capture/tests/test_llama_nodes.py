"""What a node of llama.cpp's graph is, told from what it is made of; without llama.cpp."""

import unittest

from touchstone_capture.llama_cpp_nodes import Nodes


class Node:
    """A node as `ggml.Tensor` shows it."""

    def __init__(self, operation, label, *sources):
        self.operation, self.label, self.sources = operation, label, sources
        self.address = id(self)

    def source(self, index):
        return self.sources[index] if index < len(self.sources) else None


def weight(name):
    return Node("NONE", name)


class Paths(unittest.TestCase):
    def setUp(self):
        self.nodes = Nodes()

    def path(self, *given):
        node = Node(*given)
        return node, self.nodes.path(node)

    def test_a_product_and_its_bias_are_the_activation_of_their_weight(self):
        read = Node("ADD", "attn_norm-3")
        for name, due in [("attn_q", "q"), ("attn_qkv", "qkv"), ("attn_output", "attn_out"), ("ffn_gate", "mlp_gate")]:
            product, path = self.path("MUL_MAT", "node_7", weight(f"blk.3.{name}.weight"), read)
            self.assertEqual(path, f"layers/3/{due}")
            _, path = self.path("ADD", "node_8", product, weight(f"blk.3.{name}.bias"))
            self.assertEqual(path, f"layers/3/{due}")

    def test_norms_are_what_is_multiplied_with_their_weight(self):
        normed, path = self.path("RMS_NORM", "norm-0", Node("ADD", "l_out-0"))
        self.assertIsNone(path)
        for name, due in [("blk.1.attn_norm", "layers/1/ln_1"), ("blk.1.attn_q_norm", "layers/1/q_norm"),
                          ("token_embd_norm", "embed/ln"), ("output_norm", "final/ln_f")]:  # fmt: skip
            self.assertEqual(self.path("MUL", "x", normed, weight(f"{name}.weight"))[1], due)

    def test_the_stream_is_followed_through_views_and_rows(self):
        token, path = self.path("GET_ROWS", "embd", weight("token_embd.weight"), Node("NONE", "inp_tokens"))
        self.assertEqual(path, "embed/token")
        out, _ = self.path("MUL_MAT", "node_9", weight("blk.0.attn_output.weight"), Node("CONT", "kqv_out-0"))
        rows, path = self.path("GET_ROWS", "node_10", out, Node("NONE", "out_ids"))
        self.assertIsNone(path)
        self.assertEqual(self.path("ADD", "node_11", rows, token)[1], "layers/0/resid_mid")
        down, _ = self.path("MUL_MAT", "ffn_out-0", weight("blk.0.ffn_down.weight"), Node("GLU", "g"))
        self.assertIsNone(self.path("ADD", "node_12", down, out)[1])  # both halves, before they are added to the stream
        self.assertEqual(self.path("ADD", "l_out-0", down, rows)[1], "layers/0/resid_out")

    def test_what_no_weight_says_is_told_by_its_name(self):
        for given, due in [
            (("ROPE", "Qcur-2", Node("RESHAPE", "Qcur-2")), "layers/2/q_rope"),
            (("ROPE", "Kcur-2", Node("RESHAPE", "Kcur-2")), "layers/2/k_rope"),
            (("SOFT_MAX", "kq_soft_max-2", Node("MUL_MAT", "kq-2")), "layers/2/kq_soft_max"),
            (("SCALE", "inp_scaled", Node("GET_ROWS", "embd")), "embed/scaled"),
            (("SCALE", "result_output", Node("UNARY", "node_9")), "final/logits"),
        ]:
            self.assertEqual(self.path(*given)[1], due)

    def test_a_nonlinearity_is_one_of_a_blocks_own_product(self):
        up, _ = self.path("MUL_MAT", "ffn_up-0", weight("blk.0.ffn_up.weight"), Node("ADD", "ffn_norm-0"))
        self.assertEqual(self.path("UNARY", "ffn_gelu-0", up)[1], "layers/0/mlp_act")
        scaled, _ = self.path("SCALE", "kq_scaled_1-0", Node("MUL_MAT", "kq-0"))
        self.assertIsNone(self.path("UNARY", "kq_tanh-0", scaled)[1])

    def test_a_clipped_projection_stands_in_the_place_of_the_projection(self):
        fused, _ = self.path("MUL_MAT", "wqkv-0", weight("blk.0.attn_qkv.weight"), Node("MUL", "attn_norm-0"))
        self.assertEqual(self.path("CLAMP", "wqkv_clamped-0", fused)[1], "layers/0/qkv")


if __name__ == "__main__":
    unittest.main()
