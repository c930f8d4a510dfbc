"""The activations of TransformerLens under the names of the format.

    logits, cache = model.run_with_cache(tokens)        # a HookedTransformer, one row
    tensors, layouts = touchstone_capture.transformer_lens.tensors(model, cache, logits)
    touchstone_capture.write(golden, tensors, "capture.h5", layouts=layouts)

Load it by `HookedTransformer.from_pretrained_no_processing`: otherwise TransformerLens changes the weights, and is
judged as another model. It normalises without weight and bias first and hands that out; what its LayerNorm goes on to
return is computed from it here, as it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: TransformerLens' names by the format's; `{i}` is the layer. Behind the name, the layout.
HOOKS = {
    "embed/token": ("hook_embed", "BTD"),
    "embed/position": ("hook_pos_embed", "BTD"),
    "layers/{i}/resid_in": ("blocks.{i}.hook_resid_pre", "BTD"),
    "layers/{i}/ln_1": ("blocks.{i}.ln1.hook_normalized", "BTD"),
    "layers/{i}/q": ("blocks.{i}.attn.hook_q", "BTHd"),
    "layers/{i}/k": ("blocks.{i}.attn.hook_k", "BTHd"),
    "layers/{i}/v": ("blocks.{i}.attn.hook_v", "BTHd"),
    "layers/{i}/attn_scores": ("blocks.{i}.attn.hook_attn_scores", "BHTS"),
    "layers/{i}/attn_probs": ("blocks.{i}.attn.hook_pattern", "BHTS"),
    "layers/{i}/attn_context": ("blocks.{i}.attn.hook_z", "BTHd"),
    "layers/{i}/attn_out": ("blocks.{i}.hook_attn_out", "BTD"),
    "layers/{i}/resid_mid": ("blocks.{i}.hook_resid_mid", "BTD"),
    "layers/{i}/ln_2": ("blocks.{i}.ln2.hook_normalized", "BTD"),
    "layers/{i}/mlp_pre": ("blocks.{i}.mlp.hook_pre", "BTF"),
    "layers/{i}/mlp_act": ("blocks.{i}.mlp.hook_post", "BTF"),
    "layers/{i}/mlp_out": ("blocks.{i}.hook_mlp_out", "BTD"),
    "layers/{i}/resid_out": ("blocks.{i}.hook_resid_post", "BTD"),
    "final/ln_f": ("ln_final.hook_normalized", "BTD"),
}


def tensors(model: Any, cache: Mapping[str, Any], logits: Any = None) -> tuple[dict[str, Any], dict[str, str]]:
    """What `write` takes: tensors by the format's names, and their layouts."""
    found, layouts = {}, {}
    for name, (hook, layout) in HOOKS.items():
        for i in range(model.cfg.n_layers) if "{i}" in name else (0,):
            path, place = name.format(i=f"{i:03}"), hook.format(i=i)
            if place not in cache:
                continue
            found[path], layouts[path] = cache[place], layout
            if place.endswith("hook_normalized"):
                norm = _module(model, place.rpartition(".")[0])
                found[path] = cache[place] * norm.w + norm.b
    if "layers/000/resid_in" in found:
        found["embed/sum"], layouts["embed/sum"] = found["layers/000/resid_in"], "BTD"
    if logits is not None:
        found["final/logits"], layouts["final/logits"] = logits, "BTV"
    return found, layouts


def _module(model: Any, path: str) -> Any:
    for part in path.split("."):
        model = model[int(part)] if part.isdigit() else getattr(model, part)
    return model
