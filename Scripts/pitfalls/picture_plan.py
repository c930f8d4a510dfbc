"""What a `config.json` of a model that sees pictures, or of blocks that a condition modulates, says: the plan of a forward pass."""

import numpy as np
from functions import ACTS, F
from stack_plan import CLIP, act, stack

VIT = dict(
    block="encoder.layer.{}.", q="attention.attention.query", k="attention.attention.key", v="attention.attention.value",
    out="attention.output.dense", ln_1="layernorm_before", ln_2="layernorm_after", up="intermediate.dense", down="output.dense",
    patches="embeddings.patch_embeddings.projection", row="embeddings.cls_token", places="embeddings.position_embeddings",
    ln_f="layernorm", pooler="pooler.dense",
)
SEEN = CLIP | dict(
    patches="embeddings.patch_embedding", row="embeddings.class_embedding", places="embeddings.position_embedding.weight",
    table_norm="pre_layrnorm", ln_f="post_layernorm",
)
DIT = dict(
    block="{}.", q="attn.to_q", k="attn.to_k", v="attn.to_v", out="attn.to_out.0", up="ff.ff.0", down="ff.ff.3", cond="attn_norm.linear")
FAMILIES = {"vit", "clip_vision_model", "dit_block"}


def sides(size):
    return tuple(size) if isinstance(size, list) else (size, size)


def read(c, weights):
    """The plan of a configuration."""
    family, layers, heads = c["model_type"], c["num_hidden_layers"], c["num_attention_heads"]
    p = dict(
        family=family, width=c["hidden_size"], d=None, epsilon=1e-6, norm="ln", form="pre", gated=False, scale=None, buckets=None,
        dropped=(), reread=(), unnormed=(), as_norm={}, key_bias=True, rope=None, norms_first=True, features=None, head=None, act="tanh")
    if family == "dit_block":
        scaled, gate = lambda x, scale, shift: x * (1 + scale) + shift, lambda x, by: x * by
        p |= dict(
            d=c["head_dim"], form="modulated", norms_first=False, condition=ACTS["silu"], parts=lambda x: np.split(x, 6, axis=1),
            order=range(6), modulates=(scaled, scaled), gates=(gate, gate), summed=lambda x, half, gated, by: x + gated,
            stacks=[stack("", "transformer_blocks.", DIT, layers, heads)])  # fmt: skip
        return p
    is_vit = family == "vit"
    root = "vit." if is_vit else "vision_model."
    root = root if any(name.startswith(root) for name in weights) else ""
    image, patch = sides(c.get("image_size", 224)), sides(c.get("patch_size", 16 if is_vit else 32))
    same = lambda x: x
    p |= dict(
        act=act(c.get("hidden_act", "gelu" if is_vit else "quick_gelu")), epsilon=c.get("layer_norm_eps", 1e-12 if is_vit else 1e-5),
        image=image, patch=patch, stride=patch, corner=(0, 0), grid=(image[0] // patch[0], image[1] // patch[1]), pixels=same,
        filters=same, in_order=same, tokens=lambda row, patches: np.concatenate([row, patches]), places=same, picks="first",
        is_row_normed=not is_vit, is_shared="visual_projection.weight" in weights, projects=same, pooler=None,
        stacks=[stack("", root, VIT if is_vit else SEEN, layers, heads)])
    if is_vit and (c.get("architectures") or [""])[0] == "ViTModel":
        name = c.get("pooler_act", "tanh")
        p["pooler"] = np.tanh if name == "tanh" else ACTS[act(name)]
    return p


def picked(x):
    """What may stand for a picture, each [1, D]."""
    mean = lambda rows: rows.mean(axis=0, keepdims=True, dtype=F)
    return {"first": x[:1], "first patch": x[1:2], "last": x[-1:], "mean": mean(x), "mean of the patches": mean(x[1:]),
            "greatest": x.max(axis=0, keepdims=True)}  # fmt: skip
