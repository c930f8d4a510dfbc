"""Tensors of any library as NumPy arrays whose bits are untouched.

bfloat16, which NumPy lacks, is held as its bits (uint16), as Docs/Format.md allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import CaptureError

PRECISIONS = ("float64", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Values:
    """An array and the type that its bits are of: one of `PRECISIONS`."""

    array: np.ndarray
    type: str

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def filler(self, value: float) -> Any:
        """0 or -infinity in this type's bits."""
        if self.type == "bfloat16":
            return np.uint16(0 if value == 0 else 0xFF80)
        return self.array.dtype.type(value)

    def widened(self) -> np.ndarray:
        """The values as float32 or float64, exactly."""
        if self.type == "bfloat16":
            return (self.array.astype(np.uint32) << 16).view(np.float32)
        return self.array.astype(np.float64 if self.type == "float64" else np.float32)


def values(tensor: Any, place: str, any_type: bool = False) -> Values:
    """A tensor of NumPy, PyTorch, JAX, TensorFlow, …, as bits; integers and complex numbers only if `any_type`."""
    if isinstance(tensor, Values):
        return tensor
    if hasattr(tensor, "detach"):  # PyTorch
        tensor = tensor.detach().cpu()
        if str(tensor.dtype) == "torch.bfloat16":
            import torch

            return Values(tensor.contiguous().view(torch.int16).numpy().view(np.uint16), "bfloat16")
    array = np.asarray(tensor)
    if array.dtype.name == "bfloat16":  # of ml_dtypes: JAX, TensorFlow
        return Values(array.view(np.uint16), "bfloat16")
    if array.dtype.name not in PRECISIONS and not any_type:
        raise CaptureError(
            place,
            f"holds {array.dtype.name}, and activations are {', '.join(PRECISIONS)}",
            "hand over the values as they were computed",
        )
    return Values(array.astype(array.dtype.newbyteorder("="), copy=False), array.dtype.name)


def widened_from(found: Values) -> str | None:
    """The narrower type of which every value of float32 numbers is: `bfloat16`, `float16`, or None."""
    if found.type != "float32" or found.array.size == 0:
        return None
    array = np.ascontiguousarray(found.array)
    if not (array.view(np.uint32) & 0xFFFF).any():
        return "bfloat16"
    with np.errstate(over="ignore", invalid="ignore"):
        back = array.astype(np.float16).astype(np.float32)
    return "float16" if np.array_equal(back, array, equal_nan=True) else None
