"""Where the activations of a family stand in Hugging Face's modules: one table a family, and nothing else.

A table says for each activation of a block which of its modules makes it, or reads it, by the module's path in the
block. Where a family's options change its blocks the table is made of the model's configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .names import IN_LAYERS, OUTSIDE_LAYERS

#: How modules hand out what the format lays out otherwise.
_LAYOUTS = {"qkv": "BT(3Hd)", "gate_up": "BT(2F)", "q": "BT(Hd)", "k": "BT(Kd)", "v": "BT(Kd)"}


@dataclass(frozen=True)
class Tap:
    """A point in a module tree.

    module: the path of a module; {i} in it is the index of a block.
    at: `output`, `input` (the first one), or `rows`: what an embedding's table holds for its input, where the module
        goes on to change that.
    layout: the axes of what passes there, see `layouts`; where it is left out, the format's own behind a batch axis.
    """

    module: str
    at: str = "output"
    layout: str | None = None

    def laid_out(self, name: str) -> str:
        """The axes of what passes here, where it is the activation `name`."""
        part = name.rpartition("/")[2]
        own = OUTSIDE_LAYERS.get(name) or _LAYOUTS.get(part) or IN_LAYERS[part]
        return self.layout or (own if own.startswith("B") else f"B{own}")


@dataclass(frozen=True)
class Family:
    """Where activations stand.

    taps: by name, `layers/{i}/…` for those of blocks.
    blocks, attention: the paths of a block and of its attention.
    reads: the names of what attention reads as queries and keys (and values), where no module hands them out.
    bias: the argument of a block that holds what is added to the scores, and is `embed/attn_bias`.
    counts_back: whether that bias counts from the last key, which is another one in each step of a run with the cache.
    """

    taps: Mapping[str, Tap] = field(default_factory=dict)
    blocks: str = ""
    attention: str = ""
    reads: tuple[str, ...] = ()
    bias: str | None = None
    counts_back: bool = False
    auto_class: str = "AutoModelForCausalLM"


def _reads(module: str) -> Tap:
    return Tap(module, "input")


def _family(blocks: str, attention: str, outside: Mapping[str, Any], block: Mapping[str, Any], **more: Any) -> Family:
    """A family of paths, those of `block` inside a block; a text is a module's output."""
    taps = {name: Tap(found) if isinstance(found, str) else found for name, found in outside.items()}
    for name, found in block.items():
        tap = Tap(found) if isinstance(found, str) else found
        module = f"{blocks}.{{i}}.{tap.module}".rstrip(".")
        taps[f"layers/{{i}}/{name}"] = Tap(module, tap.at, tap.layout)
    taps["final/logits"] = Tap("")
    return Family(taps, f"{blocks}.{{i}}", f"{blocks}.{{i}}.{attention}", **more)


_STREAM = {"resid_in": _reads(""), "resid_out": ""}
_ROTATED = ("q_rope", "k_rope")


def _projected(attention: str, out: str) -> dict[str, Any]:
    """Queries, keys and values by a module each, and what projects the heads' results."""
    return {
        **{part: f"{attention}.{part}_proj" for part in "qkv"},
        "attn_context": _reads(f"{attention}.{out}"), "attn_out": f"{attention}.{out}",
    }  # fmt: skip


def _fused(module: str, layout: str, out: str) -> dict[str, Any]:
    return {"qkv": Tap(module, layout=layout), "attn_context": _reads(out), "attn_out": out}


def _plain(up: str, down: str) -> dict[str, Any]:
    return {"mlp_pre": up, "mlp_act": _reads(down), "mlp_out": down}


_GATED = {
    "mlp_gate": "mlp.gate_proj", "mlp_up": "mlp.up_proj", "mlp_act": "mlp.act_fn", "mlp_gated": _reads("mlp.down_proj"),
    "mlp_out": "mlp.down_proj",
}  # fmt: skip
_NORMS = {
    "ln_1": "input_layernorm", "resid_mid": _reads("post_attention_layernorm"), "ln_2": "post_attention_layernorm",
}  # fmt: skip
_POST_NORMS = {"attn_post_norm": "post_attention_layernorm", "mlp_post_norm": "post_feedforward_layernorm"}
_LLAMA_OUTSIDE = {"embed/token": "model.embed_tokens", "final/ln_f": "model.norm"}
_LLAMA_BLOCK = {**_STREAM, **_NORMS, **_projected("self_attn", "o_proj"), **_GATED}


def _llama(config: Any, outside: Mapping[str, Any] = _LLAMA_OUTSIDE, **block: Any) -> Family:
    return _family("model.layers", "self_attn", outside, {**_LLAMA_BLOCK, **block}, reads=_ROTATED)


def _qwen3(config: Any) -> Family:
    norms = {"q_norm": Tap("self_attn.q_norm", layout="BTHd"), "k_norm": Tap("self_attn.k_norm", layout="BTKd")}
    return _llama(config, **norms)


#: The rows of the table are multiplied, in the embedding's module or behind it.
_GEMMA_OUTSIDE = {
    "embed/token": Tap("model.embed_tokens", "rows"), "embed/scaled": _reads("model.layers.0"),
    "final/ln_f": "model.norm",
}  # fmt: skip
_GEMMA2_BLOCK = {**_POST_NORMS, "resid_mid": _reads("pre_feedforward_layernorm"), "ln_2": "pre_feedforward_layernorm"}


def _gemma(config: Any) -> Family:
    return _llama(config, _GEMMA_OUTSIDE)


def _gemma2(config: Any, **block: Any) -> Family:
    capped = {"final/logits_raw": "lm_head"} if getattr(config, "final_logit_softcapping", None) else {}
    return _llama(config, {**_GEMMA_OUTSIDE, **capped}, **_GEMMA2_BLOCK, **block)


def _gemma3(config: Any) -> Family:
    return _gemma2(config, q_norm="self_attn.q_norm", k_norm="self_attn.k_norm")


def _olmo2(config: Any) -> Family:
    block = {
        **_STREAM, **_projected("self_attn", "o_proj"), **_GATED, **_POST_NORMS, "resid_mid": _reads("mlp"),
        "q_norm": Tap("self_attn.q_norm", layout="BT(Hd)"), "k_norm": Tap("self_attn.k_norm", layout="BT(Kd)"),
    }  # fmt: skip
    return _family("model.layers", "self_attn", _LLAMA_OUTSIDE, block, reads=_ROTATED)


def _phi3(config: Any) -> Family:
    block = {
        **_STREAM, **_NORMS, **_fused("self_attn.qkv_proj", "BT(Nd)", "self_attn.o_proj"),
        "gate_up": "mlp.gate_up_proj", "mlp_act": "mlp.activation_fn", "mlp_gated": _reads("mlp.down_proj"),
        "mlp_out": "mlp.down_proj",
    }  # fmt: skip
    return _family("model.layers", "self_attn", _LLAMA_OUTSIDE, block, reads=_ROTATED)


def _phi(config: Any) -> Family:
    block = {**_STREAM, "ln_1": "input_layernorm", **_projected("self_attn", "dense"), **_plain("mlp.fc1", "mlp.fc2")}
    if getattr(config, "qk_layernorm", False):
        block |= {"q_norm": "self_attn.q_layernorm", "k_norm": "self_attn.k_layernorm"}
    outside = {"embed/token": "model.embed_tokens", "final/ln_f": "model.final_layernorm"}
    return _family("model.layers", "self_attn", outside, block, reads=_ROTATED)


def _starcoder2(config: Any) -> Family:
    block = {**_STREAM, **_NORMS, **_projected("self_attn", "o_proj"), **_plain("mlp.c_fc", "mlp.c_proj")}
    return _family("model.layers", "self_attn", _LLAMA_OUTSIDE, block, reads=_ROTATED)


def _gpt_neox(config: Any) -> Family:
    block = {
        **_STREAM, **_NORMS, **_fused("attention.query_key_value", "BT(H3d)", "attention.dense"),
        **_plain("mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),
    }  # fmt: skip
    if config.use_parallel_residual:
        del block["resid_mid"]
    outside = {"embed/token": "gpt_neox.embed_in", "final/ln_f": "gpt_neox.final_layer_norm"}
    return _family("gpt_neox.layers", "attention", outside, block, reads=_ROTATED)


_GPT_OUTSIDE = {"embed/token": "transformer.wte", "final/ln_f": "transformer.ln_f"}


def _gpt2(config: Any, **more: Any) -> Family:
    outside = {**_GPT_OUTSIDE, "embed/position": "transformer.wpe", "embed/sum": "transformer.drop"}
    block = {
        **_STREAM, "ln_1": "ln_1", **_fused("attn.c_attn", "BT(3Hd)", "attn.c_proj"), "resid_mid": _reads("ln_2"),
        "ln_2": "ln_2", **_plain("mlp.c_fc", "mlp.c_proj"),
    }  # fmt: skip
    return _family("transformer.h", "attn", outside, block, **more)


def _imagegpt(config: Any) -> Family:
    return _gpt2(config, auto_class="ImageGPTForCausalImageModeling")


def _gptj(config: Any) -> Family:
    block = {**_STREAM, "ln_1": "ln_1", **_projected("attn", "out_proj"), **_plain("mlp.fc_in", "mlp.fc_out")}
    return _family("transformer.h", "attn", _GPT_OUTSIDE, block, reads=_ROTATED)


def _mpt(config: Any) -> Family:
    block = {
        **_STREAM, "ln_1": "norm_1", "attn_context": _reads("attn.out_proj"), "attn_out": "attn.out_proj",
        "resid_mid": _reads("norm_2"), "ln_2": "norm_2", **_plain("ffn.up_proj", "ffn.down_proj"),
    }  # fmt: skip
    outside = {"embed/token": "transformer.wte", "final/ln_f": "transformer.norm_f"}
    return _family(
        "transformer.blocks", "attn", outside, block, reads=("q", "k", "v"), bias="position_bias", counts_back=True
    )


_BLOOM_OUTSIDE = {"embed/token": "transformer.word_embeddings", "final/ln_f": "transformer.ln_f"}
_BLOOM_MLP = _plain("mlp.dense_h_to_4h", "mlp.dense_4h_to_h")


def _bloom(config: Any) -> Family:
    outside = {**_BLOOM_OUTSIDE, "embed/ln": "transformer.word_embeddings_layernorm"}
    fused = _fused("self_attention.query_key_value", "BT(H3d)", "self_attention.dense")
    block = {**_STREAM, **_NORMS, **fused, **_BLOOM_MLP}
    return _family("transformer.h", "self_attention", outside, block, bias="alibi")


def _falcon(config: Any) -> Family:
    is_new = config.new_decoder_architecture
    norms: dict[str, Any] = {"ln_1": "input_layernorm"}
    if is_new and getattr(config, "num_ln_in_parallel_attn", None) != 1:
        norms = {"ln_1": "ln_attn", "ln_2": "ln_mlp"}
    elif not is_new and not config.parallel_attn:
        norms = _NORMS
    fused = _fused("self_attention.query_key_value", "BT(KGd)", "self_attention.dense")
    return _family(
        "transformer.h", "self_attention", _BLOOM_OUTSIDE, {**_STREAM, **norms, **fused, **_BLOOM_MLP}, reads=_ROTATED
    )


def _opt(config: Any) -> Family:
    block = {
        **_STREAM, "ln_1": "self_attn_layer_norm", **_projected("self_attn", "out_proj"), "ln_2": "final_layer_norm",
        **_plain("fc1", "fc2"),
    }  # fmt: skip
    if config.do_layer_norm_before:
        block["resid_mid"] = _reads("final_layer_norm")
    else:
        block |= {"resid_mid": _reads("self_attn_layer_norm"), "resid_mlp": _reads("final_layer_norm")}
    outside: dict[str, Any] = {
        "embed/token": "model.decoder.embed_tokens", "embed/position": "model.decoder.embed_positions",
        "embed/sum": _reads("model.decoder.layers.0"),
    }  # fmt: skip
    if config.word_embed_proj_dim != config.hidden_size:
        outside |= {"embed/projected": "model.decoder.project_in", "final/projected": "model.decoder.project_out"}
    if config.do_layer_norm_before and not config._remove_final_layer_norm:
        outside["final/ln_f"] = "model.decoder.final_layer_norm"
    return _family("model.decoder.layers", "self_attn", outside, block)


#: By Hugging Face's `model_type`: the table of a model with a configuration.
FAMILIES: Mapping[str, Callable[[Any], Family]] = {
    "gpt2": _gpt2, "llama": _llama, "qwen2": _llama, "qwen3": _qwen3, "mistral": _llama, "gemma": _gemma,
    "gemma2": _gemma2, "gemma3_text": _gemma3, "olmo2": _olmo2, "phi3": _phi3, "phi": _phi, "starcoder2": _starcoder2,
    "gpt_neox": _gpt_neox, "gptj": _gptj, "falcon": _falcon, "bloom": _bloom, "mpt": _mpt, "opt": _opt,
    "imagegpt": _imagegpt,
}  # fmt: skip
