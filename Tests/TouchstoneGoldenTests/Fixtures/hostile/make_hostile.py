"""Makes sparse-wrong.h5.head and sparse-right.h5.head, the beginnings of captures whose rest is a hole in the file, and
aliases.h5, which holds one group by a thousand names.

Needs h5py. A test adds the hole: `truncate -s SIZE`, with the size that this prints and the test knows.
"""
import json
import os

import h5py
import numpy as np

folder = os.path.dirname(os.path.abspath(__file__))


def header(f, tokens, configuration):
    f.attrs["format"] = "touchstone"
    f.attrs["format_version"] = "1.0"
    f.attrs["kind"] = "capture"
    f.create_group("model").attrs["config_json"] = json.dumps(configuration)
    f["inputs/token_ids"] = np.zeros(tokens, np.int32)
    f.attrs["complete"] = np.uint8(1)


def capture(name, path, shape, tokens, configuration):
    """A capture with one dataset at `path`, allocated and never written."""
    whole = os.path.join(folder, name)
    with h5py.File(whole, "w", libver=("v110", "v110")) as f:
        header(f, tokens, configuration)
        f.require_group(os.path.dirname(path))
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        h5py.h5d.create(
            f.id, path.encode(), h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple(shape), dcpl=properties)
    size = os.path.getsize(whole)
    with open(whole, "rb") as f:
        head = f.read(1 << 16).rstrip(b"\0")
    os.remove(whole)
    # Nothing but zeros may follow.
    with open(whole + ".head", "wb") as f:
        f.write(head)
    print(name, len(head), size)


small = dict(vocab_size=13, n_positions=8, n_embd=12, n_layer=2, n_head=3, model_type="gpt2")
large = dict(small, vocab_size=50257, n_positions=16384)
capture("sparse-wrong.h5", "layers/000/q", (3 * 2**28,), 5, small)
capture("sparse-right.h5", "final/logits", (4096, 50257), 4096, large)
with h5py.File(os.path.join(folder, "aliases.h5"), "w", libver=("v110", "v110")) as f:
    header(f, 5, small)
    layers = f.create_group("layers")
    layer = layers.create_group("000")
    for number in range(70):
        layer[f"n{number:02}"] = layer.create_group("group") if number == 0 else layer["n00"]
    for number in range(1, 1000):
        layers[f"{number:03}"] = layer
