"""What a `config.json` of a decoder with experts says: its plan, and what experts, sinks and latent attention add to it."""

import math

import plan

FAMILIES = {"mixtral", "qwen3_moe", "gpt_oss", "deepseek_v2", "deepseek_v3"}
QWEN = dict(router="mlp.gate", expert="mlp.experts.{}.", expert_gate="gate_proj", expert_up="up_proj", expert_down="down_proj")
NAMES = {
    "mixtral": dict(
        router="block_sparse_moe.gate", expert="block_sparse_moe.experts.{}.", expert_gate="w1", expert_up="w3",
        expert_down="w2"),
    "qwen3_moe": QWEN,
    "gpt_oss": dict(router="mlp.router", expert_gate_up="mlp.experts.gate_up_proj", expert_down="mlp.experts.down_proj"),
    "deepseek_v2": QWEN | dict(
        shared="mlp.shared_experts.", q_a="self_attn.q_a_proj", q_a_norm="self_attn.q_a_layernorm", q_b="self_attn.q_b_proj",
        kv_a="self_attn.kv_a_proj_with_mqa", kv_a_norm="self_attn.kv_a_layernorm", kv_b="self_attn.kv_b_proj"),
}  # fmt: skip
NAMES["deepseek_v3"] = NAMES["deepseek_v2"]
OSS_ROPE = dict(
    rope_type="yarn", factor=32.0, beta_fast=32.0, beta_slow=1.0, truncate=False, original_max_position_embeddings=4096)


def read(c):
    """The plan of a configuration, and the names of its tensors."""
    family = c["model_type"]
    p, names = plan.read(c)
    names |= NAMES[family]
    layers, heads = p["layers"], p["heads"]
    p["epsilon"] = c.get("rms_norm_eps") or (1e-5 if family in ("mixtral", "gpt_oss") else 1e-6)
    p["kv"] = c.get("num_key_value_heads") or dict(mixtral=8, qwen3_moe=4, gpt_oss=8).get(family, heads)
    p["d"] = c.get("head_dim") or (64 if family == "gpt_oss" else p["width"] // heads)
    p |= dict(
        scale=p["d"] ** -0.5, latent=None, sinks=family == "gpt_oss", limit=None, shared_experts=False, early_shared=False,
        sparse=sparse(c, family, layers), route=route(c, family, p), head_norm="each" if family == "qwen3_moe" else None)
    if family == "gpt_oss":
        limit = c.get("swiglu_limit") or 7.0
        clips = dict(clips_gate=(-math.inf, limit), clips_up=(-limit, limit))
        p |= dict(limit=limit, alpha=c.get("swiglu_alpha") or 1.702, plus_up=1.0) | clips
    p["windows"] = windows(c, family, layers)
    if family.startswith("deepseek"):
        latent(p, c, family)
    else:
        inside = c.get("rope_scaling") or c.get("rope_parameters") or (OSS_ROPE if family == "gpt_oss" else {})
        theta = c.get("rope_theta") or dict(mixtral=1e6, gpt_oss=150000.0).get(family, 10000.0)
        p["ropes"] = [stretched(c, inside, p["d"], theta, family != "gpt_oss")] * layers
    return p, names


def stretched(c, inside, width, theta, truncate):
    """A rotation whose magnitude may be the quotient of two."""
    rope = plan.rotation(c, inside, width, 1.0, theta)
    rope["truncate"] = inside.get("truncate", truncate)
    of, by = inside.get("mscale"), inside.get("mscale_all_dim")
    if rope["kind"] == "yarn" and inside.get("attention_factor") is None and of and by:
        rope["m"] = magnitude(inside["factor"], of) / magnitude(inside["factor"], by)
    return rope


def magnitude(factor, by):
    return 1.0 if factor <= 1 else 0.1 * by * math.log(factor) + 1


def sparse(c, family, layers):
    """Which blocks have experts."""
    if family == "qwen3_moe":
        step, dense = c.get("decoder_sparse_step") or 1, c.get("mlp_only_layers") or []
        return [i not in dense and (i + 1) % step == 0 for i in range(layers)]
    first = c.get("first_k_dense_replace", 3 if family == "deepseek_v3" else 0) if family.startswith("deepseek") else 0
    return [i >= first for i in range(layers)]


def route(c, family, p):
    """How tokens are sent to experts."""
    E = c.get("n_routed_experts") or c.get("num_local_experts") or c.get("num_experts")
    r = dict(
        E=E, K=c.get("num_experts_per_tok"), function="softmax", normalise=family == "mixtral", epsilon=0.0, factor=1.0,
        groups=None, correction=None)
    if family == "qwen3_moe":
        r["normalise"] = c.get("norm_topk_prob") or False
    if family == "gpt_oss":
        r["function"] = "logits"
    if family == "deepseek_v2":
        grouped = c.get("topk_method") == "group_limited_greedy"
        r |= dict(factor=c.get("routed_scaling_factor") or 1.0, best=1)
        r |= dict(groups=c["n_group"] if grouped else None, kept=c.get("topk_group"))
    if family == "deepseek_v3":
        normalise = c.get("norm_topk_prob")
        r |= dict(
            function="sigmoid", normalise=True if normalise is None else normalise, epsilon=1e-20, groups=c.get("n_group") or 8,
            factor=c.get("routed_scaling_factor") or 2.5, kept=c.get("topk_group") or 4, best=2,
            correction="mlp.gate.e_score_correction_bias")
    return r


def windows(c, family, layers):
    given = c.get("sliding_window", 128 if family == "gpt_oss" else None)
    if family == "mixtral":
        return [given] * layers
    if family == "qwen3_moe":
        return [c.get("sliding_window", 4096) if c.get("use_sliding_window") else None] * layers
    if family == "gpt_oss":
        kinds = c.get("layer_types") or ["sliding_attention" if i % 2 == 0 else "full_attention" for i in range(layers)]
        return [given if kind == "sliding_attention" else None for kind in kinds]
    return [None] * layers


def latent(p, c, family):
    """Latent attention: ranks, widths, the rotation of the last columns, and the scale of the scores."""
    rank = c.get("q_lora_rank", 1536)
    own = dict(queries=rank, rank=c.get("kv_lora_rank") or 512, nope=c.get("qk_nope_head_dim") or 128,
               rope=c.get("qk_rope_head_dim") or 64, v=c.get("v_head_dim") or 128)  # fmt: skip
    inside = c.get("rope_scaling") or c.get("rope_parameters") or {}
    rope = stretched(c, inside, own["rope"], c.get("rope_theta") or 10000.0, True)
    turns = "interleaved" if family == "deepseek_v2" else "to halves" if c.get("rope_interleave", True) else "half"
    by = inside.get("mscale_all_dim") or 0
    on_scores = magnitude(inside["factor"], by) if rope["kind"] != "default" and by else 1.0
    d = own["nope"] + own["rope"]
    p |= dict(
        latent=own, kv=p["heads"], d=d, scale=d**-0.5 * on_scores**2, magnitude=on_scores, latent_epsilon=1e-6, latent_plus=0.0,
        head_norm=None, shared_experts=True, ropes=[rope | dict(style=turns)] * p["layers"])
