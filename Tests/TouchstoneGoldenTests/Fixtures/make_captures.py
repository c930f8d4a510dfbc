"""Writes captures in the many ways that h5py users do, and some that must be refused.

    python make_captures.py        (h5py 3, numpy; writes into this folder)

Every readable file holds the same numbers, which CaptureVariantTests.swift computes likewise.
"""

import hashlib
import json
import os

import h5py
import numpy as np

FOLDER = os.path.dirname(os.path.abspath(__file__))
CONFIG = json.dumps(
    dict(model_type="gpt2", vocab_size=5, n_positions=4, n_embd=2, n_layer=1, n_head=2, n_inner=3), indent=1
)
TOKENS = [4, 0, 3]
SHAPES = {"embed/sum": (3, 2), "layers/000/q": (2, 3, 1), "final/logits": (3, 5)}


def values(path):
    """Quarters between -2 and 1.75: exact in every type."""
    count = int(np.prod(SHAPES[path]))
    return ((np.arange(count) * 7 + len(path)) % 16 - 8).reshape(SHAPES[path]) / 4


def remove(name):
    if os.path.exists(name):
        os.remove(name)


def capture(name, text=np.bytes_, ids=np.int32, open_with=None, **storage):
    """A capture with everything but its activations."""
    path = os.path.join(FOLDER, name)
    remove(path)
    f = h5py.File(path, "w", **(open_with or {}))
    f.attrs["format"] = text("touchstone")
    f.attrs["format_version"] = text("1.0")
    f.attrs["kind"] = text("capture")
    f.attrs["complete"] = np.uint8(1)
    model = f.create_group("model")
    model.attrs["family"] = text("gpt2")
    model.attrs["config_json"] = text(CONFIG)
    f.create_dataset("inputs/token_ids", data=np.array(TOKENS, ids), **storage)
    return f


def fill(f, dtype="<f4", batch=False, **storage):
    for path in SHAPES:
        data = values(path).astype(dtype)
        f.create_dataset(path, data=data[None] if batch else data, **storage)


def float_type(size, fields, bias):
    t = h5py.h5t.IEEE_F32LE.copy()
    t.set_fields(*fields)
    t.set_size(size)
    t.set_ebias(bias)
    return t


def bfloat16_bits(path):
    return (values(path).astype("<f4").view("<u4") >> 16).astype("<u2")


def raw_dataset(f, path, file_type, bits):
    """Bits stored under a type that NumPy has not."""
    space = h5py.h5s.create_simple(bits.shape)
    parent = f.require_group(os.path.dirname(path))
    d = h5py.h5d.create(parent.id, os.path.basename(path).encode(), file_type, space)
    d.write(h5py.h5s.ALL, h5py.h5s.ALL, bits, mtype=file_type)


# --- Files that must be read ---

with capture("contiguous-int64-batch.h5", text=str, ids=np.int64) as f:
    fill(f, batch=True)

with capture("gzip-shuffle-v110.h5", open_with=dict(libver=("v110", "v110")), compression="gzip", shuffle=True) as f:
    fill(f, "<f8", compression="gzip", shuffle=True, fletcher32=True)
    f["layers/000"].attrs["note"] = "of variable length"

with capture("big-endian-user-block.h5", ids=">i8", open_with=dict(userblock_size=1024)) as f:
    fill(f, ">f4", chunks=True)

with capture("float16.h5", ids=np.uint16) as f:
    fill(f, "<f2")
    f.create_group("provenance").attrs["precision"] = "float16"

with capture("bfloat16.h5", ids=np.uint8) as f:
    kinds = {
        "embed/sum": float_type(2, (15, 7, 8, 0, 7), 127),
        "layers/000/q": h5py.h5t.STD_U16LE,
        "final/logits": h5py.h5t.create(h5py.h5t.OPAQUE, 2),
    }
    for path, kind in kinds.items():
        raw_dataset(f, path, kind, bfloat16_bits(path))
        f[path].attrs["dtype"] = "bfloat16"
    f.create_group("provenance").attrs["precision"] = "bfloat16"

with capture("additions.h5", text=lambda s: np.array([s], h5py.string_dtype())) as f:
    fill(f, ">f8")
    f["inputs/position_ids"] = np.array([[1, 2, 3]], np.int64)
    f["inputs/attention_mask"] = np.array([True, False, True])
    f["layers/000/q"].attrs["derived"] = True
    f["final/logits"].attrs["anything"] = np.arange(5)
    f["extra/timings/attention"] = np.arange(3.0)
    f["layers/000/rotary"] = np.arange(3)
    f["layers/007/q"] = np.zeros((2, 3, 1))
    f["notes"] = "a text"
    f["embed/alias"] = h5py.SoftLink("/embed/sum")
    f["embed/again"] = f["embed"]
    provenance = f.create_group("provenance")
    provenance.attrs["producer"] = "another engine"
    provenance.attrs["producer_version"] = h5py.Empty("S1")
    provenance.attrs["threads"] = 2
    provenance.attrs["versions"] = np.arange(3)
    # The manifest is over little-endian bytes, whatever the order in the file.
    digest = hashlib.sha256(values("embed/sum").astype("<f8").tobytes()).hexdigest()
    entry = {"/embed/sum": {"shape": [3, 2], "dtype": "float64", "sha256": digest}}
    provenance["manifest"] = np.frombuffer(json.dumps(entry).encode(), np.uint8)

with capture("wrong-shapes.h5") as f:
    f["embed/sum"] = values("embed/sum").T.astype("<f4")
    f["final/logits"] = np.float32(1)
    # Four exabytes declared, nothing written.
    f.create_dataset("layers/000/q", shape=(2**30, 2**30), dtype="<f4", chunks=(1, 64))

# --- Files that must be refused, and what the refusal must say ---

with capture("refused-external-link.h5") as f:
    f["final/logits"] = h5py.ExternalLink("contiguous-int64-batch.h5", "/final/logits")
    del f["inputs"]
    f["inputs"] = h5py.ExternalLink("contiguous-int64-batch.h5", "/inputs")

with capture("refused-virtual.h5") as f:
    layout = h5py.VirtualLayout(shape=(3, 2), dtype="<f4")
    layout[:] = h5py.VirtualSource("contiguous-int64-batch.h5", "embed/sum", shape=(1, 3, 2))[0]
    f.create_virtual_dataset("embed/sum", layout, fillvalue=7)

with capture("refused-external-storage.h5") as f:
    f.create_dataset("embed/sum", shape=(3, 2), dtype="<f4", external=[("make_captures.py", 0, 24)])

with capture("refused-lzf.h5") as f:
    fill(f, compression="lzf")

with capture("refused-never-written.h5") as f:
    f.create_dataset("embed/sum", shape=(3, 2), dtype="<f4")

with capture("refused-missing-chunk.h5") as f:
    d = f.create_dataset("embed/sum", shape=(3, 2), dtype="<f4", chunks=(1, 2), compression="gzip")
    d[0] = 1
    d[2] = 1

with capture("refused-integers.h5") as f:
    fill(f, "<i4")

with capture("refused-long-double.h5") as f:
    fill(f, np.longdouble)

with capture("refused-text-ids.h5") as f:
    del f["inputs/token_ids"]
    f["inputs/token_ids"] = np.array([b"four", b"zero", b"five"])

with capture("two-sequences.h5") as f:
    del f["inputs/token_ids"]
    f["inputs/token_ids"] = np.array([TOKENS, TOKENS])

with capture("refused-three-axes.h5") as f:
    del f["inputs/token_ids"]
    f["inputs/token_ids"] = np.array([[TOKENS, TOKENS]])

with capture("refused-token-beyond-vocabulary.h5") as f:
    f["inputs/token_ids"][1] = 5

with capture("refused-huge-token.h5", ids=np.uint64) as f:
    f["inputs/token_ids"][1] = 2**64 - 1

with capture("refused-incomplete.h5") as f:
    del f.attrs["complete"]

with capture("refused-version.h5") as f:
    f.attrs["format_version"] = "2.0"

with capture("refused-other-format.h5") as f:
    del f.attrs["format"]

with capture("refused-kind.h5") as f:
    f.attrs["kind"] = "silver"

with capture("refused-config.h5") as f:
    f["model"].attrs["config_json"] = "{}"

with capture("refused-family.h5") as f:
    f["model"].attrs["family"] = "llama"

with capture("refused-precision.h5") as f:
    f.create_group("provenance").attrs["precision"] = "int8"

with capture("refused-manifest.h5") as f:
    fill(f)
    entry = {"/embed/sum": {"shape": [3, 2], "dtype": "float32", "sha256": "0" * 64}}
    f["provenance/manifest"] = np.frombuffer(json.dumps(entry).encode(), np.uint8)

with capture("refused-golden-without-manifest.h5") as f:
    fill(f)
    f.attrs["kind"] = "golden"
