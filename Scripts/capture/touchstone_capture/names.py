"""The names of Docs/Format.md and the axes of what stands under them.

Axes are single letters: B batch, T tokens, S keys (as many as tokens), D model width, E width of the embedding's table
(D unless the model narrows it), H heads, K heads of keys and values (H unless they are shared), d head width,
F feed-forward width, V vocabulary. Of fused projections: 3 the thirds of as many heads of keys as of queries, N all
heads (those of queries, then keys, then values), G the heads of a group (queries, then the key and the value that they
share; K groups), 2 the halves of a gate and what it lets through. Letters in parentheses lie in one axis: `T(Hd)` is
[T, H·d] with the heads side by side.
"""

from __future__ import annotations

import difflib
import re

from .errors import CaptureError

OUTSIDE_LAYERS = {
    "embed/token": "TE", "embed/scaled": "TD", "embed/projected": "TD", "embed/ln": "TD", "embed/position": "TD",
    "embed/sum": "TD", "embed/attn_bias": "HTS",
    "final/ln_f": "TD", "final/projected": "TE", "final/logits_raw": "TV", "final/logits": "TV", "final/probs": "TV",
}  # fmt: skip

IN_LAYERS = {
    "resid_in": "TD", "ln_1": "TD", "q": "HTd", "k": "KTd", "v": "KTd", "q_norm": "HTd", "k_norm": "KTd",
    "q_rope": "HTd", "k_rope": "KTd", "k_cache": "KTd", "v_cache": "KTd",
    "attn_scores": "HTS", "attn_capped": "HTS", "attn_probs": "HTS", "attn_context": "T(Hd)", "attn_out": "TD",
    "attn_post_norm": "TD", "resid_mid": "TD", "ln_2": "TD", "mlp_pre": "TF", "mlp_gate": "TF", "mlp_up": "TF",
    "mlp_act": "TF", "mlp_gated": "TF", "mlp_out": "TD", "mlp_post_norm": "TD", "resid_mlp": "TD", "resid_out": "TD",
}  # fmt: skip

#: What may be given in one tensor, and the names under which it is written.
FUSED = {"qkv": ("q", "k", "v"), "gate_up": ("mlp_gate", "mlp_up")}

_LAYER = re.compile(r"layers[/.](\d+)[/.]([a-z0-9_]+)")


def canonical(name: str, layers: int) -> str:
    """The name as the format spells it (`layers/0/q` is `layers/000/q`); an unknown one is refused."""
    if name.startswith("extra/") or name in OUTSIDE_LAYERS:
        return name
    match = _LAYER.fullmatch(name)
    if match and (match[2] in IN_LAYERS or match[2] in FUSED):
        if int(match[1]) >= layers:
            raise CaptureError(name, f"the model has {layers} layers", "count them from 0")
        return f"layers/{int(match[1]):03}/{match[2]}"
    index = re.search(r"\d+", name)
    path = f"layers/{int(index[0]):03}" if index else "layers/000"
    known = list(OUTSIDE_LAYERS) + [f"{path}/{part}" for part in (*IN_LAYERS, *FUSED)]
    spelled = re.sub(r"layers?\D\d+", path, name)
    near = difflib.get_close_matches(spelled, known, 1, 0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    raise CaptureError(
        name, "is not a name of the format", f"{hint}see the table in Docs/Format.md, or put it under extra/"
    )


def axes(name: str) -> str:
    """The layout that the format asks for under a canonical name, but for fused ones: see `fused`."""
    return OUTSIDE_LAYERS[name] if name in OUTSIDE_LAYERS else IN_LAYERS[name.rsplit("/", 1)[1]]


def order(name: str) -> tuple[int, int, int, str]:
    """Sorts names in the order in which a forward pass comes to them."""
    if name.startswith("layers/"):
        _, layer, part = name.split("/")
        return (1, int(layer), list(IN_LAYERS).index(part), name)
    outside = list(OUTSIDE_LAYERS)
    return ((0 if name.startswith("embed/") else 2), 0, outside.index(name) if name in outside else 99, name)
