"""Tiny models of a family, computed by Hugging Face's unmodified code: in float64 what the reference is compared with, and
in float32 a capture to be judged.

    python make_family.py FOLDER [NAME ...]     writes the fixtures of this folder, or those named
    python make_family.py FOLDER qwen2 40 7     writes 40 random models of a family, seed 7

Made with transformers 5.24.0 and torch 2.13.0 (CPU, one thread, eager attention). Hugging Face casts to float32 inside
RMSNorm, rotary tables and softmax even in a float64 model; a function mode turns these casts into float64. Observers stand
at the modules and around `apply_rotary_pos_emb` and the attention function; scores are the observed product times the
scale, -inf where masked. A fixture is a folder: `config.json`, `config.v4.json` as transformers 4 spelled it,
`model.safetensors`, `float64.h5` and `float32.h5`.
"""

import hashlib
import importlib
import json
import random
import sys
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors.torch import save_file
from torch.overrides import TorchFunctionMode

BASE = dict(
    vocab_size=23, hidden_size=20, intermediate_size=13, num_hidden_layers=2, num_attention_heads=6,
    num_key_value_heads=2, head_dim=4, max_position_embeddings=64, rms_norm_eps=1e-5,
    rope_parameters=dict(rope_type="default", rope_theta=100.0),
)
FIXTURES = {
    # A window in the later blocks alone, tied, three tokens of padding in front, positions that begin at 4.
    "qwen2-window": (
        "qwen2",
        dict(
            num_hidden_layers=3, use_sliding_window=True, sliding_window=3, max_window_layers=1, tie_word_embeddings=True,
            _padding=3, _shift=4),
    ),
    # A window in the blocks that a list names, one head of keys, and frequencies that are stretched.
    "qwen2-listed": (
        "qwen2",
        dict(
            hidden_size=12, num_attention_heads=3, num_key_value_heads=1, head_dim=None, use_sliding_window=True,
            sliding_window=2, layer_types=["sliding_attention", "full_attention"], hidden_act="gelu",
            rope_parameters=dict(
                rope_type="yarn", rope_theta=1000.0, factor=4.0, original_max_position_embeddings=16)),
    ),
    # One window for all blocks, heads wider than D/H, padding in front.
    "mistral-window": ("mistral", dict(head_dim=6, sliding_window=4, _padding=2)),
    # No window where the field is null, tied, one query to a key, frequencies that are stretched.
    "mistral-whole": (
        "mistral",
        dict(
            num_attention_heads=5, num_key_value_heads=5, sliding_window=None, tie_word_embeddings=True,
            rope_parameters=dict(rope_type="linear", rope_theta=500.0, factor=2.5)),
    ),
    # One head of keys, biases, tied as the class has it; the readout by itself.
    "gemma-biases": (
        "gemma", dict(num_key_value_heads=1, num_attention_heads=3, head_dim=8, attention_bias=True, _padding=2, _shift=3)),
    "gemma-untied": ("gemma", dict(tie_word_embeddings=False, hidden_act="gelu")),
}
CLASSES = {"qwen2": "Qwen2", "mistral": "Mistral", "gemma": "Gemma"}


class Double(TorchFunctionMode):
    """Turns casts to float32 into casts to float64."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.float:
            function = torch.Tensor.double
        swap = lambda value: torch.float64 if value is torch.float32 else value
        return function(*map(swap, args), **{key: swap(value) for key, value in (kwargs or {}).items()})


class Observed:
    """What a model computes, by the names of the golden format."""

    def __init__(self, family, model):
        self.values, self.layer = {}, 0
        self.modeling = importlib.import_module(f"transformers.models.{family}.modeling_{family}")
        self.model, config = model, model.config
        inner = model.model
        self.watch(inner.embed_tokens, "embed/scaled" if family == "gemma" else "embed/token")
        for index, block in enumerate(inner.layers):
            at, attention, mlp = f"layers/{index:03}/", block.self_attn, block.mlp

            def enter(_, inputs, at=at, index=index):
                self.layer = index
                self.note(at + "resid_in", inputs[0][0])

            block.register_forward_pre_hook(enter)
            self.watch(block, at + "resid_out")
            self.watch(block.input_layernorm, at + "ln_1")
            for name, count in [
                ("q", config.num_attention_heads), ("k", config.num_key_value_heads), ("v", config.num_key_value_heads),
            ]:
                self.watch(getattr(attention, name + "_proj"), at + name, heads=count)
            self.watch_input(attention.o_proj, at + "attn_context")
            self.watch(attention.o_proj, at + "attn_out")
            self.watch_input(block.post_attention_layernorm, at + "resid_mid")
            self.watch(block.post_attention_layernorm, at + "ln_2")
            for name in ["gate", "up"]:
                self.watch(getattr(mlp, name + "_proj"), at + "mlp_" + name)
            self.watch(mlp.act_fn, at + "mlp_act")
            self.watch_input(mlp.down_proj, at + "mlp_gated")
            self.watch(mlp, at + "mlp_out")
        self.watch(inner.norm, "final/ln_f")

    def note(self, name, value):
        self.values[name] = value.detach().clone().numpy()

    def watch(self, module, name, heads=None):
        def take(_, inputs, output):
            x = (output[0] if isinstance(output, tuple) else output)[0]
            self.note(name, x if heads is None else x.reshape(len(x), heads, -1).transpose(0, 1))

        module.register_forward_hook(take)

    def watch_input(self, module, name):
        module.register_forward_pre_hook(lambda _, inputs: self.note(name, inputs[0][0]))

    def run(self, inputs):
        rotate, attend = self.modeling.apply_rotary_pos_emb, self.modeling.eager_attention_forward

        def rotated(*arguments, **options):
            result = rotate(*arguments, **options)
            for name, value in zip(["q_rope", "k_rope"], result):
                self.note(f"layers/{self.layer:03}/{name}", value[0])
            return result

        def attended(module, query, key, value, mask, scaling, **options):
            output, weights = attend(module, query, key, value, mask, scaling, **options)
            keys = self.modeling.repeat_kv(key, module.num_key_value_groups)
            scores = torch.matmul(query, keys.transpose(2, 3)) * scaling
            count = query.shape[2]
            hidden = torch.ones(count, count, dtype=torch.bool).triu(1)
            if mask is not None:
                hidden = hidden | (mask[0, 0] < -1)
            self.note(f"layers/{self.layer:03}/attn_scores", scores[0].masked_fill(hidden, -torch.inf))
            self.note(f"layers/{self.layer:03}/attn_probs", weights[0])
            return output, weights

        self.modeling.apply_rotary_pos_emb, self.modeling.eager_attention_forward = rotated, attended
        try:
            logits = self.model(**{name: torch.tensor([value]) for name, value in inputs.items()}, use_cache=False).logits
        finally:
            self.modeling.apply_rotary_pos_emb, self.modeling.eager_attention_forward = rotate, attend
        self.note("final/logits", logits[0])
        if "embed/scaled" in self.values:
            self.note("embed/token", self.model.model.embed_tokens.weight[torch.tensor(inputs["input_ids"])])
        self.note("final/probs", torch.softmax(logits[0], -1))
        return self.values


def made(family, options, seed):
    """A model with random weights that bfloat16 holds, so that float32 does."""
    library = importlib.import_module("transformers")
    config = getattr(library, CLASSES[family] + "Config")(**options)
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = getattr(library, CLASSES[family] + "ForCausalLM")(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            near = 1.0 if "norm" in name and family != "gemma" else 0.0
            values = near + torch.randn(parameter.shape) * (0.2 if "norm" in name else 0.5)
            parameter.copy_(values.to(torch.bfloat16))
    return model


def digest(weights):
    """The digest of Docs/Format.md."""
    result = hashlib.sha256()
    for name in sorted(weights):
        value = weights[name].numpy()
        result.update(f"{name} float32 {','.join(map(str, value.shape))}\n".encode() + value.tobytes())
    return result.hexdigest()


def spelled_as_before(config):
    """The configuration as transformers 4 wrote it."""
    old = {key: value for key, value in config.items() if key not in ("rope_parameters", "layer_types")}
    rotary = dict(config["rope_parameters"])
    old["rope_theta"] = rotary.pop("rope_theta")
    kind = rotary.pop("rope_type")
    old["rope_scaling"] = None if kind == "default" else {"type": kind, **rotary}
    return old


def write(path, kind, family, config, inputs, values, key):
    with h5py.File(path, "w", libver=("v110", "v110")) as f:
        for name, value in dict(format="touchstone", format_version="1.1", kind=kind).items():
            f.attrs[name] = np.bytes_(value)
        f.attrs["complete"] = np.uint8(1)
        model = f.create_group("model")
        for name, value in dict(family=family, config_json=json.dumps(config), weights_sha256=key).items():
            model.attrs[name] = np.bytes_(value)
        manifest = f.create_group("provenance").create_group("manifest")
        precision = "float64" if kind == "golden-candidate" else "float32"
        for name, value in dict(producer="transformers 5.24.0", precision=precision).items():
            manifest.attrs[name] = np.bytes_(value)
        for name, value in zip(["token_ids", "position_ids", "attention_mask"], inputs.values()):
            f["inputs/" + name] = np.array(value, np.int32)
        for name, value in values.items():
            f.create_dataset(name, data=value, compression="gzip", shuffle=True)


def fixture(folder, family, options, count, seed):
    options = {**BASE, **options}
    padding, shift = options.pop("_padding", 0), options.pop("_shift", 0)
    if options["head_dim"] is None:
        del options["head_dim"]
    model = made(family, options, seed)
    weights = {
        name: value for name, value in model.state_dict().items()
        if not (name == "lm_head.weight" and model.config.tie_word_embeddings)}
    generator = random.Random(seed)
    inputs = dict(
        input_ids=[generator.randrange(model.config.vocab_size) for _ in range(count)],
        position_ids=[index + shift for index in range(count)],
        attention_mask=[0] * min(padding, count - 1) + [1] * (count - min(padding, count - 1)))
    text = json.loads(model.config.to_json_string(use_diff=False))
    # What transformers 4 wrote of the first Gemmas.
    if family == "gemma" and options.get("hidden_act") == "gelu":
        text["hidden_act"] = "gelu"
    keep = set(options) | {
        "model_type", "hidden_act", "tie_word_embeddings", "use_sliding_window", "sliding_window", "max_window_layers",
        "layer_types"}
    config = {key: value for key, value in text.items() if key in keep}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    for name, value in {"config.json": config, "config.v4.json": spelled_as_before(config)}.items():
        if name == "config.json" or "layer_types" not in options:
            (folder / name).write_text(json.dumps(value, indent=1) + "\n")
    with torch.no_grad():
        single = Observed(family, model).run(inputs)
        write(folder / "float32.h5", "capture", family, config, inputs, single, digest(weights))
        torch.set_default_dtype(torch.float64)
        with Double():
            model = made(family, options, seed).double()
            model.load_state_dict(dict(weights), strict=False)
            double = Observed(family, model).run(inputs)
        torch.set_default_dtype(torch.float32)
    write(folder / "float64.h5", "golden-candidate", family, config, inputs, double, digest(weights))


def randomised(family, seed):
    r = random.Random(seed)
    key_heads, group, layers = r.randint(1, 3), r.randint(1, 4), r.randint(1, 4)
    options = dict(
        vocab_size=r.randint(2, 40), hidden_size=r.randint(1, 30), intermediate_size=r.randint(1, 40),
        num_hidden_layers=layers, num_attention_heads=key_heads * group, num_key_value_heads=key_heads,
        head_dim=2 * r.randint(1, 6), rms_norm_eps=r.choice([1e-6, 1e-2]), tie_word_embeddings=r.random() < 0.5,
        rope_parameters=dict(rope_type="default", rope_theta=r.choice([50.0, 1e4, 1e6])),
        _padding=r.choice([0, 0, 2]), _shift=r.choice([0, 0, 30]))
    if family == "qwen2":
        options |= dict(
            use_sliding_window=r.random() < 0.7, sliding_window=r.choice([1, 2, 5, 40, None]),
            max_window_layers=r.choice([0, 1, 2, 28]))
    if family == "mistral":
        options |= dict(sliding_window=r.choice([1, 2, 5, 40, None]))
    if family == "gemma":
        options |= dict(attention_bias=r.random() < 0.5)
    return options


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    if len(sys.argv) == 5 and sys.argv[3].isdigit():
        first = 1000 * int(sys.argv[4])
        for seed in range(first, first + int(sys.argv[3])):
            family = sys.argv[2]
            options = randomised(family, seed)
            fixture(folder / f"{family}-{seed}", family, options, random.Random(seed).randint(1, 24), seed)
    else:
        for number, (name, (family, options)) in enumerate(FIXTURES.items()):
            if name in sys.argv[2:] or len(sys.argv) == 2:
                fixture(folder / name, family, options, 9, number)
