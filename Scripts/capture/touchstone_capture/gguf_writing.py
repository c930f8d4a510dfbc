"""A GGUF of a GPT-2 in a Hugging Face folder, for llama.cpp, without a vocabulary: tokens are given as ids.

Types as `convert_hf_to_gguf.py` and `llama-quantize` choose them: vectors and positions stay float32.
"""

from __future__ import annotations

import gguf
import numpy as np

from .errors import CaptureError, NotSupported
from .golden import Golden
from .model import Model

_OUTSIDE = {
    "wte.weight": "token_embd.weight", "wpe.weight": "position_embd.weight",
    "ln_f.weight": "output_norm.weight", "ln_f.bias": "output_norm.bias",
}  # fmt: skip

#: Hugging Face's modules of a block by llama.cpp's; those of the second row are stored [in, out] and turned.
_NORMS = {"ln_1": "attn_norm", "ln_2": "ffn_norm"}
_LINEAR = {"attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}


def write_gguf(model: Model, golden: Golden, out: str, kind: str) -> None:
    """Writes the model with its matrices in a type of ggml (`f32`, `f16`, `bf16`, `q8_0`, …)."""
    sizes = golden.sizes
    _check(golden)
    made = gguf.GGUFWriter(out, "gpt2")
    made.add_context_length(golden.setting("n_positions"))
    made.add_embedding_length(sizes["D"])
    made.add_feed_forward_length(sizes["F"])
    made.add_block_count(golden.layers)
    made.add_head_count(sizes["H"])
    made.add_layer_norm_eps(golden.setting("layer_norm_epsilon"))
    made.add_vocab_size(sizes["V"])
    made.add_tokenizer_model("none")
    for theirs, ours in _OUTSIDE.items():
        _add(made, ours, model[theirs], kind)
    if not golden.setting("tie_word_embeddings"):
        _add(made, "output.weight", model["lm_head.weight"], kind)
    for i in range(golden.layers):
        for theirs, ours in _NORMS.items():
            for part in ("weight", "bias"):
                _add(made, f"blk.{i}.{ours}.{part}", model[f"h.{i}.{theirs}.{part}"], kind)
        for theirs, ours in _LINEAR.items():
            _add(made, f"blk.{i}.{ours}.weight", model[f"h.{i}.{theirs}.weight"].T, kind)
            _add(made, f"blk.{i}.{ours}.bias", model[f"h.{i}.{theirs}.bias"], kind)
    made.write_header_to_file()
    made.write_kv_data_to_file()
    made.write_tensors_to_file()
    made.close()


def _check(golden: Golden) -> None:
    """llama.cpp's GPT-2 has one form: what another would need is refused by name."""
    due = {"activation_function": ("gelu_new", "gelu_pytorch_tanh"), "scale_attn_weights": (True,),
           "scale_attn_by_inverse_layer_idx": (False,)}  # fmt: skip
    for name, values in due.items():
        if golden.setting(name) not in values:
            raise NotSupported(
                f"config.json, {name}", f"llama.cpp's GPT-2 has no {golden.setting(name)}", "take another model"
            )


def _add(made: gguf.GGUFWriter, name: str, array: np.ndarray, kind: str) -> None:
    array = np.ascontiguousarray(array, np.float32)
    if array.ndim == 1 or name == "position_embd.weight" or kind == "f32":
        made.add_tensor(name, array)
        return
    try:
        wanted = gguf.GGMLQuantizationType[kind.upper()]
    except KeyError:
        raise CaptureError("--weights", f"{kind} is no type of ggml", "say f32, f16, bf16, q8_0, q4_0, …") from None
    try:
        made.add_tensor(name, gguf.quants.quantize(array, wanted), raw_dtype=wanted)
    except (gguf.quants.QuantError, NotImplementedError) as error:
        raise NotSupported(
            f"--weights {kind}",
            f"{name} of the shape {list(array.shape)} cannot be made ({error})",
            "take another type, or a .gguf that llama-quantize made",
        ) from error
