"""Runs a Hugging Face GPT-2 and writes its activations as a capture for `touchstone diff`.

    pip install torch transformers safetensors h5py
    python capture_huggingface.py MODEL_FOLDER GOLDEN.h5 CAPTURE.h5     (the inputs of a golden)
    python capture_huggingface.py MODEL_FOLDER 18,4,511 CAPTURE.h5      (token ids)

The model's code runs unmodified, in float32, with eager attention: hooks observe every module, and the one
softmax of an attention layer is watched for the scores that no module hands out.
"""

import hashlib
import os
import sys

import h5py
import numpy as np
import torch
import transformers
from safetensors import safe_open


def weights_sha256(folder):
    """The digest of the weights that Docs/Format.md defines."""
    digest = hashlib.sha256()
    tensors = {}
    for name in os.listdir(folder):
        if name.endswith(".safetensors"):
            with safe_open(os.path.join(folder, name), "pt") as f:
                for key in f.keys():
                    inner = key.startswith(("wte.", "wpe.", "h.", "ln_f."))
                    tensors["transformer." + key if inner else key] = f.get_tensor(key)
    if transformers.AutoConfig.from_pretrained(folder).tie_word_embeddings:
        tensors.pop("lm_head.weight", None)
    for name in sorted(tensors):
        if name.endswith((".attn.bias", ".attn.masked_bias")):
            continue  # the causal masks of old checkpoints
        tensor = tensors[name].contiguous()
        shape = ",".join(map(str, tensor.shape))
        digest.update(f"{name} {str(tensor.dtype).removeprefix('torch.')} {shape}\n".encode())
        digest.update(tensor.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def observe(model, record):
    """Hooks that hand every named activation of the forward pass to `record`."""
    heads = model.config.n_head

    def output(path):
        return lambda module, args, result: record(path, result[0])

    def first_input(path):
        return lambda module, args: record(path, args[0][0])

    def split_heads(path):
        def hook(module, args, result):
            for name, part in zip("qkv", result[0].chunk(3, dim=-1)):
                record(f"{path}/{name}", part.unflatten(-1, (heads, -1)).transpose(0, 1))

        return hook

    body = model.transformer
    body.wte.register_forward_hook(output("embed/token"))
    body.wpe.register_forward_hook(output("embed/position"))
    body.drop.register_forward_hook(output("embed/sum"))
    for i, block in enumerate(body.h):
        path = f"layers/{i:03}"
        block.ln_1.register_forward_pre_hook(first_input(f"{path}/resid_in"))
        block.ln_1.register_forward_hook(output(f"{path}/ln_1"))
        block.attn.c_attn.register_forward_hook(split_heads(path))
        block.attn.c_proj.register_forward_pre_hook(first_input(f"{path}/attn_context"))
        block.attn.c_proj.register_forward_hook(output(f"{path}/attn_out"))
        block.ln_2.register_forward_pre_hook(first_input(f"{path}/resid_mid"))
        block.ln_2.register_forward_hook(output(f"{path}/ln_2"))
        block.mlp.c_fc.register_forward_hook(output(f"{path}/mlp_pre"))
        block.mlp.c_proj.register_forward_pre_hook(first_input(f"{path}/mlp_act"))
        block.mlp.c_proj.register_forward_hook(output(f"{path}/mlp_out"))
        after = body.h[i + 1].ln_1 if i + 1 < len(body.h) else body.ln_f
        after.register_forward_pre_hook(first_input(f"{path}/resid_out"))
    body.ln_f.register_forward_hook(output("final/ln_f"))
    model.lm_head.register_forward_hook(output("final/logits"))


def watch_softmax(record):
    """The scores that go into each layer's softmax, and the probabilities that come out."""
    softmax = torch.nn.functional.softmax
    layers = iter(range(1 << 20))

    def watched(scores, *args, **kwargs):
        probabilities = softmax(scores, *args, **kwargs)
        path = f"layers/{next(layers):03}"
        # The model adds the least float to masked scores, the format says -inf.
        masked = scores[0] <= torch.finfo(scores.dtype).min / 2
        record(f"{path}/attn_scores", scores[0].masked_fill(masked, -torch.inf))
        record(f"{path}/attn_probs", probabilities[0])
        return probabilities

    torch.nn.functional.softmax = watched
    return lambda: setattr(torch.nn.functional, "softmax", softmax)


def read_inputs(argument):
    """Token ids, position ids and attention mask, from a golden or from the command line."""
    if not os.path.exists(argument):
        tokens = [int(token) for token in argument.split(",")]
        return torch.tensor([tokens]), torch.arange(len(tokens))[None], None
    with h5py.File(argument) as golden:
        inputs = {name: torch.tensor(data[()].astype(np.int64))[None] for name, data in golden["inputs"].items()}
    return inputs["token_ids"], inputs["position_ids"], inputs.get("attention_mask")


@torch.no_grad()
def main(folder, source, path):
    tokens, positions, mask = read_inputs(source)
    model = transformers.GPT2LMHeadModel.from_pretrained(
        folder, attn_implementation="eager", dtype=torch.float32
    ).eval()
    activations = {}

    def record(name, tensor):
        activations[name] = tensor.detach().contiguous().numpy().copy()

    observe(model, record)
    stop = watch_softmax(record)
    logits = model(tokens, position_ids=positions, attention_mask=mask, use_cache=False).logits
    stop()
    record("final/probs", torch.softmax(logits[0], dim=-1))

    text = np.bytes_  # strings of fixed length, which carry a checksum
    with h5py.File(path, "x", libver=("v110", "v110")) as f:
        f.attrs["format"] = text("touchstone")
        f.attrs["format_version"] = text("1.0")
        f.attrs["kind"] = text("capture")
        about = f.create_group("model")
        about.attrs["family"] = text("gpt2")
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as config:
            about.attrs["config_json"] = text(config.read())
        about.attrs["weights_sha256"] = text(weights_sha256(folder))
        f["inputs/token_ids"] = tokens[0].numpy().astype(np.int32)
        f["inputs/position_ids"] = positions[0].numpy().astype(np.int32)
        if mask is not None:
            f["inputs/attention_mask"] = mask[0].numpy().astype(np.uint8)
        provenance = f.create_group("provenance")
        provenance.attrs["producer"] = text("transformers")
        provenance.attrs["producer_version"] = text(transformers.__version__)
        provenance.attrs["implementation"] = text(f"eager attention, torch {torch.__version__}")
        provenance.attrs["precision"] = text("float32")
        for name, tensor in activations.items():
            f.create_dataset(name, data=tensor, chunks=True, fletcher32=True, track_times=False)
        f.attrs["complete"] = np.uint8(1)  # last: a capture without it is refused
    print(f"{path}: {len(activations)} activations of {tokens.shape[1]} tokens")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
