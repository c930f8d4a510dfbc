"""Runs a Hugging Face GPT-2 and writes its activations as a capture for `touchstone diff`.

    pip install torch transformers safetensors h5py
    python capture_huggingface.py MODEL_FOLDER GOLDEN.h5 CAPTURE.h5     (the inputs of a golden)
    python capture_huggingface.py MODEL_FOLDER 18,4,511 CAPTURE.h5      (token ids)

    --attention eager|sdpa   which attention runs; fused attention (sdpa) has no scores and probabilities to record
    --dtype float32|bfloat16|float16   in which the whole model computes; activations are stored in it
    --compile                through torch.compile (inductor), as one graph

The model's code runs unmodified: hooks observe every module, and the one softmax of an eager attention layer is
watched for the scores that no module hands out. Compiled, the same hooks are traced into the graph, and what they
see becomes outputs of it: operations are still fused, but each recorded value has to be stored as well.
"""

import argparse
import hashlib
import os

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
    seen = []

    def watched(scores, *args, **kwargs):
        probabilities = softmax(scores, *args, **kwargs)
        path = f"layers/{len(seen):03}"
        seen.append(path)
        # The model adds the least float to masked scores, the format says -inf.
        masked = scores[0] <= torch.finfo(scores.dtype).min / 2
        record(f"{path}/attn_scores", scores[0].masked_fill(masked, -torch.inf))
        record(f"{path}/attn_probs", probabilities[0])
        return probabilities

    torch.nn.functional.softmax = watched
    return lambda: setattr(torch.nn.functional, "softmax", softmax)


class Observed(torch.nn.Module):
    """A model that returns, beside its logits, everything that the hooks in it saw."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.seen = {}
        observe(model, self.record)

    def record(self, path, tensor):
        """Keeps a copy: what a later operation does in place does not reach it."""
        self.seen[path] = tensor.detach().clone()

    def forward(self, tokens, positions, mask):
        self.seen.clear()
        self.model(tokens, position_ids=positions, attention_mask=mask, use_cache=False)
        return dict(self.seen)


def read_inputs(argument):
    """Token ids, position ids and attention mask, from a golden or from the command line."""
    if not os.path.exists(argument):
        tokens = [int(token) for token in argument.split(",")]
        return torch.tensor([tokens]), torch.arange(len(tokens))[None], None
    with h5py.File(argument) as golden:
        inputs = {name: torch.tensor(data[()].astype(np.int64))[None] for name, data in golden["inputs"].items()}
    return inputs["token_ids"], inputs["position_ids"], inputs.get("attention_mask")


def write_tensor(file, name, tensor):
    """One dataset, in the tensor's own type: bfloat16, which numpy lacks, as its bits."""
    tensor = tensor.detach().contiguous()
    is_bfloat16 = tensor.dtype == torch.bfloat16
    values = tensor.view(torch.uint16).numpy() if is_bfloat16 else tensor.numpy()
    data = file.create_dataset(name, data=values, chunks=True, fletcher32=True, track_times=False)
    if is_bfloat16:
        data.attrs["dtype"] = np.bytes_("bfloat16")


def settle_kernels():
    """Calls the vectorised functions of MKL once, on one element.

    MKL 2024.2, which torch's CPU builds contain, looks up the kernel of a function when it is first called. Where that
    call comes from several threads at once, one of them may use a kernel of low accuracy (pytorch issue 188792).
    """
    one = torch.ones(1)
    for function in (torch.tanh, torch.erf, torch.exp, torch.sqrt, torch.rsqrt, torch.log):
        function(one)


def activations(options, tokens, positions, mask):
    """Every activation by its path."""
    model = transformers.GPT2LMHeadModel.from_pretrained(
        options.model, attn_implementation=options.attention, dtype=getattr(torch, options.dtype)
    ).eval()
    observed = Observed(model)
    run = torch.compile(observed, fullgraph=True) if options.compile else observed
    stop = watch_softmax(observed.record) if options.attention == "eager" else lambda: None
    found = run(tokens, positions, mask)
    stop()
    found["final/probs"] = torch.softmax(found["final/logits"], dim=-1)
    return found


@torch.no_grad()
def main(options):
    folder, path = options.model, options.capture
    settle_kernels()
    tokens, positions, mask = read_inputs(options.inputs)
    found = activations(options, tokens, positions, mask)
    way = f"{options.attention} attention, {'compiled, ' if options.compile else ''}torch {torch.__version__}"

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
        provenance.attrs["implementation"] = text(way)
        provenance.attrs["precision"] = text(options.dtype)
        for name, tensor in found.items():
            write_tensor(f, name, tensor)
        f.attrs["complete"] = np.uint8(1)  # last: a capture without it is refused
    print(f"{path}: {len(found)} activations of {tokens.shape[1]} tokens")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("model")
    arguments.add_argument("inputs")
    arguments.add_argument("capture")
    arguments.add_argument("--attention", choices=["eager", "sdpa"], default="eager")
    arguments.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="float32")
    arguments.add_argument("--compile", action="store_true")
    main(arguments.parse_args())
