"""What every engine here offers to the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from .golden import Golden


@dataclass
class Options:
    """How an engine is to run; each takes what concerns it and refuses what it cannot do.

    model: a Hugging Face folder, or a file in the engine's own format (`.onnx`, `.gguf`).
    """

    model: str
    dtype: str = "float32"
    attention: str = "eager"
    compile: bool = False
    export: bool = False
    prefill: int | None = None
    optimization: str = "all"
    weights: str = "f32"
    flash_attention: bool = False
    cache_type: str = "f32"
    threads: int | None = None


@dataclass
class Run:
    """What an engine computed: tensors in the format's layouts, one mapping or one a step, and who it was."""

    tensors: Union[Mapping[str, Any], Sequence[Mapping[str, Any]]]
    precision: str
    provenance: dict[str, str]
    layouts: dict[str, str] = field(default_factory=dict)
    padded_vocabulary: bool = False
    derived: list[str] = field(default_factory=list)


def chunks(golden: Golden, prefill: int | None) -> list[slice]:
    """The tokens of each step: all at once, or `prefill` of them and then one by one."""
    count = len(golden.token_ids) or 1  # a picture is one step
    first = count if prefill is None else min(max(prefill, 1), count)
    return [slice(0, first)] + [slice(t, t + 1) for t in range(first, count)]
