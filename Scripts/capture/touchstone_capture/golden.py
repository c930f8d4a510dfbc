"""What a golden says: the model's configuration and the inputs to run."""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from .errors import CaptureError

#: Fields of `config.json` that decide the arithmetic, with what holds where they are absent or null.
DEFAULTS = {
    "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "tie_word_embeddings": True,
    "scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False, "n_inner": None,
}  # fmt: skip

#: The other names under which sizes stand.
_ALIASES = {
    "n_embd": ["hidden_size"], "n_layer": ["num_hidden_layers"], "n_head": ["num_attention_heads"],
    "n_positions": ["max_position_embeddings", "n_ctx"], "vocab_size": [],
}  # fmt: skip


@dataclass(frozen=True)
class Golden:
    """A model's configuration and one sequence of inputs; `attention_mask` is None where every key is visible."""

    place: str
    config_json: str
    token_ids: np.ndarray  # [T]
    position_ids: np.ndarray  # [T]
    attention_mask: np.ndarray | None = None  # [T], 0 marks a key that nobody may attend to
    weights_sha256: str | None = None

    @staticmethod
    def read(path: str | os.PathLike | Golden) -> Golden:
        """The inputs of a golden (or of a capture)."""
        if isinstance(path, Golden):
            return path
        place = os.fspath(path)
        try:
            with h5py.File(place, "r") as file:
                about = dict(file["model"].attrs) if "model" in file else {}
                inputs = {name: data[()] for name, data in file["inputs"].items()} if "inputs" in file else {}
        except OSError as error:
            raise CaptureError(place, f"cannot be read as HDF5 ({error})", "name a golden of Touchstone") from error
        if "config_json" not in about or "token_ids" not in inputs:
            raise CaptureError(place, "has no model/config_json or no inputs/token_ids", "name a golden of Touchstone")
        tokens = inputs["token_ids"]
        digest = about.get("weights_sha256")
        return Golden(
            place,
            _text(about["config_json"]),
            tokens,
            inputs.get("position_ids", np.arange(len(tokens))),
            inputs.get("attention_mask"),
            None if digest is None else _text(digest),
        )

    @staticmethod
    def of_tokens(model: str | os.PathLike, token_ids: list[int]) -> Golden:
        """Any tokens through the model in a Hugging Face folder."""
        path = os.path.join(model, "config.json")
        try:
            with open(path, encoding="utf-8-sig") as file:
                text = file.read()
        except OSError as error:
            raise CaptureError(path, f"cannot be read ({error.strerror})", "name a Hugging Face folder") from error
        return Golden(path, text, np.array(token_ids), np.arange(len(token_ids)))

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        """`config.json` as it stands there."""
        try:
            return json.loads(self.config_json)
        except ValueError as error:
            raise CaptureError(self.place, f"the configuration is not JSON ({error})", "record it anew") from error

    @property
    def family(self) -> str:
        """The kind of model, as Hugging Face's `model_type` names it."""
        return self.config.get("model_type", "gpt2")

    def setting(self, name: str) -> Any:
        """A field of the configuration that an engine has to obey, with its default where it is absent or null."""
        values = [self.config.get(field) for field in [name, *_ALIASES.get(name, [])]]
        found = next((value for value in values if value is not None), DEFAULTS.get(name))
        if found is None and name not in DEFAULTS:
            raise CaptureError(self.place, f"the configuration has no {name}", "give a model of the family gpt2")
        return found

    @property
    def layers(self) -> int:
        """How many blocks the model has."""
        return int(self.setting("n_layer"))

    @property
    def sizes(self) -> dict[str, int]:
        """The extent of each axis, by the letters of `names`."""
        tokens, width, heads = len(self.token_ids), int(self.setting("n_embd")), int(self.setting("n_head"))
        return {
            "T": tokens, "S": tokens, "D": width, "H": heads, "d": width // heads, "3": 3,
            "F": int(self.setting("n_inner") or 4 * width), "V": int(self.setting("vocab_size")),
        }  # fmt: skip

    @property
    def visible(self) -> np.ndarray:
        """[T, T], True where a query (row) may attend to a key (column)."""
        causal = np.tri(len(self.token_ids), dtype=bool)
        return causal if self.attention_mask is None else causal & (self.attention_mask != 0)[None, :]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
