"""Where the activations of a family stand in Hugging Face's modules: one table a family, and nothing else.

`{i}` is the index of a block, `{next}` that of the one after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tap:
    """A point in a module tree: the output of a module or its first input.

    layout: the axes of what passes there, see `layouts`.
    last: the module that stands for `module` behind the last block.
    """

    module: str
    at: str = "output"
    layout: str = "BTD"
    last: str | None = None


@dataclass(frozen=True)
class Family:
    """The taps of a family by name, and the attention module whose softmax is watched."""

    auto_class: str
    attention: str
    taps: Mapping[str, Tap] = field(default_factory=dict)


_GPT2 = Family(
    auto_class="AutoModelForCausalLM",
    attention="transformer.h.{i}.attn",
    taps={
        "embed/token": Tap("transformer.wte"),
        "embed/position": Tap("transformer.wpe"),
        "embed/sum": Tap("transformer.drop"),
        "layers/{i}/resid_in": Tap("transformer.h.{i}.ln_1", "input"),
        "layers/{i}/ln_1": Tap("transformer.h.{i}.ln_1"),
        "layers/{i}/qkv": Tap("transformer.h.{i}.attn.c_attn", layout="BT(3Hd)"),
        "layers/{i}/attn_context": Tap("transformer.h.{i}.attn.c_proj", "input", "BT(Hd)"),
        "layers/{i}/attn_out": Tap("transformer.h.{i}.attn.c_proj"),
        "layers/{i}/resid_mid": Tap("transformer.h.{i}.ln_2", "input"),
        "layers/{i}/ln_2": Tap("transformer.h.{i}.ln_2"),
        "layers/{i}/mlp_pre": Tap("transformer.h.{i}.mlp.c_fc", layout="BTF"),
        "layers/{i}/mlp_act": Tap("transformer.h.{i}.mlp.c_proj", "input", "BTF"),
        "layers/{i}/mlp_out": Tap("transformer.h.{i}.mlp.c_proj"),
        "layers/{i}/resid_out": Tap("transformer.h.{next}.ln_1", "input", last="transformer.ln_f"),
        "final/ln_f": Tap("transformer.ln_f"),
        "final/logits": Tap("lm_head", layout="BTV"),
    },
)

#: By Hugging Face's `model_type`.
FAMILIES: Mapping[str, Family] = {"gpt2": _GPT2}
