"""Captures one training step of a GPT-2 in PyTorch: every activation that a hook sees, and its gradient.

    python Examples/training.py MODEL training.h5 capture.h5     # training.h5 by `touchstone record --backward`
    touchstone diff training.h5 capture.h5 --partial

Needs torch, transformers and h5py. What attention keeps inside (scores) is recomputed by the judge; --partial accepts that.
"""

import sys

import h5py
import numpy as np
import torch
from transformers import AutoModelForCausalLM

folder, golden, out = sys.argv[1:4]
model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").float().eval()
with h5py.File(golden) as g:
    ids, targets = (torch.tensor(g["inputs/" + name][()].astype(np.int64)) for name in ("token_ids", "targets"))
    loss_of = dict(g["inputs"].attrs)
    config, digest = g["model"].attrs["config_json"], g["model"].attrs["weights_sha256"]

seen = {}


def keep(name, tensor):
    tensor.retain_grad()
    seen[name] = tensor


def heads(tensor):  # [T, H·d] to [H, T, d]
    return tensor[0].unflatten(-1, (model.config.n_head, -1)).transpose(0, 1)


def watch(module, *names, inside=False):
    def hook(_, inputs, output):
        tensors = [inputs[0]] if inside else output if isinstance(output, tuple) else [output]
        for name, tensor in zip(names, tensors):
            if name:
                keep(name, tensor)

    module.register_forward_hook(hook)


body = model.transformer
watch(body.wte, "embed/token")
watch(body.wpe, "embed/position")
for index, block in enumerate(body.h):
    at = f"layers/{index:03d}/"
    watch(block.ln_1, at + "resid_in", inside=True)
    watch(block.ln_1, at + "ln_1")
    watch(block.attn.c_attn, at + "qkv")
    watch(block.attn.c_proj, at + "attn_context", inside=True)
    watch(block.attn.c_proj, at + "attn_out")
    watch(block.ln_2, at + "resid_mid", inside=True)
    watch(block.ln_2, at + "ln_2")
    watch(block.mlp.c_fc, at + "mlp_pre")
    watch(block.mlp.c_proj, at + "mlp_act", inside=True)
    watch(block.mlp.c_proj, at + "mlp_out")
watch(body.ln_f, f"layers/{len(body.h) - 1:03d}/resid_out", inside=True)
watch(body.ln_f, "final/ln_f")

batch = ids.reshape(-1, ids.shape[-1])
logits = model(batch, use_cache=False).logits
keep("final/logits", logits)
per_token = torch.nn.functional.cross_entropy(
    logits.flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="none",
    label_smoothing=float(loss_of.get("label_smoothing", 0)),
)
divisor = float(loss_of.get("divisor", 1 if loss_of.get("reduction") == "sum" else (targets != -100).sum()))
mean = per_token.sum() / divisor
(mean * float(loss_of.get("loss_scale", 1))).backward()

with h5py.File(out, "w") as f:
    f.attrs.update(format="touchstone", format_version="1.2", kind="capture")
    f.create_group("model").attrs.update(family="gpt2", config_json=config, weights_sha256=digest)
    f.create_group("provenance").attrs.update(producer="torch " + torch.__version__, precision="float32")
    f["inputs/token_ids"], f["inputs/targets"] = ids.numpy(), targets.numpy()
    f["inputs"].attrs.update(loss_of)
    f["loss/per_token"], f["loss/mean"] = per_token.detach().numpy(), mean.detach().numpy()
    for name, tensor in seen.items():
        for prefix, value in (("", tensor.detach()), ("grad/", tensor.grad)):
            parts = {prefix + name: value}
            if name.endswith("qkv"):
                split = value.split(value.shape[-1] // 3, dim=-1)
                parts = {prefix + name[:-3] + part: heads(value) for part, value in zip("qkv", split)}
            for path, value in parts.items():
                f[path] = value.numpy()
    for name, parameter in model.named_parameters():
        f["grad/weights/" + name] = parameter.grad.numpy()
    f.attrs["complete"] = np.uint8(1)
