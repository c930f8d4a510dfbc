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

import importlib
import json
import random

import torch
from safetensors.torch import save_file

from fixture_files import digest, drawn_inputs, main, write_both

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
    # Norms of each head, a window in the later blocks, heads wider than D/H, biases, tied.
    "qwen3-window": (
        "qwen3",
        dict(
            num_hidden_layers=3, head_dim=6, use_sliding_window=True, sliding_window=3, max_window_layers=1,
            attention_bias=True, tie_word_embeddings=True, _padding=2, _shift=4),
    ),
    # A window that a list names, and a stretch; heads of their own keys.
    "qwen3-listed": (
        "qwen3",
        dict(
            hidden_size=14, num_attention_heads=3, num_key_value_heads=3, use_sliding_window=True, sliding_window=2,
            layer_types=["sliding_attention", "full_attention"], hidden_act="gelu",
            rope_parameters=dict(rope_type="yarn", rope_theta=1000.0, factor=4.0, original_max_position_embeddings=16)),
    ),
    # Caps that bite, a window in every other block, padding in front.
    "gemma2-caps": (
        "gemma2",
        dict(
            num_hidden_layers=3, hidden_size=18, head_dim=6, sliding_window=4, query_pre_attn_scalar=7,
            attn_logit_softcapping=1.5, final_logit_softcapping=2.0, _padding=2, _shift=3),
    ),
    # No caps, biases, untied; the window in the blocks that a list names.
    "gemma2-uncapped": (
        "gemma2",
        dict(
            hidden_size=18, num_attention_heads=3, num_key_value_heads=1, sliding_window=2,
            layer_types=["full_attention", "sliding_attention"], attn_logit_softcapping=None, final_logit_softcapping=None,
            attention_bias=True, tie_word_embeddings=False, hidden_activation="gelu", rms_norm_eps=1e-3),
    ),
    # Rotations of their own, stretched in full blocks alone; two blocks of five have no window.
    "gemma3-pattern": (
        "gemma3",
        dict(
            num_hidden_layers=5, hidden_size=18, head_dim=6, intermediate_size=7, vocab_size=13, sliding_window=3,
            sliding_window_pattern=2, query_pre_attn_scalar=5,
            rope_parameters=dict(
                full_attention=dict(rope_type="linear", rope_theta=1000.0, factor=3.0),
                sliding_attention=dict(rope_type="default", rope_theta=50.0)),
            _padding=2),
    ),
    # A cap of the logits, one of the scores that nothing reads, biases, untied, listed blocks.
    "gemma3-listed": (
        "gemma3",
        dict(
            hidden_size=18, num_attention_heads=3, num_key_value_heads=3, sliding_window=2,
            layer_types=["full_attention", "sliding_attention"], final_logit_softcapping=1.5, attn_logit_softcapping=2.0,
            attention_bias=True, tie_word_embeddings=False,
            rope_parameters=dict(
                full_attention=dict(rope_type="default", rope_theta=200.0),
                sliding_attention=dict(rope_type="default", rope_theta=20.0))),
    ),
    # Heads normalised together, shared keys; norms behind each half.
    "olmo2-shared": ("olmo2", dict(head_dim=None, hidden_size=24, num_hidden_layers=3, _padding=2, _shift=5)),
    # Biases, tied, a stretch.
    "olmo2-biases": (
        "olmo2",
        dict(
            head_dim=None, hidden_size=18, num_attention_heads=3, num_key_value_heads=3, attention_bias=True,
            tie_word_embeddings=True, rms_norm_eps=1e-3,
            rope_parameters=dict(rope_type="linear", rope_theta=500.0, factor=2.5)),
    ),
    # The first six of eight columns turn, by the long factors; a window.
    "phi3-long": (
        "phi3",
        dict(
            head_dim=None, hidden_size=48, sliding_window=4, original_max_position_embeddings=8, _shift=2,
            rope_parameters=dict(
                rope_type="longrope", rope_theta=100.0, partial_rotary_factor=0.75, short_factor=[1.0, 1.25, 1.5],
                long_factor=[1.5, 2.0, 4.0])),
    ),
    # The short factors, padding in front, tied; whole heads.
    "phi3-short": (
        "phi3",
        dict(
            head_dim=None, hidden_size=20, num_attention_heads=5, num_key_value_heads=5, tie_word_embeddings=True,
            original_max_position_embeddings=32, _padding=2,
            rope_parameters=dict(
                rope_type="longrope", rope_theta=100.0, short_factor=[1.0, 1.5], long_factor=[2.0, 4.0])),
    ),
    # A quarter of each head turns.
    "phi3-quarter": (
        "phi3",
        dict(
            head_dim=None, hidden_size=24, num_attention_heads=3, num_key_value_heads=1,
            rope_parameters=dict(rope_type="default", rope_theta=100.0, partial_rotary_factor=0.25)),
    ),
}
CLASSES = {
    "qwen2": "Qwen2", "mistral": "Mistral",
    "gemma": "Gemma", "qwen3": "Qwen3", "gemma2": "Gemma2", "gemma3": "Gemma3", "olmo2": "Olmo2", "phi3": "Phi3"}
GEMMAS = ("gemma", "gemma2", "gemma3")


class Observed:
    """What a model computes, by the names of the golden format."""

    def __init__(self, family, model):
        self.values, self.layer, self.family = {}, 0, family
        self.modeling = importlib.import_module(f"transformers.models.{family}.modeling_{family}")
        self.model, config = model, model.config
        inner = model.model
        self.watch(inner.embed_tokens, "embed/scaled" if family in GEMMAS else "embed/token")
        H, KV = config.num_attention_heads, config.num_key_value_heads
        for index, block in enumerate(inner.layers):
            at, attention, mlp = f"layers/{index:03}/", block.self_attn, block.mlp

            def enter(_, inputs, at=at, index=index):
                self.layer = index
                self.note(at + "resid_in", inputs[0][0])

            block.register_forward_pre_hook(enter)
            self.watch(block, at + "resid_out")
            if hasattr(block, "input_layernorm"):
                self.watch(block.input_layernorm, at + "ln_1")
            if hasattr(attention, "qkv_proj"):
                self.watch(attention.qkv_proj, *[(at + name, count) for name, count in [("q", H), ("k", KV), ("v", KV)]])
            else:
                for name, count in [("q", H), ("k", KV), ("v", KV)]:
                    self.watch(getattr(attention, name + "_proj"), (at + name, count))
            for name, count in [("q_norm", H), ("k_norm", KV)]:
                if hasattr(attention, name):
                    self.watch(getattr(attention, name), (at + name, count))
            self.watch_input(attention.o_proj, at + "attn_context")
            self.watch(attention.o_proj, at + "attn_out")
            if hasattr(block, "post_feedforward_layernorm"):
                self.watch(block.post_attention_layernorm, at + "attn_post_norm")
                self.watch(block.post_feedforward_layernorm, at + "mlp_post_norm")
            before = getattr(block, "pre_feedforward_layernorm", None)
            if before is None and not hasattr(block, "post_feedforward_layernorm"):
                before = block.post_attention_layernorm
            if before is None:
                self.watch_input(mlp, at + "resid_mid")
            else:
                self.watch_input(before, at + "resid_mid")
                self.watch(before, at + "ln_2")
            self.watch_mlp(at, mlp)
        self.watch(inner.norm, "final/ln_f")
        if getattr(config, "final_logit_softcapping", None) is not None:
            self.watch(model.lm_head, "final/logits_raw")

    def watch_mlp(self, at, mlp):
        if hasattr(mlp, "gate_up_proj"):
            self.watch(mlp.gate_up_proj, (at + "mlp_gate", None), (at + "mlp_up", None))
            self.watch(mlp.activation_fn, at + "mlp_act")
        else:
            for name in ["gate", "up"]:
                self.watch(getattr(mlp, name + "_proj"), at + "mlp_" + name)
            self.watch(mlp.act_fn, at + "mlp_act")
        self.watch_input(mlp.down_proj, at + "mlp_gated")
        self.watch(mlp, at + "mlp_out")

    def note(self, name, value):
        self.values[name] = value.detach().clone().numpy()

    def watch(self, module, *parts):
        """Notes what a module makes: a name, or names with the heads of which each takes its columns; None for equal parts."""

        def take(_, inputs, output):
            x = (output[0] if isinstance(output, tuple) else output)[0]
            if isinstance(parts[0], str):
                self.note(parts[0], x)
                return
            if x.dim() == 3:
                # Norms of heads: [T, H, d], and of Gemma 3 [H, T, d].
                self.note(parts[0][0], x if self.family == "gemma3" else x.transpose(0, 1))
                return
            unit = x.shape[-1] // sum(count or 1 for _, count in parts)
            first = 0
            for name, count in parts:
                cut = x[:, first:first + unit * (count or 1)]
                first += unit * (count or 1)
                self.note(name, cut if count is None else cut.reshape(len(x), count, -1).transpose(0, 1))

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
            output, weights = attend(module, query, key, value, mask, scaling=scaling, **options)
            keys = self.modeling.repeat_kv(key, module.num_key_value_groups)
            scores = torch.matmul(query, keys.transpose(2, 3)) * scaling
            cap = options.get("softcap")
            count = query.shape[2]
            hidden = torch.ones(count, count, dtype=torch.bool).triu(1)
            if mask is not None:
                hidden = hidden | (mask[0, 0] < -1)
            self.note(f"layers/{self.layer:03}/attn_scores", scores[0].masked_fill(hidden, -torch.inf))
            if cap is not None:
                capped = torch.tanh(scores[0] / cap) * cap
                self.note(f"layers/{self.layer:03}/attn_capped", capped.masked_fill(hidden, -torch.inf))
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
    name = "Gemma3TextConfig" if family == "gemma3" else CLASSES[family] + "Config"
    config = getattr(library, name)(pad_token_id=None, **options)
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = getattr(library, CLASSES[family] + "ForCausalLM")(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            near = 1.0 if "norm" in name and family not in GEMMAS else 0.0
            values = near + torch.randn(parameter.shape) * (0.2 if "norm" in name else 0.5)
            parameter.copy_(values.to(torch.bfloat16))
    return model


def spelled_as_before(config):
    """The configuration as transformers 4 wrote it."""
    old = {key: value for key, value in config.items() if key not in ("rope_parameters", "layer_types")}
    rotary = dict(config["rope_parameters"])
    if "full_attention" in rotary:
        old["rope_local_base_freq"] = rotary["sliding_attention"]["rope_theta"]
        rotary = dict(rotary["full_attention"])
    old["rope_theta"] = rotary.pop("rope_theta")
    if "partial_rotary_factor" in rotary:
        old["partial_rotary_factor"] = rotary.pop("partial_rotary_factor")
    kind = rotary.pop("rope_type")
    if config["model_type"] == "phi3" and kind == "longrope":
        kind = "su"
        rotary.pop("original_max_position_embeddings", None)
    spelling = "rope_type" if config["model_type"] == "gemma3_text" else "type"
    old["rope_scaling"] = None if kind == "default" else {spelling: kind, **rotary}
    return old


def fixture(folder, family, options, count, seed):
    own = options
    options = {**BASE, **options}
    padding, shift = options.pop("_padding", 0), options.pop("_shift", 0)
    if options["head_dim"] is None:
        del options["head_dim"]
    model = made(family, options, seed)
    weights = {
        name: value for name, value in model.state_dict().items()
        if not (name == "lm_head.weight" and model.config.tie_word_embeddings)}
    inputs = drawn_inputs(model, count, padding, shift, seed)
    text = json.loads(model.config.to_json_string(use_diff=False))
    # What transformers 4 wrote of the first Gemmas.
    if family == "gemma" and options.get("hidden_act") == "gelu":
        text["hidden_act"] = "gelu"
    keep = set(options) | {
        "model_type", "hidden_act", "tie_word_embeddings", "use_sliding_window", "sliding_window", "max_window_layers",
        "layer_types", "hidden_activation", "query_pre_attn_scalar", "attn_logit_softcapping", "final_logit_softcapping",
        "original_max_position_embeddings"}
    config = {key: value for key, value in text.items() if key in keep}
    if "sliding_window_pattern" in own:
        config["sliding_window_pattern"] = own["sliding_window_pattern"]
    family_name = config["model_type"]
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    for name, value in {"config.json": config, "config.v4.json": spelled_as_before(config)}.items():
        if name == "config.json" or "layer_types" not in options:
            (folder / name).write_text(json.dumps(value, indent=1) + "\n")
    write_both(
        folder, family_name, config, inputs, digest(weights), lambda: made(family, options, seed),
        lambda model: Observed(family, model), weights)


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
    if family in ("qwen3", "olmo2", "gemma2", "gemma3"):
        options |= dict(attention_bias=r.random() < 0.5)
    if family == "qwen3":
        options |= dict(
            use_sliding_window=r.random() < 0.7, sliding_window=r.choice([1, 2, 5, 40]),
            max_window_layers=r.choice([0, 1, 2, 28]))
    if family in ("gemma2", "gemma3"):
        options |= dict(
            sliding_window=r.choice([1, 2, 5, 40]), query_pre_attn_scalar=r.randint(1, 20),
            final_logit_softcapping=r.choice([None, 1.0, 30.0]), attn_logit_softcapping=r.choice([None, 0.5, 50.0]))
        options["hidden_size"] = options["num_attention_heads"] * r.randint(1, 5)
    if family == "gemma3":
        full = r.choice([dict(rope_type="default"), dict(rope_type="linear", factor=r.choice([2.0, 8.0]))])
        options |= dict(
            sliding_window_pattern=r.randint(1, 4),
            rope_parameters=dict(
                full_attention=dict(rope_theta=r.choice([100.0, 1e6]), **full),
                sliding_attention=dict(rope_type="default", rope_theta=r.choice([10.0, 1e4]))))
    if family in ("olmo2", "phi3"):
        options |= dict(head_dim=None, hidden_size=options["num_attention_heads"] * options["head_dim"])
    if family == "phi3":
        width = options["hidden_size"] // options["num_attention_heads"]
        pairs = r.randint(1, width // 2)
        rotary = dict(options["rope_parameters"], partial_rotary_factor=2 * pairs / width)
        if r.random() < 0.6:
            rotary |= dict(
                rope_type="longrope", short_factor=[r.uniform(1, 2) for _ in range(pairs)],
                long_factor=[r.uniform(1, 8) for _ in range(pairs)])
        options |= dict(
            sliding_window=r.choice([None, 1, 2, 5, 40]), original_max_position_embeddings=r.choice([4, 16, 64]),
            rope_parameters=rotary)
    return options


if __name__ == "__main__":
    main(FIXTURES, fixture, lambda family, seed: ((family, randomised(family, seed)), random.Random(seed).randint(1, 24)), 9)
