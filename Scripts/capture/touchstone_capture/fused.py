"""Projections that come in one tensor: how their parts may lie in it, and which part is which activation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .names import FUSED

#: The layout into which a fused tensor is brought before it is taken apart, by the letter that stands for its parts.
_WHOLE = {"3": "3HTd", "N": "NTd", "G": "KGTd", "2": "2TF"}


def wholes(part: str, sizes: Mapping[str, int]) -> list[str]:
    """The forms that a tensor `qkv` or `gate_up` can have in a model of these sizes."""
    if part != "qkv":
        return [_WHOLE["2"]]
    # With a key to each query the three forms are two: side by side is in thirds, and a group is a head.
    return [_WHOLE["3"]] if sizes["H"] == sizes["K"] else [_WHOLE["N"], _WHOLE["G"]]


def whole(layout: str) -> str:
    """The form that a layout is of: `BT(Nd)` is of `NTd`."""
    return next((form for letter, form in _WHOLE.items() if letter in layout), _WHOLE["3"])


def apart(name: str, array: Any, form: str, sizes: Mapping[str, int]) -> dict[str, Any]:
    """The parts of an array in one of those forms, each in the format's layout, by their names."""
    prefix, _, part = name.rpartition("/")
    if form == _WHOLE["N"]:
        heads, keys = sizes["H"], sizes["K"]
        parts = [array[:heads], array[heads : heads + keys], array[heads + keys :]]
    elif form == _WHOLE["G"]:
        queries = array[:, :-2]
        parts = [queries.reshape((sizes["H"], *queries.shape[2:])), array[:, -2], array[:, -1]]
    else:
        parts = list(array)
    return {f"{prefix}/{one}": found for one, found in zip(FUSED[part], parts)}
