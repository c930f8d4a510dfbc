"""A Hugging Face folder: its configuration and weights, read with NumPy alone."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from typing import Any

import numpy as np

from .errors import CaptureError
from .stored_names import StoredNames

#: The types of safetensors that are read: ours by theirs, and the type of the bits in NumPy.
_TYPES = {
    "F64": ("float64", "<f8"), "F32": ("float32", "<f4"), "F16": ("float16", "<f2"), "BF16": ("bfloat16", "<u2"),
}  # fmt: skip


class Model:
    """The model in a folder as `transformers` saves it, in one file or in shards."""

    def __init__(self, folder: str | os.PathLike):
        self.folder = os.fspath(folder)
        self.config: dict[str, Any] = _json(os.path.join(self.folder, "config.json"))
        self._names = StoredNames.of(self.config)
        self._where: dict[str, tuple[str, str, list[int], int, int]] = {}
        for file in self._files():
            self._index(file)

    def __getitem__(self, name: str) -> np.ndarray:
        """A tensor as float32 (float64 where it is stored so), widened exactly; the first part may be left out."""
        kind, shape, data = self._stored(name)
        array = np.frombuffer(data, _TYPES[kind][1]).reshape(shape)
        if kind == "BF16":
            return (array.astype(np.uint32) << 16).view(np.float32)
        return array.astype(np.float64 if kind == "F64" else np.float32)

    def __contains__(self, name: str) -> bool:
        return self._names.full(name) in self._where

    @property
    def names(self) -> list[str]:
        """The tensors that are weights, by their full names: no buffers, no second table that is tied to the first."""
        return [name for name in sorted(self._where) if not self._names.is_left_out(name)]

    @property
    def weights_sha256(self) -> str:
        """The digest of the weights that Docs/Format.md defines, of a family that is known here."""
        digest = hashlib.sha256()
        for name in self.names:
            kind, shape, data = self._stored(name)
            digest.update(f"{name} {_TYPES[kind][0]} {','.join(map(str, shape))}\n".encode())
            digest.update(data)
        return digest.hexdigest()

    def _files(self) -> list[str]:
        index = os.path.join(self.folder, "model.safetensors.index.json")
        if os.path.exists(index):
            return sorted(set(_json(index)["weight_map"].values()))
        return ["model.safetensors"]

    def _index(self, file: str) -> None:
        """Reads the header of one file; the tensors are read when they are asked for."""
        path = os.path.join(self.folder, file)
        try:
            size = os.path.getsize(path)
            with open(path, "rb") as opened:
                (length,) = struct.unpack("<Q", opened.read(8))
                header = json.loads(opened.read(length)) if length <= size - 8 else None
        except (OSError, ValueError, struct.error) as error:
            raise CaptureError(path, f"cannot be read as safetensors ({error})", "save the model anew") from error
        if not isinstance(header, dict):
            raise CaptureError(path, "is cut short", "copy it again")
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            first, last = entry["data_offsets"]
            count = int(np.prod(entry["shape"], dtype=np.int64))
            if not 0 <= first <= last <= size - 8 - length:
                raise CaptureError(path, f"{name} lies outside the file", "copy it again")
            if entry["dtype"] in _TYPES and last - first != count * np.dtype(_TYPES[entry["dtype"]][1]).itemsize:
                raise CaptureError(path, f"{name} has another size than its shape", "save the model anew")
            self._where[self._names.full(name)] = (
                path,
                entry["dtype"],
                entry["shape"],
                8 + length + first,
                last - first,
            )

    def _stored(self, name: str) -> tuple[str, list[int], bytes]:
        if name not in self:
            raise CaptureError(self.folder, f"has no tensor {name}", "give a whole model")
        path, kind, shape, offset, count = self._where[self._names.full(name)]
        if kind not in _TYPES:
            raise CaptureError(path, f"{name} is of the type {kind}", f"store it as one of {', '.join(_TYPES)}")
        with open(path, "rb") as opened:
            opened.seek(offset)
            return kind, shape, opened.read(count)


def _json(path: str) -> Any:
    try:
        with open(path, encoding="utf-8-sig") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise CaptureError(path, f"cannot be read ({error})", "name a Hugging Face folder") from error
