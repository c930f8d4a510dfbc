"""Puts a run together that came in pieces, and cuts off what was padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .errors import CaptureError
from .values import Values


def join(pieces: Sequence[Values], axes: str, place: str) -> Values:
    """One tensor of the pieces that decoding handed out, in the format's layout, one after another along T.

    Keys (S) grow from piece to piece: what a query could not see yet is -infinity, and 0 among probabilities.
    """
    if len({piece.type for piece in pieces}) > 1:
        raise CaptureError(
            place,
            f"its steps are of the types {', '.join(sorted({piece.type for piece in pieces}))}",
            "give all steps in the type in which they were computed",
        )
    if len(pieces) == 1:
        return pieces[0]
    letters = axes if "T" in axes else ""
    arrays = [piece.array for piece in pieces]
    if "S" in letters:
        where = letters.index("S")
        filler = pieces[0].filler(0.0 if place.endswith("_probs") else -np.inf)
        longest = max(array.shape[where] for array in arrays)
        arrays = [_widen(array, where, longest, filler) for array in arrays]
    return Values(np.concatenate(arrays, axis=_token_axis(axes)), pieces[0].type)


def cut(found: Values, axes: str, sizes: dict[str, int], padding: str | None, place: str) -> Values:
    """The tensor without padded tokens, padded keys and padded columns of the vocabulary.

    Keys behind the last token are cut without being asked where every row masks them: they hold nothing.
    """
    where = _token_axis(axes)
    letter = "" if where is None else axes.replace("(", "")[where]
    if letter not in sizes:  # rows that are no tokens, or tokens that nothing has counted
        return found
    array, tokens = found.array, sizes[letter]
    extra = array.shape[where] - tokens
    if extra < 0 or (extra > 0 and padding is None):
        raise CaptureError(
            place,
            f"holds {array.shape[where]} tokens, and the golden has {tokens}",
            'give every token once (steps as a list), and say padding="left" or "right" where there are more',
        )
    first = extra if padding == "left" else 0
    array = _part(array, where, first, tokens)
    if "T" in axes and "S" in axes:
        keys, tokens = axes.index("S"), sizes["S"]
        if "/cross_" in place:  # the source has a padding of its own
            first = max(array.shape[keys] - tokens, 0) if padding == "left" else 0
        first = min(first, array.shape[keys])
        behind = _part(array, keys, first + tokens, array.shape[keys])
        if array.shape[keys] < first + tokens or not _masked(Values(behind, found.type), place):
            raise CaptureError(
                place,
                f"holds {found.array.shape[keys]} keys, and the golden has {tokens}",
                "give the columns of the golden's tokens, in their order",
            )
        array = _part(array, keys, first, tokens)
    if axes.endswith("V"):
        if array.shape[-1] < sizes["V"]:
            raise CaptureError(
                place, f"holds {array.shape[-1]} columns, and the vocabulary has {sizes['V']}", "give all of them"
            )
        array = array[..., : sizes["V"]]
    return Values(array, found.type)


def _token_axis(axes: str) -> int | None:
    """Along which tokens lie: this stack's, the source's, or those that an expert is given."""
    # In every layout of the format nothing in parentheses stands before it.
    return next((axes.index(letter) for letter in "TSn" if letter in axes), None)


def _widen(array: np.ndarray, axis: int, extent: int, filler: object) -> np.ndarray:
    shape = list(array.shape)
    shape[axis] = extent - shape[axis]
    return np.concatenate([array, np.full(shape, filler, array.dtype)], axis=axis)


def _part(array: np.ndarray, axis: int, first: int, count: int) -> np.ndarray:
    return array[(slice(None),) * axis + (slice(first, first + count),)]


def _masked(found: Values, place: str) -> bool:
    """Whether there is nothing but masked scores, or probabilities of 0."""
    wide = found.widened()
    if place.endswith("_probs"):
        return not wide.any()
    least = {"float16": -3e4}.get(found.type, -1e30)
    return bool((wide <= least).all())
