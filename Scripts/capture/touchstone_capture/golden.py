"""What a golden says: the model's configuration and the inputs to run."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from . import names
from .errors import CaptureError
from .layouts import parse

#: Fields of `config.json` that decide the arithmetic, with what holds where they are absent or null.
DEFAULTS = {
    "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "tie_word_embeddings": True,
    "scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False, "n_inner": None,
}  # fmt: skip

#: The names under which sizes stand, by family; {stack} is `encoder` or `decoder` where there are two.
_SIZES = {
    "n_embd": ["n_embd", "hidden_size", "d_model", "n_embed", "dim"],
    "n_layer": [
        "{stack}_layers", "num_{stack}_layers", "n_layer", "num_hidden_layers", "n_layers", "num_layers",
    ],
    "n_head": ["{stack}_attention_heads", "n_head", "num_attention_heads", "n_heads", "num_heads"],
    "n_positions": ["n_positions", "max_position_embeddings", "n_ctx", "max_seq_len", "max_target_positions"],
    "n_inner": [
        "{stack}_ffn_dim", "n_inner", "intermediate_size", "ffn_dim", "ffn_hidden_size", "d_ff", "hidden_dim",
    ],
}  # fmt: skip

_KNOWN_INPUTS = ("token_ids", "position_ids", "attention_mask")

#: Inputs that stand in place of ids.
_INPUTS_WITHOUT_IDS = ("pixel_values", "hidden")


@dataclass(frozen=True)
class Golden:
    """A model's configuration and one sequence of inputs; `attention_mask` is None where every key is visible.

    Of pictures and blocks by themselves, whose input stands among `other_inputs`, there are no ids and no positions.
    """

    place: str
    config_json: str
    token_ids: np.ndarray  # [T]
    position_ids: np.ndarray  # [T]
    attention_mask: np.ndarray | None = None  # [T], 0 marks a key that nobody may attend to
    weights_sha256: str | None = None
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # of the activations that the file holds
    graph_json: str | None = None  # of every golden but GPT-2's
    other_inputs: Mapping[str, np.ndarray] = field(default_factory=dict)  # token types, what an encoder reads, pixels

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
                shapes = _shapes(file)
                graph = file["model/graph"][()].tobytes().decode() if "model/graph" in file else None
        except OSError as error:
            raise CaptureError(place, f"cannot be read as HDF5 ({error})", "name a golden of Touchstone") from error
        if "config_json" not in about or not any(name in inputs for name in ("token_ids", *_INPUTS_WITHOUT_IDS)):
            raise CaptureError(place, "has no model/config_json or no inputs/token_ids", "name a golden of Touchstone")
        tokens = inputs.get("token_ids", np.zeros(0, np.int32))
        digest = about.get("weights_sha256")
        return Golden(
            place,
            _text(about["config_json"]),
            tokens,
            inputs.get("position_ids", np.arange(len(tokens))),
            inputs.get("attention_mask"),
            None if digest is None else _text(digest),
            shapes,
            graph,
            {name: data for name, data in inputs.items() if name not in _KNOWN_INPUTS},
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

    def setting(self, name: str, stack: str = "") -> Any:
        """A field of the configuration that an engine has to obey, with its default where it is absent or null.

        stack: `encoder/` or `decoder/`, of a family with two of which each has its own sizes.
        """
        fields = [field.replace("{stack}", stack.rstrip("/")) for field in _SIZES.get(name, [name])]
        found = next((value for field in fields if (value := self.config.get(field)) is not None), DEFAULTS.get(name))
        if found is None and name not in DEFAULTS:
            raise CaptureError(self.place, f"the configuration has no {name}", "complete it")
        return found

    def operations(self, *kinds: str) -> list[dict[str, Any]]:
        """The operations of the graph that are of one of some kinds, in order; none where there is no graph."""
        listed = json.loads(self.graph_json)["operations"] if self.graph_json else []
        return [operation for operation in listed if operation["kind"] in kinds]

    @property
    def stacks(self) -> tuple[str, ...]:
        """What the names of each stack's activations begin with: nothing where there is one stack alone."""
        has_source = {"encoder_token_ids", "input_features", "audio"} & self.other_inputs.keys()
        return ("encoder/", "decoder/") if has_source or names.stack(next(iter(self.shapes), "")) else ("",)

    @property
    def layers(self) -> int:
        """How many blocks the model has; of two stacks, the one that makes the logits."""
        return self.layers_of(self.stacks[-1])

    def layers_of(self, stack: str) -> int:
        """How many blocks a stack has, see `stacks`."""
        if stack not in self.stacks:
            return 0
        beginning = f"{stack}layers/"
        stored = [int(name[len(beginning) :].split("/")[0]) for name in self.shapes if name.startswith(beginning)]
        return max(stored) + 1 if stored else int(self.setting("n_layer", stack))

    @property
    def context(self) -> int | None:
        """How many tokens the model takes at most, where the configuration says it."""
        found = next((value for name in _SIZES["n_positions"] if (value := self.config.get(name)) is not None), None)
        return None if found is None else int(found)

    @property
    def sizes(self) -> dict[str, int]:
        """The extent of each axis, by the letters of `names`, of the stack that makes the logits."""
        return self._sizes[self.stacks[-1]]

    def sizes_of(self, name: str) -> dict[str, int]:
        """The extent of each axis of one activation: as the golden holds it, else as its stack has it.

        How many rows an expert is given is its router's affair, and left out.
        """
        stack = names.stack(name)
        if name.startswith("final/") and not stack:
            stack = self.stacks[-1]
        found = dict(self._sizes.get(stack, self.sizes))
        if "/experts/" in name or "/shared/" in name:
            found.pop("F", None)
        if "kv_lora_rank" in self.config or "/k_shared" in name:  # keys and values of other widths than queries
            found.pop("d", None)
        if name.rpartition("/")[2].startswith("cross_"):
            found.pop("S", None)
            found |= {"S": source} if (source := self._tokens("encoder/")) is not None else {}
        shape = self.shapes.get(name)
        groups = parse(names.axes(name)) if shape is not None else []
        if shape is not None and len(groups) == len(shape):
            found |= {group: extent for group, extent in zip(groups, shape) if len(group) == 1}
            if "T(Hd)" in names.axes(name):
                found["d"] = shape[1] // found["H"]
        if "/experts/" in name:
            found.pop("n", None)
        return self._with_fused(found)

    @functools.cached_property
    def _sizes(self) -> dict[str, dict[str, int]]:
        """The extents of each stack: as its stored activations have them, else by `config.json`."""
        found = {}
        for stack in self.stacks:
            tokens = self._tokens(stack)
            own = {**({} if tokens is None else {"T": tokens, "S": tokens}), **self._stored_sizes(stack)}
            if not {"D", "H", "K", "d", "F", "V"} <= own.keys():
                own = {**self._configured_sizes(stack), **own}
            if "D" in own:
                own.setdefault("E", own["D"])
            found[stack] = self._with_fused(own)
        return found

    def _tokens(self, stack: str) -> int | None:
        """How many tokens a stack reads; None where only its activations would say it."""
        if stack != "encoder/" and len(self.token_ids):
            return len(self.token_ids)
        given = self.other_inputs.get("encoder_token_ids" if stack else "hidden")
        if given is not None:
            return len(given)
        if stack and "max_source_positions" in self.config:  # of features that are as long as the model takes
            return int(self.config["max_source_positions"])
        stored = (self.shapes.get(f"{stack}{name}") for name in ("embed/sum", "layers/000/resid_in", "final/ln_f"))
        return next((shape[0] for shape in stored if shape is not None), None)

    @staticmethod
    def _with_fused(found: dict[str, int]) -> dict[str, int]:
        heads, keys = found.get("H", 1), found.get("K", 1)
        return {**found, "3": 3, "2": 2, "N": heads + 2 * keys, "G": heads // keys + 2}

    def _stored_sizes(self, stack: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for name, shape in self.shapes.items():
            is_own = names.stack(name) == stack or (name.startswith("final/") and stack == self.stacks[-1])
            if not is_own or "/experts/" in name or "/shared/" in name:
                continue
            groups = parse(names.axes(name)) if names.is_known(name) else []
            if len(groups) == len(shape):
                found |= {
                    group: extent for group, extent in zip(groups, shape) if len(group) == 1 and group not in "TSnr"
                }
        return found

    def _configured_sizes(self, stack: str) -> dict[str, int]:
        """What follows from `config.json`, where it names every size that no family gives by default."""
        width, heads = int(self.setting("n_embd")), int(self.setting("n_head", stack))
        keys = self.setting_or("num_key_value_heads", heads)
        if self.family == "falcon" and not self.setting_or("new_decoder_architecture", False):
            keys = 1 if self.setting_or("multi_query", True) else heads
        elif self.family == "falcon":
            keys = self.setting_or("num_kv_heads", heads)
        found = {
            "D": width, "E": int(self.setting_or("word_embed_proj_dim", width)), "H": heads, "K": int(keys),
            "d": int(self.setting_or("head_dim", self.setting_or("d_kv", width // heads))),
            "F": int(self.setting("n_inner", stack) or 4 * width),
        }  # fmt: skip
        vocabulary = self.config.get("vocab_size")
        if vocabulary is not None:  # of ImageGPT, the first id is never predicted
            found["V"] = int(vocabulary) - (self.family == "imagegpt")
        return found

    def setting_or(self, name: str, default: Any) -> Any:
        """A field of the configuration, or a default where it is absent or null."""
        found = self.config.get(name)
        return default if found is None else found

    @property
    def visible(self) -> np.ndarray:
        """[T, T], True where a query (row) may attend to a key (column)."""
        causal = np.tri(len(self.token_ids), dtype=bool)
        return causal if self.attention_mask is None else causal & (self.attention_mask != 0)[None, :]


def _shapes(file: h5py.File) -> dict[str, tuple[int, ...]]:
    """The shapes of the activations in a file, by their names."""
    found: dict[str, tuple[int, ...]] = {}
    for part in ("features", "encoder", "decoder", "embed", "layers", "final"):
        if part in file:
            file[part].visititems(
                lambda name, item, part=part: (
                    found.update({f"{part}/{name}": item.shape}) if isinstance(item, h5py.Dataset) else None
                )
            )
    return found


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
