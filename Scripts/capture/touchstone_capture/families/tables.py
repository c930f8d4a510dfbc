"""What a table of a family is made of: points in a tree of modules, by the names of the format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import names

#: How modules hand out what the format lays out otherwise, by the last part of a name.
_LAYOUTS = {
    "qkv": "BT(3Hd)", "gate_up": "BT(2F)", "q": "BT(Hd)", "k": "BT(Kd)", "v": "BT(Kd)", "cross_q": "BT(Hd)",
    "cross_k": "BS(Hd)", "cross_v": "BS(Hd)",
}  # fmt: skip


@dataclass(frozen=True)
class Tap:
    """A point in a module tree.

    module: the path of a module; {i} in it is the index of a block, `(a|b)` what versions call otherwise or leave out.
    at: `output`, `input` (the first one), `parameter` where the path leads to one, or `rows`: what an embedding's table
        holds for its input, where the module goes on to change that. Any other word is the name of a function of
        PyTorch: what its next call makes after the module begins.
    layout: the axes of what passes there, see `layouts`; where it is left out, the format's own behind a batch axis.
    index: which of several outputs.
    columns: the first and the last of them, where a module hands out more; of each head where there are heads.
    only: the blocks that have it; all where it is left out.
    """

    module: str
    at: str = "output"
    layout: str | None = None
    index: int = 0
    columns: tuple[int, int | None] | None = None
    only: tuple[int, ...] | None = None

    def laid_out(self, name: str) -> str:
        """The axes of what passes here, where it is the activation `name`."""
        own = _LAYOUTS.get(name.rpartition("/")[2]) or names.axes(name)
        return self.layout or (own if own.startswith("B") else f"B{own}")


@dataclass(frozen=True)
class Attention:
    """What attends in a block, inside of which scores and probabilities are seen.

    module: its path.
    name: what its activations' names begin with, `layers/{i}/attn` or `decoder/layers/{i}/cross`.
    reads: the last parts of the names of what it reads as queries and keys (and values), where no module hands it out.
    shared: how many columns at the end of a key are the same in all heads, and are `k_shared_rope`.
    """

    module: str
    name: str = "layers/{i}/attn"
    reads: tuple[str, ...] = ()
    shared: int = 0


@dataclass(frozen=True)
class Experts:
    """The module that holds all experts of a block; inside it each is seen as it runs.

    layout: how gates and what they let through lie in the first product's result.
    only: the blocks that have experts.
    """

    module: str
    only: tuple[int, ...]
    layout: str = "n(2F)"


@dataclass(frozen=True)
class Family:
    """Where activations stand.

    taps: by name, `layers/{i}/…` for those of blocks.
    blocks: the path of a block.
    bias: the argument of a block that holds what is added to the scores, and is `embed/attn_bias`.
    counts_back: whether that bias counts from the last key, which is another one in each step of a run with the cache.
    loader: the class of transformers that reads such a folder.
    """

    taps: Mapping[str, Tap] = field(default_factory=dict)
    blocks: str = ""
    attentions: tuple[Attention, ...] = ()
    experts: Experts | None = None
    bias: str | None = None
    counts_back: bool = False
    loader: str = "AutoModelForCausalLM"


def reads(module: str, layout: str | None = None) -> Tap:
    """What a module reads."""
    return Tap(module, "input", layout)


def in_blocks(blocks: str, block: Mapping[str, Any], stack: str = "") -> dict[str, Tap]:
    """The taps of a block's modules, by the names that they have in a stack; a text is a module's output."""
    taps = {}
    for name, found in block.items():
        tap = Tap(found) if isinstance(found, str) else found
        module = f"{blocks}.{{i}}.{tap.module}".rstrip(".")
        taps[f"{stack}layers/{{i}}/{name}"] = Tap(module, tap.at, tap.layout, tap.index, tap.columns, tap.only)
    return taps


def family(
    blocks: str,
    attention: str,
    outside: Mapping[str, Any],
    block: Mapping[str, Any],
    *,
    reads: tuple[str, ...] = (),
    shared: int = 0,
    **more: Any,
) -> Family:
    """A family of one stack: paths outside it, those of `block` inside a block."""
    taps = {name: Tap(found) if isinstance(found, str) else found for name, found in outside.items()}
    taps |= in_blocks(blocks, block)
    attends = Attention(f"{blocks}.{{i}}.{attention}", reads=reads, shared=shared)
    return Family(taps, f"{blocks}.{{i}}", (attends,), **more)


STREAM = {"resid_in": reads(""), "resid_out": ""}
ROTATED = ("q_rope", "k_rope")


def projected(attention: str, out: str) -> dict[str, Any]:
    """Queries, keys and values by a module each, and what projects the heads' results."""
    return {
        **{part: f"{attention}.{part}_proj" for part in "qkv"},
        "attn_context": reads(f"{attention}.{out}"), "attn_out": f"{attention}.{out}",
    }  # fmt: skip


def fused(module: str, layout: str, out: str) -> dict[str, Any]:
    """Queries, keys and values by one module."""
    return {"qkv": Tap(module, layout=layout), "attn_context": reads(out), "attn_out": out}


def plain(up: str, down: str) -> dict[str, Any]:
    """A feed-forward half without a gate."""
    return {"mlp_pre": up, "mlp_act": reads(down), "mlp_out": down}


def architecture(config: Any, fallback: str) -> str:
    """The class that a configuration names first."""
    return (getattr(config, "architectures", None) or [fallback])[0]
