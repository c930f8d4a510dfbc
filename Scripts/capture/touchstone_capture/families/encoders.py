"""Encoders of text: BERT and what is of its form, ModernBERT."""

from __future__ import annotations

from typing import Any

from .tables import ROTATED, STREAM, Family, Tap, architecture, family, fused, plain, reads

_HEADS = ("ForMaskedLM", "ForPreTraining")


def _post_norms(attention: str, block: str) -> dict[str, Any]:
    """Norms behind the sums."""
    return {
        "resid_mid": reads(attention), "ln_1": attention, "resid_mlp": reads(block), "ln_2": block,
    }  # fmt: skip


def _head(dense: str, norm: str, logits: str) -> dict[str, Any]:
    """What logits of masked tokens are read from."""
    return {"final/head_dense": dense, "final/head_act": reads(norm), "final/head_ln": norm, "final/logits": logits}


def pooler(root: str) -> dict[str, Any]:
    """The first row, projected."""
    return {
        "final/pool_row": reads(f"{root}pooler.dense", "nD"), "final/pool_pre": Tap(f"{root}pooler.dense", layout="nD"),
        "final/pooled": Tap(f"{root}pooler", layout="nD"),
    }  # fmt: skip


def _bert_form(root: str, loader: str, outside: dict[str, Any]) -> Family:
    embeddings = f"{root}embeddings"
    block = {
        **STREAM, "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
        "attn_context": reads("attention.output.dense"), "attn_out": "attention.output.dense",
        **_post_norms("attention.output.LayerNorm", "output.LayerNorm"), **plain("intermediate.dense", "output.dense"),
    }  # fmt: skip
    before = {
        "embed/token": f"{embeddings}.word_embeddings", "embed/token_type": f"{embeddings}.token_type_embeddings",
        "embed/position": f"{embeddings}.position_embeddings", "embed/sum": reads(f"{embeddings}.LayerNorm"),
        "embed/ln": f"{embeddings}.LayerNorm",
    }  # fmt: skip
    return family(f"{root}encoder.layer", "attention.self", {**before, **outside}, block, loader=loader)


def _bert(config: Any) -> Family:
    root, loader = "(bert.|)", architecture(config, "BertForMaskedLM")
    outside: dict[str, Any] = {}
    if not loader.endswith("ForMaskedLM"):
        outside |= pooler(root)
    if loader.endswith(("ForPreTraining", "ForNextSentencePrediction")):
        outside["final/nsp_logits"] = Tap("cls.seq_relationship", layout="nr")
    if loader.endswith(_HEADS):
        transform = "cls.predictions.transform"
        outside |= _head(f"{transform}.dense", f"{transform}.LayerNorm", "cls.predictions.decoder")
    return _bert_form(root, loader, outside)


def _roberta(config: Any) -> Family:
    root, loader = "(roberta.|)", architecture(config, "RobertaForMaskedLM")
    has_head = loader.endswith(_HEADS)
    outside = _head("lm_head.dense", "lm_head.layer_norm", "lm_head") if has_head else pooler(root)
    return _bert_form(root, loader, outside)


def _distilbert(config: Any) -> Family:
    root, loader = "(distilbert.|)", architecture(config, "DistilBertForMaskedLM")
    embeddings, out = f"{root}embeddings", "attention.out_lin"
    outside: dict[str, Any] = {
        "embed/token": f"{embeddings}.word_embeddings", "embed/position": f"{embeddings}.position_embeddings",
        "embed/sum": reads(f"{embeddings}.LayerNorm"), "embed/ln": f"{embeddings}.LayerNorm",
    }  # fmt: skip
    if loader.endswith(_HEADS):
        outside |= _head("vocab_transform", "vocab_layer_norm", "vocab_projector")
    block = {
        **STREAM, **{part: f"attention.{part}_lin" for part in "qkv"}, "attn_context": reads(out), "attn_out": out,
        **_post_norms("sa_layer_norm", "output_layer_norm"), **plain("ffn.lin1", "ffn.lin2"),
    }  # fmt: skip
    return family(f"{root}transformer.layer", "attention", outside, block, loader=loader)


def _modernbert(config: Any) -> Family:
    root, loader = "(model.|)", architecture(config, "ModernBertForMaskedLM")
    outside: dict[str, Any] = {
        "embed/token": f"{root}embeddings.tok_embeddings", "embed/ln": f"{root}embeddings.norm",
        "final/ln_f": f"{root}final_norm",
    }  # fmt: skip
    if loader.endswith(_HEADS):
        outside |= _head("head.dense", "head.norm", "decoder")
    normed = tuple(range(1, config.num_hidden_layers))  # the first block reads what is normalised already
    block = {
        **STREAM, "ln_1": Tap("attn_norm", only=normed), **fused("attn.Wqkv", "BT(3Hd)", "attn.Wo"),
        "resid_mid": reads("mlp_norm"), "ln_2": "mlp_norm", "gate_up": "mlp.Wi", "mlp_act": "mlp.act",
        "mlp_gated": reads("mlp.Wo"), "mlp_out": "mlp.Wo",
    }  # fmt: skip
    return family(f"{root}layers", "attn", outside, block, reads=ROTATED, loader=loader)


ENCODERS = {"bert": _bert, "roberta": _roberta, "distilbert": _distilbert, "modernbert": _modernbert}
