"""The model inside a golden as a Hugging Face folder, which engines load."""

from __future__ import annotations

import json
import os
import struct
from typing import Any

import h5py
import numpy as np

from .errors import CaptureError
from .golden import Golden

_TYPES = {"float64": "F64", "float32": "F32", "float16": "F16"}


def write_folder(golden: Golden, folder: str) -> None:
    """Writes `config.json` and `model.safetensors` of a golden that holds its weights, to the bit."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    stored: list[bytes] = []
    with h5py.File(golden.place, "r") as file:
        if "weights" not in file:
            raise CaptureError(golden.place, "holds no weights", "name the folder of its model, --model DIR")
        tensors: dict[str, h5py.Dataset] = {}
        file["weights"].visititems(
            lambda name, item: tensors.update({name: item}) if isinstance(item, h5py.Dataset) else None
        )
        first = 0
        for name, tensor in tensors.items():
            kind, data = _bits(tensor)
            header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [first, first + len(data)]}
            first += len(data)
            stored.append(data)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as out:
        out.write(golden.config_json)
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        out.writelines(stored)


def _bits(tensor: h5py.Dataset) -> tuple[str, bytes]:
    """A tensor's type as safetensors names it and its bits; h5py widens bfloat16, exactly."""
    array = np.ascontiguousarray(tensor[()])
    if tensor.id.get_type().get_size() == 2 and array.dtype.itemsize == 4:
        return "BF16", (array.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    if array.dtype.name not in _TYPES:
        raise CaptureError(tensor.name, f"holds {array.dtype.name}", "name the folder of the model, --model DIR")
    return _TYPES[array.dtype.name], array.tobytes()
