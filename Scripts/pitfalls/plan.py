"""What a `config.json` of a decoder family says, as one flat table of numbers and choices: the plan of a forward pass.

A mistake of a conversion is a plan with one entry changed. The facts are those of Hugging Face's configuration classes.
"""

import math

LLAMA = dict(
    root="model.", block="layers.{}.", table="embed_tokens", ln_1="input_layernorm", ln_2="post_attention_layernorm",
    q="self_attn.q_proj", k="self_attn.k_proj", v="self_attn.v_proj", out="self_attn.o_proj", gate="mlp.gate_proj",
    up="mlp.up_proj", down="mlp.down_proj", q_norm="self_attn.q_norm", k_norm="self_attn.k_norm", ln_f="norm",
    post_1="post_attention_layernorm", post_2="post_feedforward_layernorm",
)
GPT2 = dict(
    root="transformer.", block="h.{}.", table="wte", places="wpe", ln_1="ln_1", ln_2="ln_2", qkv="attn.c_attn",
    out="attn.c_proj", up="mlp.c_fc", down="mlp.c_proj", ln_f="ln_f",
)
FUSED = dict(
    qkv="self_attention.query_key_value", out="self_attention.dense", up="mlp.dense_h_to_4h", down="mlp.dense_4h_to_h",
    ln_1="input_layernorm", ln_2="post_attention_layernorm",
)
NAMES = {
    "gemma2": LLAMA | dict(ln_2="pre_feedforward_layernorm"),
    "phi3": LLAMA | dict(qkv="self_attn.qkv_proj", gate_up="mlp.gate_up_proj"),
    "phi": LLAMA | dict(
        out="self_attn.dense", up="mlp.fc1", down="mlp.fc2", ln_f="final_layernorm", q_norm="self_attn.q_layernorm",
        k_norm="self_attn.k_layernorm"),
    "starcoder2": LLAMA | dict(up="mlp.c_fc", down="mlp.c_proj"),
    "gpt_neox": FUSED | dict(
        root="gpt_neox.", block="layers.{}.", table="embed_in", ln_f="final_layer_norm", qkv="attention.query_key_value",
        out="attention.dense"),
    "gptj": dict(
        root="transformer.", block="h.{}.", table="wte", ln_1="ln_1", q="attn.q_proj", k="attn.k_proj",
        v="attn.v_proj", out="attn.out_proj", up="mlp.fc_in", down="mlp.fc_out", ln_f="ln_f"),
    "falcon": FUSED | dict(root="transformer.", block="h.{}.", table="word_embeddings", ln_f="ln_f"),
    "bloom": FUSED | dict(
        root="transformer.", block="h.{}.", table="word_embeddings", table_norm="word_embeddings_layernorm", ln_f="ln_f"),
    "opt": dict(
        root="model.decoder.", block="layers.{}.", table="embed_tokens", places="embed_positions",
        ln_1="self_attn_layer_norm", ln_2="final_layer_norm", q="self_attn.q_proj", k="self_attn.k_proj",
        v="self_attn.v_proj", out="self_attn.out_proj", up="fc1", down="fc2", ln_f="final_layer_norm",
        project_in="project_in", project_out="project_out"),
    "mpt": dict(
        root="transformer.", block="blocks.{}.", table="wte", ln_1="norm_1", ln_2="norm_2", qkv="attn.Wqkv",
        out="attn.out_proj", up="ffn.up_proj", down="ffn.down_proj", ln_f="norm_f"),
    "gpt2": GPT2, "imagegpt": GPT2,
}  # fmt: skip
NAMES["gemma3_text"] = NAMES["gemma2"]
LAYERNORM = {"phi", "starcoder2", "gpt_neox", "gptj", "falcon", "bloom", "opt", "mpt", "gpt2"}
TANH = {"gelu_new": "tanh", "gelu_pytorch_tanh": "tanh", "gelu": "erf", "swish": "silu"}


def rotation(c, inside, width, share, theta):
    """One rotation of heads of a width, from the object in a configuration that speaks of it."""
    kind = inside.get("rope_type", inside.get("type", "default"))
    theta = inside.get("rope_theta", theta)
    turning = int(inside.get("partial_rotary_factor", share) * width)
    rope = dict(width=turning, over=turning, first=0, style="half", theta=float(theta), kind=kind, m=1.0)
    longest = c.get("max_position_embeddings", 2048)
    original = c.get("original_max_position_embeddings", inside.get("original_max_position_embeddings", longest))
    rope |= {k: v for k, v in inside.items() if "factor" in k or "beta" in k} | dict(original=original, longest=longest)
    if c["model_type"] == "phi3" and kind in ("su", "yarn", "longrope"):
        factor = inside.get("factor", longest / original)
        m = 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(original))
        rope |= dict(kind="longrope", m=inside.get("attention_factor", m))
    elif kind == "yarn":
        rope["m"] = inside.get("attention_factor", 0.1 * math.log(inside["factor"]) + 1)
    return rope


def read(c):
    """The plan of a configuration, and the names of its tensors."""
    family = c["model_type"]
    names = dict(NAMES.get(family, LLAMA))

    def first(*keys, default=None):
        return next((c[k] for k in keys if c.get(k) is not None), default)

    layers, heads = first("num_hidden_layers", "n_layer", "n_layers"), first("num_attention_heads", "n_head", "n_heads")
    width = first("hidden_size", "n_embd", "d_model")
    d = first("head_dim", default={"gemma": 256, "gemma2": 256, "gemma3_text": 256, "qwen3": 128}.get(
        family, width // heads))
    kv = first("num_key_value_heads", default=heads)
    gemma, plain_ln = family.startswith("gemma"), family in LAYERNORM
    act = first("hidden_activation", "hidden_act", "activation_function", "activation", default={
        "gptj": "gelu_new", "gpt2": "gelu_new", "imagegpt": "quick_gelu", "opt": "relu", "phi": "gelu_new",
        "starcoder2": "tanh", "bloom": "bloom", "gpt_neox": "gelu", "falcon": "gelu", "mpt": "gelu"}.get(
        family, "tanh" if gemma else "silu"))
    act = "tanh" if gemma and act == "gelu" else TANH.get(act, act)
    p = dict(
        family=family, layers=layers, heads=heads, kv=kv, width=width, d=d, act=act, norm="ln" if plain_ln else "rms",
        epsilon=first("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", default=1e-5),
        plus=1.0 if gemma else 0.0, table_factor=math.sqrt(width) if gemma else None, offset=0, counts_mask=False,
        windows=[None] * layers, ropes=[None] * layers, scale=1 / math.sqrt(d), by_layer=False, cap=None,
        logit_cap=None, alibi=None, head_norm=None, norm_after_rotation=False, clip=None, layout="apart",
        block="pre", gated=not (plain_ln or family == "imagegpt"), transposed=False,
        stream="resid", m_on_scores=1.0, bias_inside_scale=False, cap_after_mask=False, dropped=(), swapped=None)
    if family == "opt":
        p |= dict(offset=2, counts_mask=True, epsilon=1e-5, block="pre" if c.get("do_layer_norm_before", True) else "post")
    if family in ("gpt2", "imagegpt"):
        p |= dict(layout="sides", transposed=True, by_layer=bool(c.get("scale_attn_by_inverse_layer_idx")))
        p["scale"] = p["scale"] if c.get("scale_attn_weights", True) else 1.0
    if family == "bloom":
        p |= dict(layout="groups", alibi="bloom")
        p["stream"] = "norm" if c.get("apply_residual_connection_post_layernorm") else "resid"
    if family == "mpt":
        inside = c.get("attn_config") or {}
        p |= dict(layout="sides", alibi="mpt", clip=inside.get("clip_qkv"))
        p["scale"] = inside.get("softmax_scale") or p["scale"]
    if family == "falcon":
        new = c.get("new_decoder_architecture", False)
        shared = 1 if c.get("multi_query", True) else heads
        p |= dict(kv=c.get("num_kv_heads") or heads if new else shared, layout="groups")
        p["block"] = "one norm" if new or c.get("parallel_attn", True) else "pre"
        if new and (c.get("num_ln_in_parallel_attn") or 2) == 2:
            names |= dict(ln_1="ln_attn", ln_2="ln_mlp")
            p["block"] = "two norms"
    if family == "gpt_neox":
        p |= dict(layout="groups", block="two norms" if c.get("use_parallel_residual", True) else "pre")
    if family in ("gptj", "phi"):
        p["block"] = "one norm"
    if family == "phi3":
        p["layout"] = "sides"
    if family in ("gemma2", "gemma3_text"):
        p |= dict(block="sandwich", scale=c.get("query_pre_attn_scalar", 256) ** -0.5)
        p["logit_cap"] = c.get("final_logit_softcapping", 30.0 if family == "gemma2" else None)
    if family == "gemma2":
        p["cap"] = c.get("attn_logit_softcapping", 50.0)
    if family == "olmo2":
        p |= dict(block="after", head_norm="joined")
    if family in ("qwen3", "gemma3_text") or c.get("qk_layernorm"):
        p["head_norm"] = "each"
    p["windows"] = windows(c, family, layers)
    if p["alibi"] is None and "places" not in names:
        p["ropes"] = ropes(c, family, p)
    return p, names


def windows(c, family, layers):
    """The number of keys that a query sees, for each layer; None for all."""
    given = c.get("sliding_window", 4096 if family in ("mistral", "gemma2", "gemma3_text") else None)
    kinds = c.get("layer_types")
    if family == "qwen2" or family == "qwen3":
        slides = [c.get("use_sliding_window", False) and i >= c.get("max_window_layers", 28) for i in range(layers)]
        if not c.get("use_sliding_window", False):
            return [None] * layers
    elif family == "gemma2":
        slides = [i % 2 == 0 for i in range(layers)]
    elif family == "gemma3_text":
        pattern = c.get("sliding_window_pattern", c.get("_sliding_window_pattern", 6))
        slides = [(i + 1) % pattern != 0 for i in range(layers)]
    elif family in ("mistral", "phi3", "starcoder2"):
        slides = [True] * layers
    else:
        return [None] * layers
    if kinds and family in ("qwen2", "qwen3", "gemma2", "gemma3_text"):
        slides = [kind == "sliding_attention" for kind in kinds]
    return [given if slide else None for slide in slides]


def ropes(c, family, p):
    """The rotation of each layer."""
    d = p["d"]
    inside = c.get("rope_scaling") or c.get("rope_parameters") or {}
    share = {"phi": 0.5, "gpt_neox": 0.25}.get(family, 1.0)
    share = c.get("partial_rotary_factor", c.get("rotary_pct", share))
    theta = c.get("rope_theta", c.get("rotary_emb_base", 10000.0))
    if family == "gptj":
        turning = c.get("rotary_dim", 64)
        # Without rotary_dim Hugging Face's columns are counted over the whole stream.
        one = rotation(c, {}, d, 1.0, 10000.0) | dict(width=turning, over=turning, style="interleaved")
        return [one] * p["layers"]
    if family != "gemma3_text":
        return [rotation(c, inside, d, share, theta)] * p["layers"]
    new = c.get("rope_parameters") or {}
    full = new.get("full_attention", c.get("rope_scaling") or {})
    local = new.get("sliding_attention", {})
    full = rotation(c, full, d, 1.0, c.get("rope_theta", 1e6))
    local = rotation(c, local, d, 1.0, c.get("rope_local_base_freq", 1e4))
    return [full if window is None else local for window in p["windows"]]
