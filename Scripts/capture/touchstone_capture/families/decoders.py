"""Decoders without experts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .tables import ROTATED, STREAM, Family, Tap, family, fused, plain, projected, reads


def _family(blocks: str, attention: str, outside: Mapping[str, Any], block: Mapping[str, Any], **more: Any) -> Family:
    """Logits are what the whole model hands out."""
    return family(blocks, attention, {**outside, "final/logits": ""}, block, **more)


GATED = {
    "mlp_gate": "mlp.gate_proj", "mlp_up": "mlp.up_proj", "mlp_act": "mlp.act_fn", "mlp_gated": reads("mlp.down_proj"),
    "mlp_out": "mlp.down_proj",
}  # fmt: skip
NORMS = {
    "ln_1": "input_layernorm", "resid_mid": reads("post_attention_layernorm"), "ln_2": "post_attention_layernorm",
}  # fmt: skip
_POST_NORMS = {"attn_post_norm": "post_attention_layernorm", "mlp_post_norm": "post_feedforward_layernorm"}
LLAMA_OUTSIDE = {"embed/token": "model.embed_tokens", "final/ln_f": "model.norm"}
_LLAMA_BLOCK = {**STREAM, **NORMS, **projected("self_attn", "o_proj"), **GATED}


def _llama(config: Any, outside: Mapping[str, Any] = LLAMA_OUTSIDE, **block: Any) -> Family:
    return _family("model.layers", "self_attn", outside, {**_LLAMA_BLOCK, **block}, reads=ROTATED)


def _qwen3(config: Any) -> Family:
    norms = {"q_norm": Tap("self_attn.q_norm", layout="BTHd"), "k_norm": Tap("self_attn.k_norm", layout="BTKd")}
    return _llama(config, **norms)


#: The rows of the table are multiplied, in the embedding's module or behind it.
_GEMMA_OUTSIDE = {
    "embed/token": Tap("model.embed_tokens", "rows"), "embed/scaled": reads("model.layers.0"),
    "final/ln_f": "model.norm",
}  # fmt: skip
_GEMMA2_BLOCK = {**_POST_NORMS, "resid_mid": reads("pre_feedforward_layernorm"), "ln_2": "pre_feedforward_layernorm"}


def _gemma(config: Any) -> Family:
    return _llama(config, _GEMMA_OUTSIDE)


def _gemma2(config: Any, **block: Any) -> Family:
    capped = {"final/logits_raw": "lm_head"} if getattr(config, "final_logit_softcapping", None) else {}
    return _llama(config, {**_GEMMA_OUTSIDE, **capped}, **_GEMMA2_BLOCK, **block)


def _gemma3(config: Any) -> Family:
    return _gemma2(config, q_norm="self_attn.q_norm", k_norm="self_attn.k_norm")


def _olmo2(config: Any) -> Family:
    block = {
        **STREAM, **projected("self_attn", "o_proj"), **GATED, **_POST_NORMS, "resid_mid": reads("mlp"),
        "q_norm": Tap("self_attn.q_norm", layout="BT(Hd)"), "k_norm": Tap("self_attn.k_norm", layout="BT(Kd)"),
    }  # fmt: skip
    return _family("model.layers", "self_attn", LLAMA_OUTSIDE, block, reads=ROTATED)


def _phi3(config: Any) -> Family:
    block = {
        **STREAM, **NORMS, **fused("self_attn.qkv_proj", "BT(Nd)", "self_attn.o_proj"),
        "gate_up": "mlp.gate_up_proj", "mlp_act": "mlp.activation_fn", "mlp_gated": reads("mlp.down_proj"),
        "mlp_out": "mlp.down_proj",
    }  # fmt: skip
    return _family("model.layers", "self_attn", LLAMA_OUTSIDE, block, reads=ROTATED)


def _phi(config: Any) -> Family:
    block = {**STREAM, "ln_1": "input_layernorm", **projected("self_attn", "dense"), **plain("mlp.fc1", "mlp.fc2")}
    if getattr(config, "qk_layernorm", False):
        block |= {"q_norm": "self_attn.q_layernorm", "k_norm": "self_attn.k_layernorm"}
    outside = {"embed/token": "model.embed_tokens", "final/ln_f": "model.final_layernorm"}
    return _family("model.layers", "self_attn", outside, block, reads=ROTATED)


def _starcoder2(config: Any) -> Family:
    block = {**STREAM, **NORMS, **projected("self_attn", "o_proj"), **plain("mlp.c_fc", "mlp.c_proj")}
    return _family("model.layers", "self_attn", LLAMA_OUTSIDE, block, reads=ROTATED)


def _gpt_neox(config: Any) -> Family:
    block = {
        **STREAM, **NORMS, **fused("attention.query_key_value", "BT(H3d)", "attention.dense"),
        **plain("mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),
    }  # fmt: skip
    if config.use_parallel_residual:
        del block["resid_mid"]
    outside = {"embed/token": "gpt_neox.embed_in", "final/ln_f": "gpt_neox.final_layer_norm"}
    return _family("gpt_neox.layers", "attention", outside, block, reads=ROTATED)


_GPT_OUTSIDE = {"embed/token": "transformer.wte", "final/ln_f": "transformer.ln_f"}


def _gpt2(config: Any, **more: Any) -> Family:
    outside = {**_GPT_OUTSIDE, "embed/position": "transformer.wpe", "embed/sum": "transformer.drop"}
    block = {
        **STREAM, "ln_1": "ln_1", **fused("attn.c_attn", "BT(3Hd)", "attn.c_proj"), "resid_mid": reads("ln_2"),
        "ln_2": "ln_2", **plain("mlp.c_fc", "mlp.c_proj"),
    }  # fmt: skip
    return _family("transformer.h", "attn", outside, block, **more)


def _imagegpt(config: Any) -> Family:
    return _gpt2(config, loader="ImageGPTForCausalImageModeling")


def _gptj(config: Any) -> Family:
    block = {**STREAM, "ln_1": "ln_1", **projected("attn", "out_proj"), **plain("mlp.fc_in", "mlp.fc_out")}
    return _family("transformer.h", "attn", _GPT_OUTSIDE, block, reads=ROTATED)


def _mpt(config: Any) -> Family:
    block = {
        **STREAM, "ln_1": "norm_1", "attn_context": reads("attn.out_proj"), "attn_out": "attn.out_proj",
        "resid_mid": reads("norm_2"), "ln_2": "norm_2", **plain("ffn.up_proj", "ffn.down_proj"),
    }  # fmt: skip
    outside = {"embed/token": "transformer.wte", "final/ln_f": "transformer.norm_f"}
    return _family(
        "transformer.blocks", "attn", outside, block, reads=("q", "k", "v"), bias="position_bias", counts_back=True
    )


_BLOOM_OUTSIDE = {"embed/token": "transformer.word_embeddings", "final/ln_f": "transformer.ln_f"}
_BLOOM_MLP = plain("mlp.dense_h_to_4h", "mlp.dense_4h_to_h")


def _bloom(config: Any) -> Family:
    outside = {**_BLOOM_OUTSIDE, "embed/ln": "transformer.word_embeddings_layernorm"}
    qkv = fused("self_attention.query_key_value", "BT(H3d)", "self_attention.dense")
    block = {**STREAM, **NORMS, **qkv, **_BLOOM_MLP}
    return _family("transformer.h", "self_attention", outside, block, bias="alibi")


def _falcon(config: Any) -> Family:
    is_new = config.new_decoder_architecture
    norms: dict[str, Any] = {"ln_1": "input_layernorm"}
    if is_new and getattr(config, "num_ln_in_parallel_attn", None) != 1:
        norms = {"ln_1": "ln_attn", "ln_2": "ln_mlp"}
    elif not is_new and not config.parallel_attn:
        norms = NORMS
    qkv = fused("self_attention.query_key_value", "BT(KGd)", "self_attention.dense")
    return _family(
        "transformer.h", "self_attention", _BLOOM_OUTSIDE, {**STREAM, **norms, **qkv, **_BLOOM_MLP}, reads=ROTATED
    )


def _opt(config: Any) -> Family:
    block = {
        **STREAM, "ln_1": "self_attn_layer_norm", **projected("self_attn", "out_proj"), "ln_2": "final_layer_norm",
        **plain("fc1", "fc2"),
    }  # fmt: skip
    if config.do_layer_norm_before:
        block["resid_mid"] = reads("final_layer_norm")
    else:
        block |= {"resid_mid": reads("self_attn_layer_norm"), "resid_mlp": reads("final_layer_norm")}
    outside: dict[str, Any] = {
        "embed/token": "model.decoder.embed_tokens", "embed/position": "model.decoder.embed_positions",
        "embed/sum": reads("model.decoder.layers.0"),
    }  # fmt: skip
    if config.word_embed_proj_dim != config.hidden_size:
        outside |= {"embed/projected": "model.decoder.project_in", "final/projected": "model.decoder.project_out"}
    if config.do_layer_norm_before and not config._remove_final_layer_norm:
        outside["final/ln_f"] = "model.decoder.final_layer_norm"
    return _family("model.decoder.layers", "self_attn", outside, block)


DECODERS = {
    "gpt2": _gpt2, "llama": _llama, "qwen2": _llama, "qwen3": _qwen3, "mistral": _llama, "gemma": _gemma,
    "gemma2": _gemma2, "gemma3_text": _gemma3, "olmo2": _olmo2, "phi3": _phi3, "phi": _phi, "starcoder2": _starcoder2,
    "gpt_neox": _gpt_neox, "gptj": _gptj, "falcon": _falcon, "bloom": _bloom, "mpt": _mpt, "opt": _opt,
    "imagegpt": _imagegpt,
}  # fmt: skip
