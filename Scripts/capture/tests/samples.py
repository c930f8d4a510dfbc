"""What the tests share: a golden without a file, its activations, and the folders of the checkout."""

import os
import pathlib

import numpy as np

from touchstone_capture import Golden
from touchstone_capture.layouts import Arrangement
from touchstone_capture.names import IN_LAYERS, INTEGERS, OUTSIDE_LAYERS

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]
GOLDENS = CHECKOUT / "golden"
SEED = 20261128

_built = [os.environ.get("TOUCHSTONE"), CHECKOUT / ".build" / "debug" / "touchstone"]

#: The program, or None where it is not built.
TOUCHSTONE = next((str(path) for path in _built if path and os.access(path, os.X_OK)), None)

CONFIG = (
    '{"model_type": "gpt2", "n_embd": 12, "n_head": 3, "n_layer": 2, "n_inner": 7, "vocab_size": 11, "n_positions": 9}'
)

#: Four heads of queries that share two of keys, 3 wide.
SHARED = CONFIG.replace('"n_head": 3', '"n_head": 4, "num_key_value_heads": 2')


def golden(tokens=5, config=CONFIG):
    """A golden of some tokens: 2 layers, D 12, H 3, d 4, F 7, V 11."""
    return Golden("sample", config, np.arange(tokens) % 11, np.arange(tokens))


def pair(source=4, tokens=5):
    """A golden of an encoder with a decoder, of other heads each: D 12, F 8 and 7."""
    config = (
        '{"model_type": "bart", "d_model": 12, "encoder_layers": 1, "decoder_layers": 2, "vocab_size": 11, '
        '"encoder_attention_heads": 2, "decoder_attention_heads": 3, "encoder_ffn_dim": 8, "decoder_ffn_dim": 7}'
    )
    ids = {"encoder_token_ids": np.arange(source)}
    return Golden("pair", config, np.arange(tokens), np.arange(tokens), other_inputs=ids)


def activations(of, kind=np.float32):
    """Random activations in the format's layouts, by name: of all that a decoder can have."""
    random, sizes = np.random.default_rng(SEED), {**of.sizes, "r": 6}

    def tensor(axes):
        return random.standard_normal([sizes[letter] for letter in axes.replace("(Hd)", "D")]).astype(kind)

    found = {name: tensor(axes) for name, axes in OUTSIDE_LAYERS.items() if "n" not in axes}
    for layer in range(of.layers):
        for part, axes in IN_LAYERS.items():
            is_other = part.endswith("_cache") or part.startswith("cross_") or part in INTEGERS
            if not is_other and "n" not in axes:
                found[f"layers/{layer:03}/{part}"] = tensor(axes)
    for name, array in found.items():  # what nobody may see is masked
        if name.endswith(("attn_scores", "attn_capped", "attn_bias")):
            array[:, ~of.visible] = -np.inf
        if name.endswith("attn_probs"):
            array[:, ~of.visible] = 0
    return found


def laid_out(array, axes, layout, sizes):
    """An array of the format's axes in another layout, with a batch of 1 where that has one; H may be said of keys."""
    axes = axes if "E" in layout else axes.replace("E", "D")
    axes = axes if "K" in layout else axes.replace("K", "H")
    if "B" in layout:
        array, axes = array[None], "B" + axes
    return np.ascontiguousarray(Arrangement(axes, layout)(array, sizes))
