"""How a family's checkpoints name their tensors, and which of these are no weights of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import CaptureError

#: Buffers that checkpoints of some versions hold: causal masks, tables of frequencies.
_BUFFERS = (
    ".attn.bias", ".attn.masked_bias", ".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq",
    ".rotary.inv_freq",
)  # fmt: skip

#: The readout by itself, which is the embedding's table again where the two are tied.
_HEADS = ("lm_head.", "embed_out.")

#: What stands in front of every other tensor, by family, where it is not `model.`.
_ROOTS = {
    "gpt_neox": "gpt_neox.",
    **dict.fromkeys(["gpt2", "imagegpt", "gptj", "falcon", "bloom", "mpt"], "transformer."),
}

#: Families whose two tables are tied unless the configuration says otherwise.
_TIED = {"gpt2", "gemma", "gemma2", "gemma3_text", "falcon", "bloom", "mpt", "opt", "starcoder2"}


@dataclass(frozen=True)
class StoredNames:
    """The names of one model's tensors."""

    root: str
    is_tied: bool

    @staticmethod
    def of(config: Mapping[str, Any]) -> StoredNames:
        """Those of a configuration."""
        family = config.get("model_type", "gpt2")
        if not isinstance(family, str):
            raise CaptureError("config.json, model_type", f"is {family!r}", "name a family")
        tied = config.get("tie_word_embeddings")
        return StoredNames(_ROOTS.get(family, "model."), family in _TIED if tied is None else bool(tied))

    def full(self, name: str) -> str:
        """The name as `save_pretrained` writes it: a bare model's lack the first part."""
        return name if name.startswith((self.root, *_HEADS)) else self.root + name

    def is_left_out(self, name: str) -> bool:
        """Whether a tensor is a buffer, or a second table that is tied to the first."""
        return (self.is_tied and name in [f"{head}weight" for head in _HEADS]) or name.endswith(_BUFFERS)
