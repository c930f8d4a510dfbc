"""Decoders with experts: Mixtral, Qwen3-MoE, gpt-oss, DeepSeek-V2 and V3 with their latent attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .decoders import GATED, LLAMA_OUTSIDE, NORMS
from .tables import ROTATED, STREAM, Experts, Family, Tap, family, projected, reads


def _routed(router: str, blocks: Sequence[int]) -> dict[str, Any]:
    """What a router hands out in the blocks that have one."""
    handed = ("router_logits", "router_weights", "expert_ids")
    return {name: Tap(router, index=index, only=tuple(blocks)) for index, name in enumerate(handed)}


def _dense(blocks: Sequence[int]) -> dict[str, Any]:
    """A gated feed-forward half in some blocks; what both kinds of block make is called the same."""
    taps = {name: Tap(found) if isinstance(found, str) else found for name, found in GATED.items()}
    dense = {name: Tap(tap.module, tap.at, only=tuple(blocks)) for name, tap in taps.items() if name != "mlp_out"}
    return {**dense, "mlp_out": "mlp"}


def _family(config: Any, block: dict[str, Any], sparse: Sequence[int], layout: str = "n(2F)", **more: Any) -> Family:
    experts = Experts("model.layers.{i}.mlp.experts", tuple(sparse), layout)
    attends = {"reads": ROTATED, "experts": experts, **more}
    return family(
        "model.layers", "self_attn", {**LLAMA_OUTSIDE, "final/logits": ""}, {**STREAM, **NORMS, **block}, **attends
    )


def _mixtral(config: Any) -> Family:
    every = range(config.num_hidden_layers)
    block = {**projected("self_attn", "o_proj"), **_routed("mlp.gate", every), **_dense(())}
    return _family(config, block, every)


def _qwen3_moe(config: Any) -> Family:
    every, step = range(config.num_hidden_layers), getattr(config, "decoder_sparse_step", None) or 1
    listed = getattr(config, "mlp_only_layers", None) or []
    sparse = [i for i in every if i not in listed and (i + 1) % step == 0]
    block = {
        **projected("self_attn", "o_proj"), "q_norm": Tap("self_attn.q_norm", layout="BTHd"),
        "k_norm": Tap("self_attn.k_norm", layout="BTKd"), **_routed("mlp.gate", sparse),
        **_dense([i for i in every if i not in sparse]),
    }  # fmt: skip
    return _family(config, block, sparse)


def _gpt_oss(config: Any) -> Family:
    every = range(config.num_hidden_layers)
    block = {**projected("self_attn", "o_proj"), **_routed("mlp.router", every), **_dense(())}
    return _family(config, block, every, "n(F2)")


def _deepseek(config: Any) -> Family:
    every, rank, plain = range(config.num_hidden_layers), config.kv_lora_rank, config.qk_nope_head_dim
    sparse = [i for i in every if i >= (getattr(config, "first_k_dense_replace", None) or 0)]
    short, long, out = "self_attn.kv_a_proj_with_mqa", "self_attn.kv_b_proj", "self_attn.o_proj"
    block: dict[str, Any] = {
        "kv_latent": Tap(short, columns=(0, rank)), "kv_latent_norm": "self_attn.kv_a_layernorm",
        "k_shared": Tap(short, layout="nTd", columns=(rank, None)),
        "k": Tap(long, layout="BT(Kd)", columns=(0, plain)), "v": Tap(long, layout="BT(Kd)", columns=(plain, None)),
        "attn_context": reads(out), "attn_out": out,
        **_routed("mlp.gate", sparse), "experts_out": Tap("mlp.experts", only=tuple(sparse)),
        **_dense([i for i in every if i not in sparse]),
    }  # fmt: skip
    if getattr(config, "q_lora_rank", None) is None:
        block["q"] = "self_attn.q_proj"
    else:
        block |= {
            "q_latent": "self_attn.q_a_proj", "q_latent_norm": "self_attn.q_a_layernorm", "q": "self_attn.q_b_proj",
        }  # fmt: skip
    shared = {name: Tap(found) if isinstance(found, str) else found for name, found in GATED.items()}
    for name, tap in shared.items():
        module = tap.module.replace("mlp.", "mlp.shared_experts.")
        block[f"shared/{name}"] = Tap(module, tap.at, only=tuple(sparse))
    return _family(config, block, sparse, shared=config.qk_rope_head_dim)


EXPERTS = {
    "mixtral": _mixtral, "qwen3_moe": _qwen3_moe, "gpt_oss": _gpt_oss, "deepseek_v2": _deepseek,
    "deepseek_v3": _deepseek,
}  # fmt: skip
