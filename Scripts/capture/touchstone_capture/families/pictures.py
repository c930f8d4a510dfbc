"""Encoders of pictures, and CLIP's of texts: ViT, CLIP."""

from __future__ import annotations

from typing import Any

from .encoders import pooler
from .tables import STREAM, Family, Tap, architecture, family, plain, projected, reads


def _vit(config: Any) -> Family:
    root, loader = "(vit.|)", architecture(config, "ViTForImageClassification")
    blocks, patches = f"{root}(layers|encoder.layer)", f"{root}embeddings.patch_embeddings"
    out = "attention.(o_proj|output.dense)"
    parts = {"q": "query", "k": "key", "v": "value"}
    block = {
        **STREAM, "ln_1": "layernorm_before",
        **{part: f"attention.({part}_proj|attention.{word})" for part, word in parts.items()},
        "attn_context": reads(out), "attn_out": out, "resid_mid": reads("layernorm_after"), "ln_2": "layernorm_after",
        **plain("(mlp.fc1|intermediate.dense)", "(mlp.fc2|output.dense)"),
    }  # fmt: skip
    outside: dict[str, Any] = {
        "embed/patches": Tap(patches, layout="BnD"), "embed/token": Tap(patches, "cat"),
        "embed/position": Tap(f"{root}embeddings.position_embeddings", "parameter"),
        "embed/sum": reads(f"{blocks}.0"), "final/ln_f": f"{root}layernorm",
    }  # fmt: skip
    if loader.endswith("ForImageClassification"):
        outside |= {"final/pool_row": reads("classifier", "nD"), "final/logits": Tap("classifier", layout="TV")}
    else:
        outside |= pooler(root)
    return family(blocks, "attention", outside, block, loader=loader)


def _clip(root: str, outside: dict[str, Any], loader: str) -> Family:
    block = {
        **STREAM, "ln_1": "layer_norm1", **projected("self_attn", "out_proj"), "resid_mid": reads("layer_norm2"),
        "ln_2": "layer_norm2", **plain("mlp.fc1", "mlp.fc2"),
    }  # fmt: skip
    return family(f"{root}encoder.layers", "self_attn", outside, block, loader=loader)


def _clip_text(config: Any) -> Family:
    root, loader = "(text_model.|)", architecture(config, "CLIPTextModelWithProjection")
    norm = f"{root}final_layer_norm"
    outside: dict[str, Any] = {
        "embed/token": f"{root}embeddings.token_embedding", "embed/position": f"{root}embeddings.position_embedding",
        "embed/sum": reads(f"{root}encoder.layers.0"), "final/ln_f": norm,
        "final/pool_row": Tap(norm, "__getitem__", "nD"),
    }  # fmt: skip
    if loader.endswith("WithProjection"):
        outside["final/projected"] = Tap("text_projection", layout="TE")
    return _clip(root, outside, loader)


def _clip_vision(config: Any) -> Family:
    root, loader = "(vision_model.|)", architecture(config, "CLIPVisionModelWithProjection")
    patches, norm = f"{root}embeddings.patch_embedding", f"{root}post_layernorm"
    outside: dict[str, Any] = {
        "embed/patches": Tap(patches, "flatten", "BDn"), "embed/token": Tap(patches, "cat"),
        "embed/position": f"{root}embeddings.position_embedding", "embed/sum": reads(f"{root}pre_layrnorm"),
        "embed/ln": f"{root}pre_layrnorm", "final/pool_row": reads(norm, "nD"), "final/ln_f": Tap(norm, layout="TD"),
    }  # fmt: skip
    if loader.endswith("WithProjection"):
        outside["final/projected"] = Tap("visual_projection", layout="TE")
    return _clip(root, outside, loader)


PICTURES = {"vit": _vit, "clip_text_model": _clip_text, "clip_vision_model": _clip_vision}
