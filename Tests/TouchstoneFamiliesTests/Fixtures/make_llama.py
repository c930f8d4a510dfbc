"""Tiny Llama models with every option, computed by Hugging Face's unmodified code in float64 and in float32.

    python make_llama.py FOLDER            writes the fixtures of this folder
    python make_llama.py FOLDER 40 7       writes 40 random configurations, seed 7, each also as a model and a capture

Made with transformers 5.24.0 and torch 2.13.0 (CPU, one thread, eager attention). Hugging Face casts to float32 inside
RMSNorm, rotary tables and softmax even in a float64 model; a function mode turns these casts into float64. Observers stand
around `apply_rotary_pos_emb` and the attention function; scores are the observed product times the scale, -inf where masked.
Each file holds the activations, in `float32` those of the float32 model, with nothing lifted, the inputs, the float32
weights, and `config_json`, as transformers 5 writes it and, in `config_json_v4`, as transformers 4 spelled it.
"""

import json
import random
import sys
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors.numpy import save_file
from torch.overrides import TorchFunctionMode
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama import modeling_llama

BASE = dict(
    vocab_size=17, hidden_size=12, intermediate_size=11, num_hidden_layers=1, num_attention_heads=4,
    num_key_value_heads=2, head_dim=6, max_position_embeddings=64, rms_norm_eps=1e-5, attn_implementation="eager",
)
VARIANTS = {
    "linear-tied": dict(tie_word_embeddings=True, rope_parameters=dict(rope_type="linear", factor=2.5, rope_theta=500.0)),
    "dynamic-beyond": dict(
        max_position_embeddings=8, rope_parameters=dict(rope_type="dynamic", factor=2.0, rope_theta=10000.0)),
    "dynamic-within": dict(rope_parameters=dict(rope_type="dynamic", factor=2.0, rope_theta=10000.0)),
    "llama3-biases": dict(
        head_dim=12, attention_bias=True, mlp_bias=True, num_hidden_layers=2,
        rope_parameters=dict(
            rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
            original_max_position_embeddings=64, rope_theta=500.0)),
    "yarn": dict(
        head_dim=12,
        rope_parameters=dict(
            rope_type="yarn", factor=4.0, original_max_position_embeddings=512, rope_theta=10000.0)),
    "yarn-mscale": dict(
        head_dim=16, num_attention_heads=3, num_key_value_heads=3, hidden_size=15,
        rope_parameters=dict(
            rope_type="yarn", factor=16.0, original_max_position_embeddings=100, rope_theta=1000.0, truncate=False,
            beta_fast=4.0, beta_slow=0.5, mscale=0.7, mscale_all_dim=1.3)),
    "yarn-attention-factor": dict(
        rope_parameters=dict(
            rope_type="yarn", factor=4.0, original_max_position_embeddings=16, rope_theta=10000.0,
            attention_factor=1.25)),
    "longrope-long": dict(
        original_max_position_embeddings=8, max_position_embeddings=64,
        rope_parameters=dict(
            rope_type="longrope", short_factor=[1.0, 1.25, 1.5], long_factor=[1.5, 4.0, 7.0], rope_theta=10000.0,
            original_max_position_embeddings=8)),
    "longrope-short": dict(
        original_max_position_embeddings=32, max_position_embeddings=64,
        rope_parameters=dict(
            rope_type="longrope", short_factor=[1.0, 1.25, 1.5], long_factor=[1.5, 4.0, 7.0], rope_theta=10000.0,
            original_max_position_embeddings=32)),
    "padded-offset": dict(rope_parameters=dict(rope_type="default", rope_theta=100.0), _padding=3, _shift=5),
    "gelu-one-group": dict(
        hidden_act="gelu_pytorch_tanh", num_key_value_heads=1, head_dim=2, rms_norm_eps=0.25,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0)),
}


class Double(TorchFunctionMode):
    """Turns casts to float32 into casts to float64."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.float:
            function = torch.Tensor.double
        swap = lambda value: torch.float64 if value is torch.float32 else value
        return function(*map(swap, args), **{key: swap(value) for key, value in (kwargs or {}).items()})


def heads(x, count):
    return x[0].reshape(x.shape[1], count, -1).transpose(0, 1)


def weighted(config, seed):
    """A model in float64 and its float32 weights by name; to be called in the mode that keeps float64."""
    torch.manual_seed(seed)
    torch.set_default_dtype(torch.float64)
    model = LlamaForCausalLM(config).eval().double()
    for name, parameter in model.named_parameters():
        near = 1.0 if "norm" in name else 0.0
        values = near + torch.randn(parameter.shape, dtype=torch.float64) * (0.2 if near else 0.5)
        parameter.copy_(values.to(torch.bfloat16).to(torch.float64))
    return model, {name: value.detach().numpy().astype(np.float32) for name, value in model.named_parameters()}


def compute(config, tokens, positions, mask, seed):
    """Every activation by its path, in float64 and in float32, and the float32 weights by name."""
    inputs = dict(
        input_ids=torch.tensor([tokens]), position_ids=torch.tensor([positions]), attention_mask=torch.tensor([mask]))
    with torch.no_grad():
        with Double():
            model, weights = weighted(config, seed)
            found = observed(model, inputs)
        torch.set_default_dtype(torch.float32)
        plain = LlamaForCausalLM(config).eval()
        plain.load_state_dict({name: value.float() for name, value in model.state_dict().items()})
        return found, observed(plain, inputs), weights


def observed(model, inputs):
    """Every activation of a run, by its path."""
    config, found, layer = model.config, {}, [0]

    def note(name, value):
        found[name] = value.detach().clone().numpy()

    def watch(module, name, change=lambda x: x[0]):
        module.register_forward_hook(lambda _, inputs, output: note(name, change(output)))

    H, KV = config.num_attention_heads, config.num_key_value_heads
    watch(model.model.embed_tokens, "embed/token")
    for index, block in enumerate(model.model.layers):
        at = f"layers/{index:03}/"

        def enter(_, inputs, at=at, index=index):
            layer[0] = index
            note(at + "resid_in", inputs[0][0])

        block.register_forward_pre_hook(enter)
        watch(block.input_layernorm, at + "ln_1")
        watch(block.self_attn.q_proj, at + "q", lambda x: heads(x, H))
        watch(block.self_attn.k_proj, at + "k", lambda x: heads(x, KV))
        watch(block.self_attn.v_proj, at + "v", lambda x: heads(x, KV))
        watch(block.self_attn.o_proj, at + "attn_out")
        block.self_attn.o_proj.register_forward_pre_hook(
            lambda _, inputs, at=at: note(at + "attn_context", inputs[0][0]))
        block.post_attention_layernorm.register_forward_pre_hook(
            lambda _, inputs, at=at: note(at + "resid_mid", inputs[0][0]))
        watch(block.post_attention_layernorm, at + "ln_2")
        watch(block.mlp.gate_proj, at + "mlp_gate")
        watch(block.mlp.up_proj, at + "mlp_up")
        watch(block.mlp.act_fn, at + "mlp_act")
        block.mlp.down_proj.register_forward_pre_hook(
            lambda _, inputs, at=at: note(at + "mlp_gated", inputs[0][0]))
        watch(block.mlp, at + "mlp_out")
        watch(block, at + "resid_out", lambda x: x[0] if isinstance(x, torch.Tensor) else x[0][0])
    watch(model.model.norm, "final/ln_f")

    rotate, attend = modeling_llama.apply_rotary_pos_emb, modeling_llama.eager_attention_forward

    def rotated(*arguments, **options):
        result = rotate(*arguments, **options)
        for name, value in zip(["q_rope", "k_rope"], result):
            note(f"layers/{layer[0]:03}/{name}", value[0])
        return result

    def attended(module, query, key, value, mask, scaling, **options):
        output, weights = attend(module, query, key, value, mask, scaling, **options)
        keys = modeling_llama.repeat_kv(key, module.num_key_value_groups)
        scores = torch.matmul(query, keys.transpose(2, 3)) * scaling
        count = query.shape[2]
        hidden = torch.ones(count, count, dtype=torch.bool).triu(1)
        if mask is not None:
            hidden = hidden | (mask[0, 0] < -1)
        note(f"layers/{layer[0]:03}/attn_scores", scores[0].masked_fill(hidden, -torch.inf))
        note(f"layers/{layer[0]:03}/attn_probs", weights[0])
        return output, weights

    modeling_llama.apply_rotary_pos_emb, modeling_llama.eager_attention_forward = rotated, attended
    try:
        logits = model(**inputs, use_cache=False).logits
    finally:
        modeling_llama.apply_rotary_pos_emb, modeling_llama.eager_attention_forward = rotate, attend
    note("final/logits", logits[0])
    note("final/probs", torch.softmax(logits[0], -1))
    return found


def old_spelling(config):
    """The configuration as transformers 4 wrote it."""
    old = {key: value for key, value in config.items() if key != "rope_parameters"}
    rotary = dict(config["rope_parameters"])
    old["rope_theta"] = rotary.pop("rope_theta")
    kind = rotary.pop("rope_type")
    old["rope_scaling"] = None if kind == "default" else {"type": kind, **rotary}
    return old


def write(path, options, count, seed, folders=False):
    options = {**BASE, **options}
    padding, shift = min(options.pop("_padding", 0), count - 1), options.pop("_shift", 0)
    config = LlamaConfig(**options)
    generator = random.Random(seed)
    tokens = [generator.randrange(config.vocab_size) for _ in range(count)]
    mask = [0] * padding + [1] * (count - padding)
    positions = [index + shift for index in range(count)]
    found, plain, weights = compute(config, tokens, positions, mask, seed)
    text = json.loads(config.to_json_string(use_diff=False))
    keep = set(options) | {"model_type", "hidden_act", "attention_bias", "mlp_bias", "tie_word_embeddings"}
    text = {key: value for key, value in text.items() if key in keep and key != "attn_implementation"}
    old = old_spelling(text)

    def store(f, kind, values, **groups):
        f.attrs["format"], f.attrs["format_version"], f.attrs["kind"] = np.bytes_("touchstone"), np.bytes_("1.1"), kind
        model = f.create_group("model")
        model.attrs["family"] = np.bytes_("llama")
        model.attrs["config_json"] = np.bytes_(json.dumps(text))
        model.attrs["config_json_v4"] = np.bytes_(json.dumps(old))
        values = {
            "inputs/token_ids": np.array(tokens, np.int32), "inputs/position_ids": np.array(positions, np.int32),
            "inputs/attention_mask": np.array(mask, np.int32), **values}
        for group, members in groups.items():
            values |= {f"{group}/{name}": value for name, value in members.items()}
        for name, value in values.items():
            f.create_dataset(name, data=value, compression="gzip", shuffle=True)
        f.attrs["complete"] = np.uint8(1)

    with h5py.File(path, "w", libver=("v110", "v110")) as f:
        store(f, np.bytes_("golden-candidate"), found, float32=plain, weights=weights)
    if folders:
        for folder, config in [(path.with_suffix(""), text), (path.with_suffix("") / "v4", old)]:
            folder.mkdir(exist_ok=True)
            (folder / "config.json").write_text(json.dumps(config))
            save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        with h5py.File(path.with_suffix("") / "float32.h5", "w", libver=("v110", "v110")) as f:
            f.create_group("provenance").attrs["precision"] = np.bytes_("float32")
            store(f, np.bytes_("capture"), plain)


def randomised(seed):
    r = random.Random(seed)
    key_heads, group, half = r.randint(1, 4), r.randint(1, 4), r.randint(1, 8)
    heads = key_heads * group
    original = r.choice([4, 8, 16, 64, 300])
    length = original * r.choice([1, 2, 8])
    theta = r.choice([50.0, 1e4, 5e5])
    kind = r.choice(["default", "linear", "dynamic", "llama3", "yarn", "longrope"])
    if kind == "dynamic" and half == 1:
        half = 2
    rotary = dict(rope_type=kind, rope_theta=theta)
    if kind in ("linear", "dynamic", "llama3", "yarn"):
        rotary["factor"] = r.choice([1.0, 1.5, 4.0, 32.0])
    if kind in ("llama3", "yarn", "longrope"):
        rotary["original_max_position_embeddings"] = original
    if kind == "llama3":
        rotary |= dict(low_freq_factor=r.choice([0.5, 1.0]), high_freq_factor=r.choice([2.0, 4.0]))
    if kind == "yarn":
        for key, values in dict(
            attention_factor=[0.8, 1.3], beta_fast=[8.0, 32.0], beta_slow=[1.0, 2.0], truncate=[True, False]
        ).items():
            if r.random() < 0.4:
                rotary[key] = r.choice(values)
        if r.random() < 0.5:
            rotary |= dict(mscale=r.choice([0.5, 1.0]), mscale_all_dim=r.choice([0.0, 0.7, 1.0]))
    if kind == "longrope":
        rotary |= dict(short_factor=[r.uniform(1, 2) for _ in range(half)])
        rotary |= dict(long_factor=[r.uniform(1, 9) for _ in range(half)])
        if r.random() < 0.5:
            rotary["factor"] = r.choice([1.0, 3.0])
        if r.random() < 0.3:
            rotary["attention_factor"] = r.choice([0.9, 1.4])
    return dict(
        vocab_size=r.randint(2, 40), hidden_size=heads * r.randint(1, 5), intermediate_size=r.randint(1, 40),
        num_hidden_layers=r.randint(1, 3), num_attention_heads=heads, num_key_value_heads=key_heads,
        head_dim=2 * half, max_position_embeddings=length, rms_norm_eps=r.choice([1e-6, 1e-5, 1e-2]),
        attention_bias=r.random() < 0.5, mlp_bias=r.random() < 0.5, tie_word_embeddings=r.random() < 0.5,
        hidden_act=r.choice(["silu", "silu", "gelu", "relu", "gelu_new", "quick_gelu", "tanh", "sigmoid", "relu2"]),
        rope_parameters=rotary, _padding=r.choice([0, 0, 2]), _shift=r.choice([0, 0, 3, 100]))


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    if len(sys.argv) > 2:
        first = 1000 * int(sys.argv[3])
        for seed in range(first, first + int(sys.argv[2])):
            write(folder / f"random-{seed}.h5", randomised(seed), random.Random(seed).randint(1, 24), seed, folders=True)
    else:
        for number, (name, options) in enumerate(VARIANTS.items()):
            write(folder / f"{name}.h5", options, 13, number)
