"""The HDF5 file: written under another name, completed, flushed to the disk, and only then renamed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Mapping

import h5py
import numpy as np

from .errors import CaptureError
from .golden import Golden
from .values import Values


def write_file(
    out: str | os.PathLike,
    golden: Golden,
    tensors: Mapping[str, Values],
    provenance: Mapping[str, str],
    attributes: Mapping[str, Mapping[str, int]],
    weights_sha256: str | None,
    replace: bool,
) -> None:
    """Writes arranged tensors as a capture; a file under that name is replaced only where `replace` says so."""
    write_whole(out, replace, lambda file: _fill(file, golden, tensors, provenance, attributes, weights_sha256))


def write_whole(out: str | os.PathLike, replace: bool, fill: Callable[[h5py.File], None]) -> None:
    """Writes a file under another name, has `fill` put everything in, says that it is complete, and renames it."""
    out = os.fspath(out)
    if os.path.exists(out) and not replace:
        raise CaptureError(out, "exists already", "name another file, or say replace=True")
    folder, name = os.path.split(os.path.abspath(out))
    try:
        handle, partial = tempfile.mkstemp(prefix=f"{name}.partial-", dir=folder)
        os.close(handle)
    except OSError as error:
        raise CaptureError(
            out, f"cannot be written ({error.strerror})", "name a file in a folder that is there"
        ) from error
    try:
        with h5py.File(partial, "w", libver=("v110", "v110")) as file:
            fill(file)
            file.attrs["complete"] = np.uint8(1)  # last: without it the file is refused
        _publish(partial, out, replace)
    except OSError as error:
        raise CaptureError(out, f"cannot be written ({error})", "make room, or name another file") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(partial)


def _publish(partial: str, out: str, replace: bool) -> None:
    """Flushes and renames; without `replace` a file that has appeared meanwhile stays."""
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(partial, 0o666 & ~umask)  # mkstemp makes files that nobody else can read
    with open(partial, "rb+") as file:
        os.fsync(file.fileno())
    if replace:
        os.replace(partial, out)
        return
    try:
        os.link(partial, out)
    except FileExistsError:
        raise CaptureError(out, "exists already", "name another file, or say replace=True") from None
    except OSError:  # a file system without hard links
        os.rename(partial, out)


def text(value: object) -> np.bytes_:
    """A text of fixed length: these carry a checksum."""
    return np.bytes_(str(value).encode())


def head(file: h5py.File, version: str, provenance: Mapping[str, str]) -> None:
    """What the format asks of every capture, and who made it."""
    for key, value in {"format": "touchstone", "format_version": version, "kind": "capture"}.items():
        file.attrs[key] = text(value)
    notes = file.create_group("provenance")
    for key, value in provenance.items():
        notes.attrs[key] = text(value)


def put(file: h5py.File, name: str, found: Values) -> h5py.Dataset:
    """A tensor, with a checksum where it has elements."""
    whole = found.array.ndim > 0 and found.array.size > 0
    storage = {"chunks": True, "fletcher32": True} if whole else {}
    data = file.create_dataset(name, data=np.ascontiguousarray(found.array), track_times=False, **storage)
    if found.type == "bfloat16":
        data.attrs["dtype"] = text("bfloat16")
    return data


def _fill(
    file: h5py.File,
    golden: Golden,
    tensors: Mapping[str, Values],
    provenance: Mapping[str, str],
    attributes: Mapping[str, Mapping[str, int]],
    weights_sha256: str | None,
) -> None:
    head(file, "1.0", provenance)
    about = file.create_group("model")
    about.attrs["family"] = text(golden.family)
    about.attrs["config_json"] = text(golden.config_json)
    if weights_sha256 is not None:
        about.attrs["weights_sha256"] = text(weights_sha256)
    if len(golden.token_ids):
        file["inputs/token_ids"] = golden.token_ids.astype(np.int32)
        file["inputs/position_ids"] = golden.position_ids.astype(np.int32)
    if golden.attention_mask is not None:
        file["inputs/attention_mask"] = (golden.attention_mask != 0).astype(np.uint8)
    for name, values in golden.other_inputs.items():
        file[f"inputs/{name}"] = values
    for name, found in tensors.items():
        data = put(file, name, found)
        for key, value in attributes.get(name, {}).items():
            data.attrs[key] = np.uint8(value)
