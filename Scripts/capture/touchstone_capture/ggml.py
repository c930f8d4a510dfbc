"""The tensors of ggml, as a callback sees them, read where they lie in memory."""

from __future__ import annotations

import ctypes
import functools

import llama_cpp._ggml
import numpy as np

from .values import Values

#: struct ggml_tensor, ggml.h.
_DIMENSIONS, _SOURCES, _PARAMETERS, _NAME = 4, 10, 16, 64

#: enum ggml_type: the types that NumPy reads; the others are blocks, which `gguf` takes apart.
TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "bf16": 30}
_PLAIN = {0: ("float32", "<f4"), 1: ("float16", "<f2"), 30: ("bfloat16", "<u2"), 28: ("float64", "<f8")}


class Tensor(ctypes.Structure):
    """A node of the graph."""

    @property
    def label(self) -> str:
        """Its name: `attn_norm-0`, or that of a weight: `blk.0.attn_qkv.bias`."""
        return self.name.decode(errors="replace")

    @property
    def address(self) -> int:
        """Where it lies: what it is known by while its graph is computed."""
        return ctypes.addressof(self)

    @property
    def operation(self) -> str:
        """What it is made by, as ggml calls it: `MUL_MAT`. The numbers differ from version to version."""
        return _operation_name(self.op)

    def source(self, index: int) -> Tensor | None:
        """The operand with an index."""
        return self.src[index].contents if self.src[index] else None

    def float_parameter(self, index: int) -> np.float32:
        """A parameter of its operation."""
        return np.frombuffer(bytes(self.op_params), "<f4")[index]

    def read(self) -> Values:
        """A copy of its numbers, the slowest axis first; blocks are taken apart exactly, as float32."""
        extents, strides = list(self.ne)[::-1], list(self.nb)[::-1]
        if self.type in _PLAIN:
            name, kind = _PLAIN[self.type]
            return Values(self._strided(extents, strides, np.dtype(kind)).copy(), name)
        from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

        kind = GGMLQuantizationType(self.type)
        block, size = GGML_QUANT_SIZES[kind]
        row = extents[-1] // block * size
        bytes_ = self._strided(extents[:-1] + [row], strides[:-1] + [1], np.dtype(np.uint8)).copy()
        return Values(quants.dequantize(bytes_, kind).reshape(extents), "float32")

    def _strided(self, extents: list[int], strides: list[int], kind: np.dtype) -> np.ndarray:
        span = sum((extent - 1) * stride for extent, stride in zip(extents, strides)) + kind.itemsize
        memory = (ctypes.c_ubyte * span).from_address(self.data)
        return np.ndarray(extents, kind, memory, 0, strides)


@functools.cache
def _operation_name(number: int) -> str:
    name = llama_cpp._ggml.libggml.ggml_op_name
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.c_int]
    return name(number).decode()


Tensor._fields_ = [
    ("type", ctypes.c_int), ("buffer", ctypes.c_void_p), ("ne", ctypes.c_int64 * _DIMENSIONS),
    ("nb", ctypes.c_size_t * _DIMENSIONS), ("op", ctypes.c_int), ("op_params", ctypes.c_int32 * _PARAMETERS),
    ("flags", ctypes.c_int32), ("src", ctypes.POINTER(Tensor) * _SOURCES), ("view_src", ctypes.c_void_p),
    ("view_offs", ctypes.c_size_t), ("data", ctypes.c_void_p), ("name", ctypes.c_char * _NAME),
    ("extra", ctypes.c_void_p), ("padding", ctypes.c_char * 8),
]  # fmt: skip
