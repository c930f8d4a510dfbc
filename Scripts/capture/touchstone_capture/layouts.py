"""Brings tensors from the layout in which an engine has them into the one that the format asks for.

A layout is a text of axis letters, see `names`: "BTHd", "T(3Hd)", "(HT)d". Where the shape leaves one reading only it
need not be said; where it leaves two that differ, it must.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .errors import CaptureError

_PART = re.compile(r"\(([^()]+)\)|([^()\s])")
_LETTERS = set("BTSDEHKdFVrn3NG2")

#: How people lay these out, by the layout of the format; others as they are, or behind a batch axis. What is stranger
#: has to be said.
_USUAL = {
    "HTd": ["HTd", "THd", "T(Hd)", "BHTd", "BTHd", "BT(Hd)"],
    "KTd": ["KTd", "TKd", "T(Kd)", "BKTd", "BTKd", "BT(Kd)"],
    "HSd": ["HSd", "SHd", "S(Hd)", "BHSd", "BSHd", "BS(Hd)"],
    "T(Hd)": ["T(Hd)", "THd", "HTd", "BT(Hd)", "BTHd", "BHTd"],
    "3HTd": ["T(3Hd)", "T(H3d)", "BT(3Hd)", "BT(H3d)"], "NTd": ["T(Nd)", "BT(Nd)"], "KGTd": ["T(KGd)", "BT(KGd)"],
    "2TF": ["T(2F)", "T(F2)", "BT(2F)", "BT(F2)"],
}  # fmt: skip


def parse(layout: str) -> list[str]:
    """The axes of a layout, each the letters that lie in it: "T(3Hd)" is ["T", "3Hd"]."""
    groups = [match[1] or match[2] for match in _PART.finditer(layout.replace(" ", ""))]
    letters = "".join(groups)
    if (
        not groups
        or set(letters) - _LETTERS
        or len(set(letters)) < len(letters)
        or _render(groups) != layout.replace(" ", "")
    ):
        raise CaptureError(
            f"layout {layout!r}",
            "is not made of the letters B T S D E H K d F V r n 3 N G 2, each once, with parentheses",
            'write for example "BTHd" or "T(3Hd)"',
        )
    return groups


class Arrangement:
    """The way from one layout to another, for arrays of NumPy and PyTorch, also while these are traced."""

    def __init__(self, source: str, target: str):
        self._groups = parse(source)
        letters = "".join(self._groups)
        self._batch = letters.index("B") if "B" in letters and "B" not in target else None
        letters = letters.replace("B", "") if self._batch is not None else letters
        self._wanted = [len(group) for group in parse(target)]
        self._places = [letters.index(letter) for letter in "".join(parse(target))]

    def __call__(self, array: Any, sizes: Mapping[str, int], row: int = 0) -> Any:
        """Reshapes and transposes; a batch gives its row `row`.

        The extents in `sizes` split axes that hold several letters; at most one of these may be missing from it.
        """
        extents: list[int] = []
        for group, extent in zip(self._groups, array.shape):
            extents += [extent] if len(group) == 1 else _extents(group, extent, sizes)
        array = array.reshape(tuple(extents))
        if self._batch is not None:
            array = array[(slice(None),) * self._batch + (row,)]
        array = array.permute(self._places) if hasattr(array, "permute") else array.transpose(self._places)
        if len(self._wanted) == len(self._places):
            return array
        shape, extents = [], list(array.shape)
        for count in self._wanted:
            shape.append(_product(extents[:count]))
            extents = extents[count:]
        return array.reshape(tuple(shape))


def _extents(group: str, extent: int, sizes: Mapping[str, int]) -> list[int]:
    rest = extent // _product([sizes[letter] for letter in group if letter in sizes])
    return [sizes.get(letter, rest) for letter in group]


def _product(extents: Iterable[int]) -> int:
    product = 1
    for extent in extents:
        product = product * extent
    return product


def fits(shape: Sequence[int], layout: str, sizes: Mapping[str, int]) -> bool:
    """Whether a shape can be of a layout, where letters that `sizes` leaves out have any extent."""
    groups = parse(layout)
    if len(groups) != len(shape):
        return False
    for group, extent in zip(groups, shape):
        product = _product(sizes.get(letter, 1) for letter in group)
        free = any(letter not in sizes for letter in group)
        if extent % product if free else extent != product:
            return False
    return True


def choose(
    shapes: Sequence[Sequence[int]],
    targets: Sequence[str],
    sizes: Mapping[str, int],
    place: str,
    asked: str | None = None,
) -> str:
    """The layout of a tensor's steps: the one that was named, or the only usual one that fits all shapes.

    targets: the layouts into one of which the tensor is to be brought; several for fused projections.
    """
    said = f"has the shape {list(shapes[0])}"
    if asked is not None:
        layouts = [_meant(asked, target) for target in targets]
        matching = [layout for layout, target in zip(layouts, targets) if _letters(layout) == _letters(target)]
        if not matching:
            raise CaptureError(
                place,
                f"the layout {asked!r} lacks or adds axes to {' or '.join(map(repr, targets))}",
                "name every axis once, and B a batch",
            )
        for shape in shapes:
            if not fits(shape, matching[0], sizes):
                raise CaptureError(
                    place,
                    f"has the shape {list(shape)}, which is not {described(matching[0], sizes)}",
                    "check the layout and the golden",
                )
        return matching[0]
    found = [
        (layout, target)
        for target in targets
        for layout in _USUAL.get(target, [target, f"B{target}"])
        if all(fits(shape, layout, sizes) for shape in shapes)
    ]
    if not found:
        more = "padded_vocabulary=True" if "V" in targets[0] else "padding="
        raise CaptureError(
            place,
            f"{said}, and {described(targets[0], sizes)} is due",
            f"say how its axes lie, layouts={{{_short(place)!r}: …}}, or {more} where it holds more",
        )
    if len(found) > 1 and not all(_same(shape, found, sizes) for shape in shapes):
        choices = " as well as ".join(described(layout, sizes) for layout, _ in found)
        raise CaptureError(
            place,
            f"{said}, which can be read as {choices}",
            f"say which, for example layouts={{{_short(place)!r}: {found[0][0]!r}}}",
        )
    return found[0][0]


def described(layout: str, sizes: Mapping[str, int]) -> str:
    """A layout with its extents: `T(Hd)` [16, 128]."""
    extents = [
        "any" if any(letter not in sizes for letter in group) else str(_product(sizes[letter] for letter in group))
        for group in parse(layout)
    ]
    return f"{layout} [{', '.join(extents)}]"


def _letters(layout: str) -> list[str]:
    return sorted("".join(parse(layout)).replace("B", ""))


def _meant(layout: str, target: str) -> str:
    """A layout in the letters of its target: TD is T(Hd) where heads lie side by side, and H is K among keys."""
    for said, meant in [("D", "Hd"), ("D", "Kd"), ("D", "E"), ("H", "K")]:
        if all(letter in target for letter in meant) and said in layout and said not in target and meant not in layout:
            return _render(group.replace(said, meant) for group in parse(layout))
    return layout


def _render(groups: Iterable[str]) -> str:
    return "".join(f"({group})" if len(group) > 1 else group for group in groups)


def _same(shape: Sequence[int], readings: Sequence[tuple[str, str]], sizes: Mapping[str, int]) -> bool:
    """Whether all readings of a shape, layouts with their targets, put every element in the same place.

    Heads side by side and by groups are the same heads where there is one group alone.
    """
    if len({target for _, target in readings}) > 1 and sizes["K"] > 1:
        return False
    numbers = np.arange(_product(shape)).reshape(shape)
    first, *others = [Arrangement(layout, target)(numbers, sizes).ravel() for layout, target in readings]
    return all(np.array_equal(first, other) for other in others)


def _short(place: str) -> str:
    return place.rsplit("/", 1)[-1]
