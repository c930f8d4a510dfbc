"""`write`: what an engine computed, in whatever layout, as a capture that `touchstone diff` reads."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

from . import fused, names
from .errors import CaptureError
from .golden import Golden
from .layouts import Arrangement, choose, parse
from .steps import cut, join
from .values import PRECISIONS, Values, values, widened_from
from .writing import write_file

Tensors = Mapping[str, Any]


@dataclass(frozen=True)
class _Reading:
    """What was said of all tensors: the golden, and the arguments of `write` by the same names."""

    golden: Golden
    row: int | None
    padding: str | None
    padded_vocabulary: bool

    def known(self, name: str, is_stepwise: bool) -> dict[str, int]:
        """The extents that a tensor must have: not those of axes that may hold more, or a part."""
        free = {"S"} | ({"T"} if self.padding or is_stepwise else set()) | ({"V"} if self.padded_vocabulary else set())
        return {letter: size for letter, size in self.golden.sizes_of(name).items() if letter not in free}


def write(
    golden: Union[str, os.PathLike, Golden],
    tensors: Union[Tensors, Sequence[Tensors]],
    out: Union[str, os.PathLike],
    *,
    precision: str | None = None,
    layouts: Mapping[str, str] | None = None,
    row: int | None = None,
    padding: str | None = None,
    padded_vocabulary: bool = False,
    derived: Sequence[str] = (),
    provenance: Mapping[str, str] | None = None,
    weights_sha256: str | None = None,
    replace: bool = False,
) -> list[str]:
    """Writes a capture and returns the names in it, in the order of the forward pass.

    golden: the golden whose inputs the engine ran; they are copied.
    tensors: arrays by the names of Docs/Format.md, of NumPy, PyTorch, JAX, …, and `layers/000/qkv` for a fused
        projection. A run with a cache is a list of such mappings, or of arrays under a name, one a step.
    precision: the type of the operands, `float32`, `bfloat16`, `float16`, `float64`, with `-truncating` behind it
        where accumulators truncate. It may be left out where the tensors' own type says it.
    layouts: the axes of tensors by name or by its last part, see `layouts`: {"q": "BTHd", "qkv": "T(3Hd)"}.
        Asked for where a shape leaves two readings.
    row: which row of a batch is the golden's.
    padding: "left" or "right" where there are more tokens than the golden has.
    padded_vocabulary: whether columns behind the vocabulary are padding, to be cut off.
    derived: names that an engine which fuses attention computed only for the capture.
    provenance: whatever else is to be said of the engine: producer, producer_version, implementation, note, ….
    """
    golden = Golden.read(golden)
    if padding not in (None, "left", "right"):
        raise CaptureError("padding", f"is {padding!r}", 'say "left" or "right"')
    reading = _Reading(golden, row, padding, padded_vocabulary)
    pieces = _pieces(tensors, golden)
    asked = _asked(layouts or {}, pieces, golden)
    found: dict[str, Values] = {}
    for name, steps in pieces.items():
        for part, whole in _arranged(name, steps, asked.get(name), reading).items():
            if part in found:
                raise CaptureError(part, "is given twice", "give it once, by itself or in qkv")
            found[part] = whole
    found = {name: found[name] for name in sorted(found, key=names.order)}
    marks = {names.canonical(name, golden): {"derived": 1} for name in derived}
    said = {"producer": "touchstone_capture.write", **(provenance or {}), "precision": _precision(precision, found)}
    write_file(out, golden, found, said, marks, weights_sha256, replace)
    return list(found)


def _pieces(tensors: Union[Tensors, Sequence[Tensors]], golden: Golden) -> dict[str, list[Any]]:
    """Every tensor as the list of its steps, by canonical names."""
    if isinstance(tensors, Mapping):
        found = {}
        for name, tensor in tensors.items():
            path = names.canonical(name, golden)
            if path in found:
                raise CaptureError(path, "is given twice", "give it under one name")
            stepwise = isinstance(tensor, (list, tuple)) and all(hasattr(step, "shape") for step in tensor)
            found[path] = list(tensor) if stepwise else [tensor]
    else:
        found = {}
        for step in tensors:
            for name, tensor in step.items():
                found.setdefault(names.canonical(name, golden), []).append(tensor)
        for name, steps in found.items():
            if len(steps) != len(tensors):
                raise CaptureError(name, f"is in {len(steps)} of {len(tensors)} steps", "hand it over in every step")
    if not any(found.values()):
        raise CaptureError("tensors", "there is none", "hand over what the engine computed, at least final/logits")
    return found


def _asked(layouts: Mapping[str, str], pieces: Mapping[str, Any], golden: Golden) -> dict[str, str]:
    """The layout that was named for each tensor; one that names none is a slip."""
    asked: dict[str, str] = {}
    known = {*names.IN_LAYERS, *names.IN_EXPERTS, *names.FUSED}
    known |= {name.rsplit("/", 1)[1] for name in names.OUTSIDE_LAYERS}
    for key, layout in sorted(layouts.items(), key=lambda item: "/" in item[0]):  # whole names after last parts
        parse(layout)
        full = key if key in known else names.canonical(key, golden)
        asked.update({name: layout for name in pieces if full in (name, name.rsplit("/", 1)[-1])})
    return asked


def _arranged(name: str, steps: Sequence[Any], asked: str | None, reading: _Reading) -> dict[str, Values]:
    """One given tensor as the format asks for it, or the parts of a fused one."""
    if name.startswith("extra/"):
        return {name: join([values(step, name, any_type=True) for step in steps], "T", name)}
    part, known = name.rpartition("/")[2], reading.known(name, len(steps) > 1)
    given = [values(step, name, any_type=part in names.INTEGERS) for step in steps]
    targets = fused.wholes(part, known) if part in names.FUSED else [names.axes(name)]
    layout = choose([step.shape for step in given], targets, known, name, asked)
    target = fused.whole(layout) if part in names.FUSED else targets[0]
    arrangement, pieces = Arrangement(layout, target), {}
    for step in given:
        _check_row(step, layout, reading.row, name)
        array = arrangement(step.array, known, reading.row or 0)
        parts = fused.apart(name, array, target, known) if part in names.FUSED else {name: array}
        for path, one in parts.items():
            pieces.setdefault(path, []).append(Values(one, step.type))
    sizes_of = reading.golden.sizes_of
    return {
        path: cut(join(found, names.axes(path), path), names.axes(path), sizes_of(path), reading.padding, path)
        for path, found in pieces.items()
    }


def _check_row(piece: Values, layout: str, row: int | None, name: str) -> None:
    groups = parse(layout)
    if "B" not in groups:
        return
    rows = piece.shape[groups.index("B")]
    if row is None and rows != 1:
        raise CaptureError(name, f"holds a batch of {rows}", "say row=, the golden's row of it")
    if row is not None and not 0 <= row < rows:
        raise CaptureError(name, f"has no row {row} in a batch of {rows}", "say which row is the golden's")


def _precision(asked: str | None, found: Mapping[str, Values]) -> str:
    """The precision that was named, or the one type of all tensors where there is no doubt of it."""
    judged = {
        name: tensor
        for name, tensor in found.items()
        if not name.startswith("extra/") and not name.endswith(names.INTEGERS)
    }
    choices = "precision= float32, bfloat16, float16 or float64, the type of the operands"
    if asked is not None:
        if asked.removesuffix("-truncating") not in PRECISIONS:
            raise CaptureError("precision", f"{asked!r} is none that Touchstone judges", f"say {choices}")
        return asked
    types = {tensor.type for tensor in judged.values()}
    if not types:
        raise CaptureError("tensors", "there is nothing to judge", "hand over activations, at least final/logits")
    if len(types) > 1:
        raise CaptureError("precision", f"the tensors are of the types {', '.join(sorted(types))}", f"say {choices}")
    narrower = {widened_from(tensor) for tensor in judged.values()} - {None}
    if types == {"float32"} and all(widened_from(tensor) for tensor in judged.values()):
        which = "bfloat16" if narrower == {"bfloat16"} else "float16"
        raise CaptureError("precision", f"every value is a {which}, stored as float32", f"say {choices}")
    return types.pop()
