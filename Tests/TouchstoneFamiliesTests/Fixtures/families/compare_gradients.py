"""Every gradient of a model's parameters, by the reference and by Hugging Face's autograd, both in float64.

    python compare_gradients.py TOUCHSTONE [NAME ...]      the fixtures of this folder, or those named

Of each it records the backward pass (`record --backward`, the next token the target of each), runs Hugging Face's unmodified
code on the same inputs, and prints the greatest difference, as a share of the greatest number of its tensor, or of a thousandth of the greatest of all.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import torch
import transformers
from fixture_files import Double
from make_seq2seq_family import sinusoids
from safetensors.numpy import load_file

HERE = Path(__file__).resolve().parent
#: Those whose gradients no other fixture holds: clips, experts, sinks, latent attention, a source, a sound.
NAMES = [
    "mpt-clipped", "mixtral-window", "mixtral-single", "qwen3_moe-dense", "qwen3_moe-listed", "gpt_oss-listed", "gpt_oss-tied",
    "deepseek_v2-groups", "deepseek_v2-greedy", "deepseek_v3-groups", "deepseek_v3-halves", "t5-gated", "t5-scaled", "bart-scaled",
    "marian-odd", "marian-two-tables", "whisper-features", "whisper-audio",
]


def class_of(config):
    if config.model_type == "whisper":
        return transformers.AutoModelForSpeechSeq2Seq
    return transformers.AutoModelForSeq2SeqLM if config.is_encoder_decoder else transformers.AutoModelForCausalLM


def padding_index(folder):
    """The id whose row Hugging Face's code does not learn; None where it learns all."""
    config = transformers.AutoConfig.from_pretrained(folder)
    with torch.device("meta"):
        model = class_of(config).from_config(config)
        return model.get_decoder().get_input_embeddings().padding_idx if config.model_type == "whisper" else model.get_input_embeddings().padding_idx


def gradients(folder, inputs):
    """What autograd gives every stored parameter, under its stored name."""
    config = transformers.AutoConfig.from_pretrained(folder)
    narrow = class_of(config).from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager")
    torch.set_default_dtype(torch.float64)
    with Double():
        # Made anew, so that rotary frequencies are in float64 too.
        model = type(narrow)(narrow.config).double().eval()
        head = narrow.lm_head.weight if config.model_type == "t5" else None
        if head is not None and head is not narrow.shared.weight:
            model.lm_head.weight = torch.nn.Parameter(head.double())  # its class ties the two unless both are stored
        else:
            head = None
        model.load_state_dict(narrow.state_dict())
        if config.model_type == "marian":
            sinusoids(model)
        for parameter in model.parameters():
            parameter.requires_grad = True  # Whisper's waves are frozen
        given = {
            key: torch.tensor(inputs[name][None].astype(np.float64 if name == "input_features" else np.int64))
            for key, name in named(config) if name in inputs}
        logits = model(**given, use_cache=False).logits[0]
        targets = torch.tensor(inputs["targets"].astype(np.int64))
        torch.nn.functional.cross_entropy(logits, targets, ignore_index=-100).backward()
    torch.set_default_dtype(torch.float32)
    # Saved as weights are, gradients have the names of the checkpoint; buffers have none.
    for parameter in model.parameters():
        parameter.data = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    for buffer in model.buffers():
        buffer.data = torch.full_like(buffer, torch.nan)
    with tempfile.TemporaryDirectory() as there:
        model.save_pretrained(there)
        found = load_file(Path(there) / "model.safetensors")
    return found if head is None else found | {"lm_head.weight": model.lm_head.weight.detach().numpy()}


def named(config):
    """What a model calls its inputs, and the golden."""
    if not config.is_encoder_decoder:
        return [("input_ids", "token_ids"), ("attention_mask", "attention_mask"), ("position_ids", "position_ids")][
            : 2 if config.model_type == "mpt" else 3
        ]
    if config.model_type == "whisper":
        return [
            ("decoder_input_ids", "token_ids"), ("input_features", "input_features"), ("decoder_attention_mask", "attention_mask"),
        ]
    return [
        ("decoder_input_ids", "token_ids"), ("input_ids", "encoder_token_ids"),
        ("attention_mask", "encoder_attention_mask"), ("decoder_attention_mask", "attention_mask"),
    ]


def compare(touchstone, name):
    with tempfile.TemporaryDirectory() as there:
        golden, asked = os.path.join(there, "golden.h5"), os.path.join(there, "inputs.h5")
        shutil.copy(HERE / name / "float64.h5", asked)
        with h5py.File(asked, "r+") as file:
            file.attrs["format_version"] = np.bytes_("1.2")
            targets = np.append(file["inputs/token_ids"][1:], -100)
            if "inputs/attention_mask" in file:
                # What a token makes that sees nothing is an engine's own affair.
                targets[file["inputs/attention_mask"][()] == 0] = -100
            file["inputs/targets"] = targets.astype(np.int32)
            padding = padding_index(str(HERE / name))
            if padding is not None:
                file["inputs"].attrs["padding_index"] = float(padding)
        record = [touchstone, "record", "--model", HERE / name, "--inputs", asked, "--no-floor", "--out", golden]
        subprocess.run(record, check=True, capture_output=True, text=True)
        with h5py.File(golden) as file:
            inputs = {key: data[()] for key, data in file["inputs"].items()}
            if "features/log_mel" in file:
                inputs["input_features"] = file["features/log_mel"][()]  # held to the class's own front end elsewhere
            found = {key: data[()] for key, data in file["grad/weights"].items()}
    due = gradients(str(HERE / name), inputs)
    worst, where = 0.0, ""
    greatest = max(np.abs(values).max() for values in found.values())
    for key, values in found.items():
        if key not in due or np.isnan(due[key]).all():
            print(f"{name}: {key} is no parameter there")
            continue
        wanted = due[key]
        # Rounding alone stands where a gradient is 0 in exact arithmetic.
        scale = max(np.abs(wanted).max(), 1e-3 * greatest)
        error = np.abs(values - wanted).max() / scale
        if not error <= worst:
            worst, where = error, key
    missing = sorted(key for key in due if key not in found and np.nanmax(np.abs(due[key]), initial=0) > 0)
    print(f"{name:20} {len(found):3} tensors, {worst:.1e} {where}", *missing, flush=True)
    return worst


if __name__ == "__main__":
    torch.set_num_threads(1)
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    errors = [compare(sys.argv[1], name) for name in sys.argv[2:] or NAMES]
    sys.exit(0 if all(error <= 1e-12 for error in errors) else 1)
