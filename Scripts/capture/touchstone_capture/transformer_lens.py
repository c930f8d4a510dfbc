"""The activations of TransformerLens under the names of the format.

    logits, cache = model.run_with_cache(tokens)        # a HookedTransformer or a TransformerBridge, one row
    tensors, layouts = touchstone_capture.transformer_lens.tensors(cache, logits)
    touchstone_capture.write(golden, tensors, "capture.h5", layouts=layouts)

Load a HookedTransformer by `from_pretrained_no_processing`: otherwise TransformerLens changes the weights, and is
judged as another model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .errors import NotSupported

_BLOCK = re.compile(r"blocks\.\d+\.hook_resid_pre")

#: TransformerLens' names by the format's; `{i}` is the layer. Behind the name, the layout. A LayerNorm's output is
#: `hook_normalized` in HookedTransformer; in TransformerBridge that is before weight and bias, `hook_out` the output.
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


def tensors(cache: Mapping[str, Any], logits: Any = None) -> tuple[dict[str, Any], dict[str, str]]:
    """What `write` takes: tensors by the format's names, and their layouts, of a decoder."""
    if any(
        name.startswith(("encoder.", "decoder.")) or name.endswith("hook_normalized_resid1") for name in cache.keys()
    ):
        raise NotSupported(
            "TransformerLens",
            "hooks of its encoders (BERT, T5) have no names here",
            "use touchstone_capture.huggingface",
        )
    found, layouts = {}, {}
    layers = sum(1 for name in cache.keys() if _BLOCK.fullmatch(name))
    for name, (hook, layout) in HOOKS.items():
        for i in range(layers) if "{i}" in name else (0,):
            place = hook.format(i=i)
            output = place.replace("hook_normalized", "hook_out")
            place = output if output in cache.keys() else place
            if place in cache.keys():
                path = name.format(i=f"{i:03}")
                found[path], layouts[path] = cache[place], layout
    if "layers/000/resid_in" in found:
        found["embed/sum"], layouts["embed/sum"] = found["layers/000/resid_in"], "BTD"
    if logits is not None:
        found["final/logits"], layouts["final/logits"] = logits, "BTV"
    return found, layouts
