"""Which activation a node of llama.cpp's graph is, in any of its families.

By what a node is made of: a product with `blk.0.attn_q.weight`, and the sum with the bias after it, is the queries
whatever the node is called. Names count only where no weight says it: inside attention, and where blocks end.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ggml import Tensor

#: What is made with a weight of a block, or outside of blocks: products and norms, with their biases.
_IN_BLOCKS = {
    "attn_norm": "ln_1", "attn_norm_2": "ln_1 beside ln_2", "ffn_norm": "ln_2", "attn_q_norm": "q_norm",
    "attn_k_norm": "k_norm", "post_attention_norm": "attn_post_norm", "post_ffw_norm": "mlp_post_norm",
    "attn_q": "q", "attn_k": "k", "attn_v": "v", "attn_qkv": "qkv", "attn_output": "attn_out",
    "ffn_gate": "mlp_gate", "ffn_up": "ffn_up", "ffn_down": "mlp_out",
}  # fmt: skip
_OUTSIDE = {
    "token_embd_norm": "embed/ln", "output_norm": "final/ln_f", "output": "final/logits_raw",
    "token_embd": "final/logits_raw", "position_embd": "embed/position",
}  # fmt: skip

#: Inside attention: `kq` are products of queries and keys, before their factor.
_INSIDE = ("kq", "kq_scaled_2", "kq_soft_max", "kqv")

_WEIGHT = re.compile(r"(?:blk\.(\d+)\.)?(\w+)\.(?:weight|bias)")
_LABEL = re.compile(r"(\w+?)(?:-(\d+))?")
_SAME = ("RESHAPE", "VIEW", "PERMUTE", "TRANSPOSE", "CONT", "GET_ROWS")


class Nodes:
    """The activations of one graph, whose nodes are asked for in their order."""

    def __init__(self) -> None:
        self._paths: dict[int, str] = {}  # by the address of a node: what it holds, in whatever form

    def path(self, node: Tensor) -> str | None:
        """The activation that a node holds, `layers/0/kq` and the like inside attention; None for what is none.

        A node that adds a bias has the path of the one before it, in whose place it stands.
        """
        found, is_view = self._found(node)
        if found is not None:
            self._paths[node.address] = found
        return None if is_view else found

    def _found(self, node: Tensor) -> tuple[str | None, bool]:
        operation, sources = node.operation, [node.source(0), node.source(1)]
        label, layer = _LABEL.fullmatch(node.label).groups() if _LABEL.fullmatch(node.label) else ("", None)
        known = [self._paths.get(source.address, "") if source is not None else "" for source in sources]
        if label in _INSIDE:
            return f"layers/{layer}/{label}", False
        if label == "kqv_out" and layer is not None:
            return f"layers/{layer}/attn_context", False
        if label == "result_output":
            return "final/logits", False
        if operation == "GET_ROWS" and sources[0].label.startswith(("token_embd", "position_embd")):
            return "embed/token" if sources[0].label.startswith("token_embd") else "embed/position", False
        if operation in _SAME:
            return known[0] or None, True
        if operation in ("MUL_MAT", "MUL", "ADD"):
            weight = next((_WEIGHT.fullmatch(one.label) for one in sources if _WEIGHT.fullmatch(one.label)), None)
            if weight is not None:
                return self._of_weight(weight[1], weight[2]), False
        if operation == "ADD":
            return self._sum(label, layer, known), False
        if operation == "SCALE" and label == "inp_scaled":
            return "embed/scaled", False
        if operation == "CLAMP" and known[0].endswith("/qkv"):
            return known[0], False
        if operation == "ROPE" and label in ("Qcur", "Kcur"):
            return f"layers/{layer}/{label[0].lower()}_rope", False
        if operation == "GLU":
            return f"layers/{layer}/mlp_gated", False
        if operation == "UNARY" and known[0].endswith(("/ffn_up", "/mlp_gate")):
            return f"layers/{layer}/mlp_act", False
        return None, False

    def _of_weight(self, layer: str | None, name: str) -> str | None:
        if layer is None:
            return _OUTSIDE.get(name)
        return f"layers/{layer}/{_IN_BLOCKS[name]}" if name in _IN_BLOCKS else None

    def _sum(self, label: str, layer: str | None, known: list[str]) -> str | None:
        """Sums of the stream: the embedding's, after attention, and at the end of a block."""
        if label == "l_out":
            return f"layers/{layer}/resid_out"
        if sorted(known) == ["embed/position", "embed/token"]:
            return "embed/sum"
        attended = next((path for path in known if path.endswith(("/attn_out", "/attn_post_norm"))), None)
        others = [path for path in known if path != attended]
        if attended and others and (others[0].startswith("embed/") or others[0].endswith("/resid_out")):
            return f"{attended.rpartition('/')[0]}/resid_mid"
        return None
