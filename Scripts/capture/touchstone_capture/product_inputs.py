"""In what llama.cpp reads the inputs of its products: that follows from the types of the matrices in the file.

`ggml_get_type_traits_cpu(type)->vec_dot_type`; scores and contexts, whose factors are no matrices of the file, are not
among these.
"""

from __future__ import annotations

import collections

#: What the inputs are turned into, by the type of the matrix; None for float32, as they are recorded.
_READ = {"F32": None, "F16": "float16", "BF16": "bfloat16", "Q8_0": "q8_0", "Q4_0": "q8_0", "Q5_0": "q8_0"}
_READ.update(dict.fromkeys(["Q4_1", "Q5_1"], "q8_1"))
_READ.update(dict.fromkeys(["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"], "q8_K"))

#: The products of the format that a matrix of a block is read by.
_MADE = {
    "attn_qkv": ["q", "k", "v"], "attn_q": ["q"], "attn_k": ["k"], "attn_v": ["v"], "attn_output": ["attn_out"],
    "ffn_up": ["mlp_pre", "mlp_up"], "ffn_gate": ["mlp_gate"], "ffn_down": ["mlp_out"],
}  # fmt: skip


def declared(path: str) -> str | None:
    """What a capture of the file says as `product_inputs`; None where all inputs are read as they are recorded.

    Nothing is said of matrices of other types: the format has no name for what they read.
    """
    import gguf

    types = {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(path).tensors}
    read: dict[str, str | None] = {}
    head = types.get("output.weight", types.get("token_embd.weight"))
    read.update(dict.fromkeys(["final/logits", "final/logits_raw"], _READ.get(head)))
    for name, kind in types.items():
        parts = name.split(".")
        if parts[0] == "blk" and parts[-1] == "weight":
            gate = ["mlp_gate"] if parts[2] == "ffn_up" and f"blk.{parts[1]}.ffn_gate.weight" not in types else []
            for made in [*_MADE.get(parts[2], []), *gate]:
                read[f"layers/{int(parts[1]):03}/{made}"] = _READ.get(kind)
    common = collections.Counter(read.values()).most_common(1)[0][0]
    exceptions = [f"{name} = {kind or 'recorded'}" for name, kind in sorted(read.items()) if kind != common]
    return ", ".join([common or "recorded", *exceptions]) if common or exceptions else None
