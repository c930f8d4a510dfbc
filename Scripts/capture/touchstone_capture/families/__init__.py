"""Where the activations of a family stand in Hugging Face's modules: one table a family, and nothing else.

A table says for each activation of a block which of its modules makes it, or reads it, by the module's path in the
block. Where a family's options change its blocks the table is made of the model's configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .decoders import DECODERS
from .encoders import ENCODERS
from .experts import EXPERTS
from .pictures import PICTURES
from .seq2seq import SEQ2SEQ
from .tables import Attention, Experts, Family, Tap

__all__ = ["FAMILIES", "LEFT_OUT", "Attention", "Experts", "Family", "Tap"]

#: By Hugging Face's `model_type`: the table of a model with a configuration.
FAMILIES: Mapping[str, Callable[[Any], Family]] = {**DECODERS, **EXPERTS, **ENCODERS, **SEQ2SEQ, **PICTURES}

#: Families of Touchstone that have none, and why.
LEFT_OUT: Mapping[str, str] = {
    "dit_block": "transformers holds such blocks inside larger models only, and has no model that is a stack of them"
}
