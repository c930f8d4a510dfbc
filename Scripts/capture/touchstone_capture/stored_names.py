"""How a family's checkpoints name their tensors, and which of these are no weights of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import CaptureError

#: Buffers that checkpoints of some versions hold: causal masks, tables of frequencies and of positions.
_BUFFERS = (
    ".attn.bias", ".attn.masked_bias", ".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq",
    ".rotary.inv_freq", "embeddings.position_ids", "embeddings.mask_token",
    "EncDecAttention.relative_attention_bias.weight",
)  # fmt: skip

#: Of families that compute their positions, these too.
_OTHER_BUFFERS = {"marian": ("embed_positions.weight",)}

#: The readout by itself, which is the embedding's table again where the two are tied.
_HEADS = ("lm_head.", "embed_out.")

#: Where a family's heads are others: what names of theirs begin with.
_OTHER_HEADS = {
    "bert": ("cls.",), "distilbert": ("vocab_",), "modernbert": ("head.", "decoder."), "whisper": ("proj_out.",),
    "vit": ("classifier.",), "clip_text_model": ("text_projection.",), "clip_vision_model": ("visual_projection.",),
    **dict.fromkeys(["bart", "marian"], ("lm_head.", "final_logits_bias")),
}  # fmt: skip

#: What stands in front of every other tensor, by family, where it is not `model.`.
_ROOTS = {
    "gpt_neox": "gpt_neox.", "t5": "", "bert": "bert.", "roberta": "roberta.", "distilbert": "distilbert.",
    "vit": "vit.", "clip_text_model": "text_model.", "clip_vision_model": "vision_model.",
    "dit_block": "transformer_blocks.",
    **dict.fromkeys(["gpt2", "imagegpt", "gptj", "falcon", "bloom", "mpt"], "transformer."),
}  # fmt: skip

#: Families whose two tables are tied unless the configuration says otherwise.
_TIED = {
    "gpt2", "gemma", "gemma2", "gemma3_text", "falcon", "bloom", "mpt", "opt", "starcoder2", "bert", "roberta",
    "distilbert", "modernbert", "t5", "bart", "marian", "whisper",
}  # fmt: skip

#: What may be stored a second time where the tables are tied.
_TIES = {
    "bert": ("cls.predictions.decoder.weight", "cls.predictions.decoder.bias"),
    "roberta": ("lm_head.decoder.weight", "lm_head.decoder.bias"), "distilbert": ("vocab_projector.weight",),
    "modernbert": ("decoder.weight",), "whisper": ("proj_out.weight",),
}  # fmt: skip

#: Tables of a stack that are the one that both share.
_STACK_TABLES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")

#: Heads that checkpoints of some architectures hold and do not use: what their names end with, and who uses them.
_UNUSED = {
    ".pooler.dense.weight": ("BertModel", "RobertaModel", "ForPreTraining", "ForNextSentencePrediction"),
    ".pooler.dense.bias": ("BertModel", "RobertaModel", "ForPreTraining", "ForNextSentencePrediction"),
    "cls.seq_relationship.weight": ("ForPreTraining", "ForNextSentencePrediction"),
    "cls.seq_relationship.bias": ("ForPreTraining", "ForNextSentencePrediction"),
}


@dataclass(frozen=True)
class StoredNames:
    """The names of one model's tensors."""

    family: str
    is_tied: bool
    has_one_table: bool  # for both stacks
    architecture: str

    @staticmethod
    def of(config: Mapping[str, Any]) -> StoredNames:
        """Those of a configuration."""
        family = config.get("model_type", "gpt2")
        if not isinstance(family, str):
            raise CaptureError("config.json, model_type", f"is {family!r}", "name a family")
        tied = config.get("tie_word_embeddings")
        if family == "t5" and config.get("scale_decoder_outputs") is not None:
            tied = config["scale_decoder_outputs"]  # version 5 ties the stacks' tables always, the readout if it scales
        architecture = (config.get("architectures") or [""])[0]
        is_shared = family != "marian" or config.get("share_encoder_decoder_embeddings") is not False
        return StoredNames(family, family in _TIED if tied is None else bool(tied), is_shared, str(architecture))

    def full(self, name: str) -> str:
        """The name as `save_pretrained` writes it: a bare model's lack the first part."""
        root, heads = _ROOTS.get(self.family, "model."), _OTHER_HEADS.get(self.family, _HEADS)
        return name if name.startswith((root, *heads)) else root + name

    def is_left_out(self, name: str) -> bool:
        """Whether a tensor is a buffer, a table that is tied to another, or of a head that is not used."""
        if name.endswith((*_BUFFERS, *_OTHER_BUFFERS.get(self.family, ()))):
            return True
        if self.family in ("bert", "roberta"):
            users = next((users for ending, users in _UNUSED.items() if name.endswith(ending)), ("",))
            if not self.architecture.endswith(users):
                return True
        if self.has_one_table and self.family in ("t5", "bart", "marian") and name.endswith(_STACK_TABLES):
            return True
        return self.is_tied and name in _TIES.get(self.family, tuple(f"{head}weight" for head in _HEADS))
