"""Encoders with a decoder that attends to them: T5, BART, Marian, Whisper."""

from __future__ import annotations

from typing import Any

from .tables import STREAM, Attention, Family, Tap, in_blocks, plain, projected, reads

_STACKS = ("encoder", "decoder")


def _crossed(attention: str, out: str, projections: str) -> dict[str, Any]:
    """Attention to the source; `projections` is a module's name with {part} in it."""
    return {
        **{f"cross_{part}": f"{attention}.{projections.format(part=part)}" for part in "qkv"},
        "cross_context": reads(f"{attention}.{out}"), "cross_out": f"{attention}.{out}",
    }  # fmt: skip


def _both(
    outside: dict[str, Any], blocks: str, block: dict[str, dict[str, Any]], own: str, cross: str, loader: str
) -> Family:
    """Two stacks; `own` and `cross` are the paths of what attends in a block of each, and in the decoder's."""
    taps = {name: Tap(found) if isinstance(found, str) else found for name, found in outside.items()}
    attentions = []
    for stack in _STACKS:
        path = blocks.format(stack=stack)
        taps |= in_blocks(path, block[stack], f"{stack}/")
        attentions.append(Attention(f"{path}.{{i}}.{own}", f"{stack}/layers/{{i}}/attn"))
    attentions.append(Attention(f"{blocks.format(stack='decoder')}.{{i}}.{cross}", "decoder/layers/{i}/cross"))
    return Family(taps, attentions=tuple(attentions), loader=loader)


def _t5(config: Any) -> Family:
    attention = "layer.0.SelfAttention"
    block, outside = {}, {}
    for stack in _STACKS:
        last = "layer.1" if stack == "encoder" else "layer.2"
        inner, down = f"{last}.DenseReluDense", f"{last}.DenseReluDense.wo"
        feed = plain(f"{inner}.wi", down)
        if config.feed_forward_proj.startswith("gated"):
            feed = {
                "mlp_gate": f"{inner}.wi_0", "mlp_up": f"{inner}.wi_1", "mlp_act": f"{inner}.act",
                "mlp_gated": reads(down), "mlp_out": down,
            }  # fmt: skip
        block[stack] = {
            **STREAM, "ln_1": "layer.0.layer_norm", **{part: f"{attention}.{part}" for part in "qkv"},
            "attn_context": reads(f"{attention}.o"), "attn_out": f"{attention}.o",
            "resid_mid": reads("layer.1.layer_norm"), "ln_2": f"{last}.layer_norm", **feed,
        }  # fmt: skip
        bias = f"{stack}.block.0.{attention}.relative_attention_bias"
        outside |= {
            f"{stack}/embed/token": f"{stack}.embed_tokens", f"{stack}/embed/attn_bias": Tap(bias, layout="TSH"),
        }  # fmt: skip
    block["decoder"] |= {
        "ln_cross": "layer.1.layer_norm", **_crossed("layer.1.EncDecAttention", "o", "{part}"),
        "resid_cross": reads("layer.2.layer_norm"),
    }  # fmt: skip
    outside |= {
        "encoder/final/ln_f": "encoder.final_layer_norm", "final/ln_f": "decoder.final_layer_norm",
        "final/logits": "lm_head",
    }  # fmt: skip
    # Version 5 says so of the scale, version 4 of the readout: a tied one is scaled.
    if getattr(config, "scale_decoder_outputs", config.tie_word_embeddings):
        outside["final/scaled"] = reads("lm_head")
    return _both(outside, "{stack}.block", block, attention, "layer.1.EncDecAttention", "T5ForConditionalGeneration")


def _bart_form(outside: dict[str, Any], loader: str, has_norms_behind: bool = True) -> Family:
    first, second, cross = "self_attn_layer_norm", "final_layer_norm", "encoder_attn_layer_norm"
    encoder = {**STREAM, "ln_1": first, "ln_2": second, **projected("self_attn", "out_proj"), **plain("fc1", "fc2")}
    decoder = {**encoder, "ln_cross": cross, **_crossed("encoder_attn", "out_proj", "{part}_proj")}
    if has_norms_behind:
        encoder |= {"resid_mid": reads(first), "resid_mlp": reads(second)}
        decoder |= {"resid_mid": reads(first), "resid_cross": reads(cross), "resid_mlp": reads(second)}
    else:
        encoder |= {"resid_mid": reads(second)}
        decoder |= {"resid_mid": reads(cross), "resid_cross": reads(second)}
    block = {"encoder": encoder, "decoder": decoder}
    return _both(outside, "model.{stack}.layers", block, "self_attn", "encoder_attn", loader)


def _rows(config: Any, stack: str) -> dict[str, Any]:
    """The tables of a stack, whose rows may be multiplied in the embedding's module or behind it."""
    token = f"model.{stack}.embed_tokens"
    found: dict[str, Any] = {
        f"{stack}/embed/token": Tap(token, "rows"), f"{stack}/embed/position": f"model.{stack}.embed_positions",
        f"{stack}/embed/sum": reads(f"model.{stack}.layers.0"),
    }  # fmt: skip
    return found | ({f"{stack}/embed/scaled": Tap(token, "mul")} if config.scale_embedding else {})


def _bart(config: Any) -> Family:
    outside: dict[str, Any] = {"final/logits": ""}
    for stack in _STACKS:
        norm = f"model.{stack}.layernorm_embedding"
        outside |= {**_rows(config, stack), f"{stack}/embed/sum": reads(norm), f"{stack}/embed/ln": norm}
    return _bart_form(outside, "BartForConditionalGeneration")


def _marian(config: Any) -> Family:
    return _bart_form({"final/logits": "", **_rows(config, "encoder"), **_rows(config, "decoder")}, "MarianMTModel")


def _whisper(config: Any) -> Family:
    encoder, decoder = "model.encoder", "model.decoder"
    outside = {
        "encoder/embed/conv_1": Tap(f"{encoder}.conv1", layout="BDn"),
        "encoder/embed/conv_1_act": reads(f"{encoder}.conv2", "BDn"),
        "encoder/embed/conv_2": Tap(f"{encoder}.conv2", layout="BDn"),
        "encoder/embed/conv_2_act": Tap(f"{encoder}.conv2", "gelu", "BDn"),
        "encoder/embed/frames": Tap(f"{encoder}.conv2", "permute"),
        "encoder/embed/position": Tap(f"{encoder}.embed_positions.weight", "parameter"),
        "encoder/embed/sum": reads(f"{encoder}.layers.0"), "encoder/final/ln_f": f"{encoder}.layer_norm",
        "decoder/embed/token": f"{decoder}.embed_tokens", "decoder/embed/position": f"{decoder}.embed_positions",
        "decoder/embed/sum": reads(f"{decoder}.layers.0"), "final/ln_f": f"{decoder}.layer_norm",
        "final/logits": "proj_out",
    }  # fmt: skip
    return _bart_form(outside, "WhisperForConditionalGeneration", has_norms_behind=False)


SEQ2SEQ = {"t5": _t5, "bart": _bart, "marian": _marian, "whisper": _whisper}
