"""The names of Docs/Format.md and the axes of what stands under them.

Axes are single letters: B batch, T tokens (an encoder's: of its source), S keys (as many as tokens; in attention to a
source, its tokens), D model width, E width of the embedding's table (D unless the model narrows it), H heads, K heads
of keys and values (H unless they are shared), d head width, F feed-forward width, V vocabulary; r a width and n a
number of rows that one activation alone has. Of fused projections: 3 the thirds of as many heads of keys as of queries,
N all heads (those of queries, then keys, then values), G the heads of a group (queries, then the key and the value that
they share; K groups), 2 the halves of a gate and what it lets through. Letters in parentheses lie in one axis: `T(Hd)`
is [T, H·d] with the heads side by side.
"""

from __future__ import annotations

import difflib
import re
from typing import Protocol

from .errors import CaptureError

OUTSIDE_LAYERS = {
    "features/log_mel": "rn", "embed/conv_1": "Dn", "embed/conv_1_act": "Dn", "embed/conv_2": "Dn",
    "embed/conv_2_act": "Dn", "embed/frames": "TD", "embed/patches": "nD",
    "embed/token": "TE", "embed/scaled": "TD", "embed/projected": "TD", "embed/token_type": "TD",
    "embed/position": "TD", "embed/sum": "TD", "embed/ln": "TD", "embed/attn_bias": "HTS",
    "final/pool_row": "nD", "final/ln_f": "TD", "final/scaled": "TD", "final/pool_pre": "nD", "final/pooled": "nD",
    "final/nsp_logits": "nr", "final/projected": "TE", "final/head_dense": "TD", "final/head_act": "TD",
    "final/head_ln": "TD", "final/logits_raw": "TV", "final/logits": "TV", "final/probs": "TV",
}  # fmt: skip

IN_LAYERS = {
    "resid_in": "TD", "cond_act": "nD", "cond": "nr", "ln_1": "TD", "ln_1_mod": "TD", "q_latent": "Tr",
    "q_latent_norm": "Tr", "q": "HTd", "kv_latent": "Tr", "kv_latent_norm": "Tr", "k_shared": "nTd", "k": "KTd",
    "v": "KTd", "q_norm": "HTd", "k_norm": "KTd", "q_rope": "HTd", "k_shared_rope": "nTd", "k_rope": "KTd",
    "k_cache": "KTd", "v_cache": "KTd",
    "attn_scores": "HTS", "attn_capped": "HTS", "attn_probs": "HTS", "attn_context": "T(Hd)", "attn_out": "TD",
    "attn_post_norm": "TD", "attn_gated": "TD", "resid_mid": "TD", "cross_q": "HTd", "cross_k": "HSd",
    "cross_v": "HSd", "cross_scores": "HTS", "cross_probs": "HTS", "cross_context": "T(Hd)", "cross_out": "TD",
    "resid_cross": "TD", "ln_cross": "TD", "ln_2": "TD", "ln_2_mod": "TD", "mlp_pre": "TF", "mlp_gate": "TF",
    "mlp_up": "TF", "mlp_act": "TF", "mlp_gated": "TF", "router_logits": "Tr", "expert_ids": "Tr",
    "router_weights": "Tr", "experts_out": "TD", "mlp_out": "TD", "mlp_out_gated": "TD", "mlp_post_norm": "TD",
    "resid_mlp": "TD", "resid_out": "TD",
}  # fmt: skip

#: What each expert is given and makes, and the shared one of every token.
IN_EXPERTS = {"input": "nD", **{f"mlp_{part}": "nF" for part in ("gate", "up", "act", "gated")}, "mlp_out": "nD"}
SHARED = ("mlp_gate", "mlp_up", "mlp_act", "mlp_gated", "mlp_out")

#: What may be given in one tensor, and the names under which it is written.
FUSED = {"qkv": ("q", "k", "v"), "gate_up": ("mlp_gate", "mlp_up")}

#: Activations that are numbers of experts, and no floating-point numbers.
INTEGERS = ("expert_ids",)

_STACKS = ("encoder/", "decoder/")
_LAYER = re.compile(r"layers[/.](\d+|\{i\})[/.](?:experts[/.](\d+)[/.])?((?:shared[/.])?[a-z0-9_]+)")


class _Layers(Protocol):
    def layers_of(self, stack: str) -> int: ...


def stack(name: str) -> str:
    """The stack that an activation belongs to, `encoder/` or `decoder/`; empty where there is one alone."""
    return next((one for one in _STACKS if name.startswith(one)), "")


def axes(name: str) -> str:
    """The layout that the format asks for under a canonical name, but for fused ones: see `fused`."""
    found = _axes(name)
    if found is None:
        raise CaptureError(name, "is not a name of the format", "see the table in Docs/Format.md")
    return found


def _axes(name: str) -> str | None:
    inner = name[len(stack(name)) :]
    match = _LAYER.fullmatch(inner)
    if match is None:
        return OUTSIDE_LAYERS.get(inner)
    if match[2] is not None:
        return IN_EXPERTS.get(match[3])
    part = match[3].removeprefix("shared/")
    return IN_LAYERS.get(part) if part == match[3] or part in SHARED else None


def canonical(name: str, golden: _Layers) -> str:
    """The name as the format spells it (`layers/0/q` is `layers/000/q`); an unknown one is refused."""
    if name.startswith("extra/"):
        return name
    front = stack(name)
    inner = name[len(front) :]
    match = _LAYER.fullmatch(inner)
    spelled = inner
    if match and match[1] != "{i}":
        layers = golden.layers_of(front)
        expert = "" if match[2] is None else f"experts/{int(match[2]):03}/"
        spelled = f"layers/{int(match[1]):03}/{expert}{match[3].replace('.', '/')}"
        if _is_spelled(spelled) and int(match[1]) >= layers:
            whose = f"{front[:-1]} of the model" if front else "model"
            raise CaptureError(name, f"the {whose} has {layers} layers", "count them from 0")
    if _is_spelled(spelled):
        return front + spelled
    index = re.search(r"\d+", inner)
    path = f"layers/{int(index[0]):03}" if index else "layers/000"
    known = list(OUTSIDE_LAYERS) + [f"{path}/{part}" for part in (*IN_LAYERS, *FUSED)]
    near = difflib.get_close_matches(re.sub(r"layers?\D\d+", path, inner), known, 1, 0.5)
    hint = f"did you mean {front}{near[0]}? " if near else ""
    raise CaptureError(
        name, "is not a name of the format", f"{hint}see the table in Docs/Format.md, or put it under extra/"
    )


def is_known(name: str) -> bool:
    """Whether a name, spelled as the format has it, is one of an activation."""
    return _axes(name) is not None


def _is_spelled(name: str) -> bool:
    """The same of a name without its stack, or of one under which several activations are given in one tensor."""
    return is_known(name) or (name.rpartition("/")[2] in FUSED and name.count("/") == 2)


def order(name: str) -> tuple[int, int, int, int, int, str]:
    """Sorts names in the order in which a forward pass comes to them."""
    front = stack(name)
    inner = name[len(front) :]
    stage = 0 if inner.startswith(("embed/", "features/")) else 1 if inner.startswith("layers/") else 2
    stage += {"encoder/": 0, "decoder/": 3, "": 3}[front] if inner != "features/log_mel" else -1
    if inner.startswith("layers/"):
        _, layer, part, *rest = inner.split("/")
        place = {"experts": "router_weights", "shared": "experts_out"}.get(part, part)
        expert, inside = (int(rest[0]), rest[1]) if part == "experts" else (-1, rest[0] if rest else "")
        within = list(IN_EXPERTS).index(inside) if inside else -1
        return (stage, int(layer), list(IN_LAYERS).index(place), expert, within, name)
    outside = list(OUTSIDE_LAYERS)
    return (stage, 0, outside.index(inner) if inner in outside else 99, -1, -1, name)
