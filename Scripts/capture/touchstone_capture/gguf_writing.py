"""A GGUF of a model in a Hugging Face folder, for llama.cpp, without a vocabulary: tokens are given as ids.

Names, layouts and types as `convert_hf_to_gguf.py` and `llama-quantize` choose them: vectors and positions stay
float32. What a configuration says and llama.cpp has no field for (a window in Qwen2, another nonlinearity) is left out,
as there: the verdict names what is then computed otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import sys
import tempfile
from typing import Any

import gguf
import numpy as np

from .embedded import write_folder
from .errors import CaptureError, NotSupported
from .fused import apart
from .golden import Golden
from .layouts import Arrangement
from .model import Model

#: llama.cpp's architectures, by Hugging Face's `model_type`.
_ARCHITECTURES = {
    "gpt2": "GPT2", "llama": "LLAMA", "mistral": "LLAMA", "qwen2": "QWEN2", "qwen3": "QWEN3", "gemma": "GEMMA",
    "gemma2": "GEMMA2", "gemma3_text": "GEMMA3", "olmo2": "OLMO2", "phi": "PHI2", "phi3": "PHI3",
    "starcoder2": "STARCODER2", "gpt_neox": "GPTNEOX", "falcon": "FALCON", "bloom": "BLOOM", "mpt": "MPT",
}  # fmt: skip

#: Families whose checkpoints hold queries, keys and values by groups, where llama.cpp has all of each side by side.
_GROUPED = ("gpt_neox", "bloom", "falcon")


def write_gguf(model: Model, golden: Golden, out: str, kind: str) -> None:
    """Writes the model with its matrices in a type of ggml (`f32`, `f16`, `bf16`, `q8_0`, …)."""
    family = golden.family
    if family not in _ARCHITECTURES:
        raise NotSupported(golden.place, f"llama.cpp has no {family}", f"known are {', '.join(_ARCHITECTURES)}")
    architecture = getattr(gguf.MODEL_ARCH, _ARCHITECTURES[family])
    made = gguf.GGUFWriter(out, gguf.MODEL_ARCH_NAMES[architecture])
    _add_settings(made, golden)
    names = gguf.get_tensor_name_map(architecture, golden.layers)
    for name in model.names:
        stem, _, ending = name.rpartition(".")
        ours = names.get_name(stem) or names.get_name(stem.partition(".")[2])  # some without the first part
        if ours is None:
            raise NotSupported(golden.place, f"llama.cpp's {family} has no tensor for {name}", "take another model")
        _add(made, f"{ours}.{ending}", _as_stored(model[name], name, golden), kind)
    made.write_header_to_file()
    made.write_kv_data_to_file()
    made.write_tensors_to_file()
    made.close()


def _add_settings(made: gguf.GGUFWriter, golden: Golden) -> None:
    sizes = golden.sizes
    made.add_context_length(golden.context or len(golden.token_ids))
    made.add_embedding_length(sizes["D"])
    made.add_feed_forward_length(sizes["F"])
    made.add_block_count(golden.layers)
    made.add_head_count(sizes["H"])
    made.add_head_count_kv(sizes["K"])
    made.add_key_length(sizes["d"])
    made.add_value_length(sizes["d"])
    made.add_vocab_size(sizes["V"])
    made.add_tokenizer_model("none")
    norms = golden.operations("rmsNorm", "layerNorm")
    if norms and norms[0]["kind"] == "rmsNorm":
        made.add_layer_norm_rms_eps(norms[0]["epsilon"])
    else:
        made.add_layer_norm_eps(norms[0]["epsilon"] if norms else golden.setting("layer_norm_epsilon"))
    if golden.family == "gpt_neox":
        made.add_parallel_residual(golden.setting_or("use_parallel_residual", True))
    if golden.family == "mpt":
        made.add_max_alibi_bias(8.0)
        if limit := golden.setting_or("attn_config", {}).get("clip_qkv"):
            made.add_clamp_kqv(limit)
    if golden.family in ("gemma2", "gemma3_text", "phi3"):
        scores = golden.operations("scores")
        made.add_sliding_window(max([one["visibility"].get("window") or 0 for one in scores], default=0))
    caps = golden.operations("softCap")
    if golden.family == "gemma2":
        at = {one["output"].rpartition("/")[2]: one["cap"] for one in caps}
        made.add_attn_logit_softcapping(at.get("attn_capped", 0.0))
        made.add_final_logit_softcapping(at.get("logits", 0.0))
    elif golden.family == "gemma3_text" and caps:
        made.add_final_logit_softcapping(caps[0]["cap"])
    rotations = golden.operations("rotate")
    if rotations:
        _add_rotation(made, golden, rotations)


def _add_rotation(made: gguf.GGUFWriter, golden: Golden, rotations: list[dict[str, Any]]) -> None:
    """Positions: of the blocks without a window where there are two kinds."""
    windows = {one["output"].split("/")[1]: one["visibility"].get("window") for one in golden.operations("scores")}
    whole = [one for one in rotations if windows.get(one["output"].split("/")[1]) is None]
    rotation = (whole or rotations)[0]
    windowed = [one for one in rotations if one not in whole]
    if whole and windowed and windowed[0]["frequencies"] != rotation["frequencies"]:
        made.add_rope_freq_base_swa(windowed[0]["frequencies"]["theta"])
    frequencies = rotation["frequencies"]
    made.add_rope_dimension_count(rotation["width"])
    made.add_rope_freq_base(frequencies["theta"])
    kind = frequencies["type"]
    if kind in ("linear", "yarn"):
        made.add_rope_scaling_type(getattr(gguf.RopeScalingType, kind.upper()))
        made.add_rope_scaling_factor(frequencies["factor"])
    if kind == "yarn":
        made.add_rope_scaling_orig_ctx_len(frequencies["original"])
        made.add_rope_scaling_yarn_beta_fast(frequencies["fast"])
        made.add_rope_scaling_yarn_beta_slow(frequencies["slow"])
    elif kind == "llama3":
        made.add_tensor("rope_freqs.weight", _llama3_divisors(frequencies, rotation["width"]))
    elif kind not in ("default", "linear"):
        raise NotSupported(golden.place, f"frequencies of the kind {kind} are not converted", "name a .gguf")


def _llama3_divisors(frequencies: dict[str, Any], width: int) -> np.ndarray:
    """What each frequency is divided by: 1 among short waves, `factor` among long ones, in between a blend."""
    found = []
    for i in range(0, width, 2):
        turns = frequencies["original"] / (2 * math.pi * frequencies["theta"] ** (i / width))
        share = (turns - frequencies["low"]) / (frequencies["high"] - frequencies["low"])
        share = min(max(share, 0.0), 1.0)
        found.append(1 / ((1 - share) / frequencies["factor"] + share))
    return np.array(found, np.float32)


def _as_stored(array: np.ndarray, name: str, golden: Golden) -> np.ndarray:
    """A tensor of a checkpoint as llama.cpp wants it."""
    family, sizes = golden.family, golden.sizes
    if family == "gpt2" and array.ndim == 2 and ".h." in name:
        return array.T  # GPT-2 stores [in, out]
    if family.startswith("gemma") and "norm" in name:
        return array + 1
    if family in ("llama", "mistral") and ".self_attn." in name and name.split(".")[-2] in ("q_proj", "k_proj"):
        # llama.cpp turns neighbours, Hugging Face halves of a head.
        return array.reshape(-1, 2, sizes["d"] // 2, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)
    if family in _GROUPED and "query_key_value" in name:
        return _side_by_side(array, sizes)
    return array


def _side_by_side(array: np.ndarray, sizes: dict[str, int]) -> np.ndarray:
    """The rows of queries, keys and values of each group, brought to all queries, then keys, then values."""
    grouped = array.reshape(sizes["K"] * sizes["G"] * sizes["d"], -1).T  # [columns, rows]
    form = Arrangement("T(KGd)", "KGTd")(grouped, {letter: sizes[letter] for letter in "KGd"})
    parts = apart("qkv", form, "KGTd", sizes)
    return np.concatenate([part.swapaxes(1, 2).reshape(-1, grouped.shape[0]) for part in parts.values()]).reshape(
        array.shape
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


def main() -> int:
    """The command line."""
    made = argparse.ArgumentParser(description="A GGUF of the model of a golden, for llama.cpp, without a vocabulary.")
    made.add_argument("golden")
    made.add_argument("out")
    made.add_argument("--model", help="the folder of its weights, where the golden does not hold them")
    made.add_argument("--weights", default="f32", metavar="TYPE", help="f32, f16, bf16, q8_0, q4_0, …")
    given = made.parse_args()
    try:
        if os.path.exists(given.out):
            raise CaptureError(given.out, "exists already", "name another file")
        golden = Golden.read(given.golden)
        with contextlib.ExitStack() as stack:
            folder = given.model
            if folder is None:
                folder = stack.enter_context(tempfile.TemporaryDirectory())
                write_folder(golden, folder)
            write_gguf(Model(folder), golden, given.out, given.weights)
    except CaptureError as error:
        print(f"touchstone_capture: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
