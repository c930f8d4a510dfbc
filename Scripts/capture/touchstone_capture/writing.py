"""The HDF5 file: written under another name, completed, flushed to the disk, and only then renamed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping

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
            _fill(file, golden, tensors, provenance, attributes, weights_sha256)
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


def _fill(
    file: h5py.File,
    golden: Golden,
    tensors: Mapping[str, Values],
    provenance: Mapping[str, str],
    attributes: Mapping[str, Mapping[str, int]],
    weights_sha256: str | None,
) -> None:
    text = lambda value: np.bytes_(str(value).encode())  # noqa: E731  of fixed length: these carry a checksum
    for key, value in {"format": "touchstone", "format_version": "1.0", "kind": "capture"}.items():
        file.attrs[key] = text(value)
    about = file.create_group("model")
    about.attrs["family"] = text(golden.family)
    about.attrs["config_json"] = text(golden.config_json)
    if weights_sha256 is not None:
        about.attrs["weights_sha256"] = text(weights_sha256)
    file["inputs/token_ids"] = golden.token_ids.astype(np.int32)
    file["inputs/position_ids"] = golden.position_ids.astype(np.int32)
    if golden.attention_mask is not None:
        file["inputs/attention_mask"] = (golden.attention_mask != 0).astype(np.uint8)
    notes = file.create_group("provenance")
    for key, value in provenance.items():
        notes.attrs[key] = text(value)
    for name, found in tensors.items():
        whole = found.array.ndim > 0 and found.array.size > 0
        storage = {"chunks": True, "fletcher32": True} if whole else {}
        data = file.create_dataset(name, data=np.ascontiguousarray(found.array), track_times=False, **storage)
        if found.type == "bfloat16":
            data.attrs["dtype"] = text("bfloat16")
        for key, value in attributes.get(name, {}).items():
            data.attrs[key] = np.uint8(value)
    file.attrs["complete"] = np.uint8(1)  # last: without it the file is refused
