"""The same as `make_family.py` for the families with LayerNorm, whose modules have names of their own.

    python make_layernorm_family.py FOLDER [NAME ...]     writes the fixtures of this folder, or those named
    python make_layernorm_family.py FOLDER opt 40 7       writes 40 random models of a family, seed 7

Observers stand at the modules, around the attention function where a family has one (what it reads are the rotated heads),
and around what makes biases on scores; scores are the observed heads' product times the scale, with the bias, -inf where
masked.
"""

import importlib
import json
import random
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from fixture_files import digest, main, write_both
from layernorm_families import BASE, CLASSES, FIXTURES, MODULES, randomised


class Observed:
    """What a model computes, by the names of the golden format."""

    def __init__(self, family, model):
        self.values, self.layer, self.family, self.model, self.bias = {}, 0, family, model, None
        self.modeling = importlib.import_module(f"transformers.models.{family}.modeling_{family}")
        names, config = MODULES[family], model.config
        stack = model.get_submodule(names["stack"])
        self.heads = config.num_attention_heads
        self.count = getattr(config, "num_key_value_heads", None) or self.heads
        if family == "falcon":
            self.count = config.num_kv_heads if config.new_decoder_architecture else 1 if config.multi_query else self.heads
        self.clip = config.attn_config.clip_qkv if family == "mpt" else None
        own = config.attn_config.softmax_scale if family == "mpt" else None
        self.scale = own if own is not None else (config.hidden_size / self.heads) ** -0.5
        if getattr(config, "scale_attn_weights", True) is False:
            self.scale = 1.0
        self.is_divided = getattr(config, "scale_attn_by_inverse_layer_idx", False)
        self.is_post = family == "opt" and not config.do_layer_norm_before
        self.watch(stack.get_submodule(names["token"]), "embed/token")
        for name, module in [
            ("embed/position", names.get("position") if family in ("opt", "imagegpt") else None),
            ("embed/projected", "project_in"), ("final/projected", "project_out"),
            ("embed/ln", "word_embeddings_layernorm"), ("final/ln_f", names["last"]),
        ]:
            found = module and getattr(stack, module, None)
            if found is not None:
                self.watch(found, name)
        for index, block in enumerate(getattr(stack, names["blocks"])):
            self.watch_block(f"layers/{index:03}/", index, block, names)

    def watch_block(self, at, index, block, names):
        def enter(_, inputs):
            self.layer = index
            self.note(at + "resid_in", inputs[0][0])

        block.register_forward_pre_hook(enter)
        self.watch(block, at + "resid_out")
        falcon = self.family == "falcon" and hasattr(block, "ln_attn")
        first = block.get_submodule("ln_attn" if falcon else names["ln_1"])
        self.watch(first, at + "ln_1")
        second = getattr(block, "ln_mlp" if falcon else names["ln_2"] or "", None)
        if second is not None:
            self.watch(second, at + "ln_2")
        if self.is_post:
            self.watch_input(first, at + "resid_mid")
            self.watch_input(second, at + "resid_mlp")
        elif second is not None and not falcon and getattr(self.model.config, "use_parallel_residual", False) is not True:
            self.watch_input(second, at + "resid_mid")
        if names.get("fused"):
            block.get_submodule(names["fused"]).register_forward_hook(
                lambda _, inputs, output: self.split(at, output[0].detach()))
        else:
            for name, count in [("q", self.heads), ("k", self.count), ("v", self.count)]:
                self.watch(block.get_submodule(names["separate"].format(name)), at + name, heads=count)
        attention = block.get_submodule(names["attention"])
        for name in "qk":
            if getattr(attention, name + "_layernorm", None) is not None:
                attention.get_submodule(name + "_layernorm").register_forward_hook(
                    lambda _, inputs, output, name=name: self.note(at + name + "_norm", output[0]))
        attention.register_forward_hook(lambda _, inputs, output: self.note(at + "attn_probs", output[1][0]))
        self.watch_input(block.get_submodule(names["out"]), at + "attn_context")
        self.watch(block.get_submodule(names["out"]), at + "attn_out")
        self.watch(block.get_submodule(names["up"]), at + "mlp_pre")
        self.watch_input(block.get_submodule(names["down"]), at + "mlp_act")
        self.watch(block.get_submodule(names["down"]), at + "mlp_out")

    def split(self, at, x):
        """The joint projection, as each family's own code reads it."""
        if self.family in ("imagegpt", "mpt"):
            x = x if not self.clip else x.clamp(-self.clip, self.clip)
            parts = [part.reshape(len(x), self.heads, -1) for part in x.chunk(3, -1)]
        elif self.family in ("gpt_neox", "bloom"):
            x = x.reshape(len(x), self.heads, 3, -1)
            parts = [x[:, :, part] for part in range(3)]
        else:
            x = x.reshape(len(x), self.count, self.heads // self.count + 2, -1)
            parts = [x[:, :, :-2].flatten(1, 2), x[:, :, -2], x[:, :, -1]]
        for name, part in zip("qkv", parts):
            self.note(at + name, part.transpose(0, 1))

    def note(self, name, value):
        self.values[name] = value.detach().clone().numpy()

    def watch(self, module, name, heads=None):
        def take(_, inputs, output):
            x = output[0] if isinstance(output, tuple) else output
            x = x[0] if x.dim() == 3 else x
            self.note(name, x if heads is None else x.reshape(len(x), heads, -1).transpose(0, 1))

        module.register_forward_hook(take)

    def watch_input(self, module, name):
        def take(_, inputs):
            self.note(name, inputs[0][0] if inputs[0].dim() == 3 else inputs[0])

        module.register_forward_pre_hook(take)

    def replaced(self):
        """Functions of the family's module that are watched."""
        at = lambda name: f"layers/{self.layer:03}/{name}"

        def attended(original):
            def call(module, query, key, *arguments, **options):
                if self.family != "opt":
                    self.note(at("q_rope"), query[0])
                    self.note(at("k_rope"), key[0])
                return original(module, query, key, *arguments, **options)

            return call

        def rotated(original):
            def call(*arguments, **options):
                query, key = original(*arguments, **options)
                self.note(at("q_rope"), query[0])
                self.note(at("k_rope"), key[0][:: key.shape[1] // self.count])
                return query, key

            return call

        def biased(original):
            def call(*arguments, **options):
                self.bias = original(*arguments, **options)
                return self.bias

            return call

        wrappers = {"eager_attention_forward": attended, "build_alibi_tensor": biased, "build_mpt_alibi_tensor": biased}
        if self.family == "falcon":
            wrappers = {"apply_rotary_pos_emb": rotated}
        return {name: wrap for name, wrap in wrappers.items() if hasattr(self.modeling, name)}

    def run(self, inputs):
        wrappers = self.replaced()
        originals = {name: getattr(self.modeling, name) for name in wrappers}
        for name, wrap in wrappers.items():
            setattr(self.modeling, name, wrap(originals[name]))
        given = {name: torch.tensor([value]) for name, value in inputs.items()}
        if self.family in ("bloom", "mpt"):
            del given["position_ids"]
        try:
            logits = self.model(**given, use_cache=False, output_attentions=True).logits
        finally:
            for name, original in originals.items():
                setattr(self.modeling, name, original)
        self.note("final/logits", logits[0])
        self.note("final/probs", torch.softmax(logits[0], -1))
        if "embed/position" in self.values:
            self.values["embed/position"] = self.values["embed/position"].reshape(len(inputs["input_ids"]), -1)
            self.note("embed/sum", torch.tensor(self.values["layers/000/resid_in"]))
        self.note_scores(torch.tensor(inputs["attention_mask"]))
        return self.values

    def note_scores(self, mask):
        count = len(mask)
        bias = None
        if self.bias is not None:
            bias = self.bias.reshape(self.heads, 1, -1)[:, :, -count:].expand(self.heads, count, count)
            self.note("embed/attn_bias", bias)
        hidden = torch.ones(count, count, dtype=torch.bool).triu(1) | (mask == 0)
        window = getattr(self.model.config, "sliding_window", None)
        if window:
            hidden = hidden | torch.ones(count, count, dtype=torch.bool).tril(-window)
        for layer in range(self.layer + 1):
            at = f"layers/{layer:03}/"
            query, key = [torch.tensor(self.values.get(at + name + "_rope", self.values[at + name])) for name in "qk"]
            scale = self.scale / (layer + 1) if self.is_divided else self.scale
            if self.family == "phi" and at + "q_norm" not in self.values:
                assert not self.model.config.qk_layernorm
            scores = query @ key.repeat_interleave(len(query) // len(key), 0).transpose(1, 2) * scale
            self.note(at + "attn_scores", (scores if bias is None else scores + bias).masked_fill(hidden, -torch.inf))


def made(family, options, seed):
    """A model with random weights that bfloat16 holds, so that float32 does."""
    library = importlib.import_module("transformers")
    config = getattr(library, CLASSES[family] + "Config")(**options)
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    task = "ForCausalImageModeling" if family == "imagegpt" else "ForCausalLM"
    model = getattr(library, CLASSES[family] + task)(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            is_norm = "ln_" in name or "norm" in name
            near = 1.0 if is_norm and name.endswith("weight") else 0.0
            values = near + torch.randn(parameter.shape) * (0.2 if is_norm or name.endswith("bias") else 0.5)
            parameter.copy_(values.to(torch.bfloat16))
    return model


def spelled_as_before(family, config):
    """The configuration as transformers 4 wrote it; None where it is the same."""
    if "rope_parameters" not in config:
        return None
    old = {key: value for key, value in config.items() if key != "rope_parameters"}
    rotary = dict(config["rope_parameters"])
    share = rotary.pop("partial_rotary_factor", None)
    is_neox = family == "gpt_neox"
    old["rotary_emb_base" if is_neox else "rope_theta"] = rotary.pop("rope_theta")
    if share is not None:
        old["rotary_pct" if is_neox else "partial_rotary_factor"] = share
    kind = rotary.pop("rope_type")
    old["rope_scaling"] = None if kind == "default" else {"type": kind, **rotary}
    return old


def fixture(folder, family, options, count, seed):
    options = {**BASE[family], **options}
    masked, shift = options.pop("_masked", []), options.pop("_shift", 0)
    model = made(family, options, seed)
    stored = Path(folder)
    stored.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(stored)
    weights = load_file(stored / "model.safetensors")
    (stored / "generation_config.json").unlink(missing_ok=True)
    save_file(weights, stored / "model.safetensors", metadata={"format": "pt"})
    generator = random.Random(seed)
    mask = [0 if index in masked else 1 for index in range(count)]
    positions = [index + shift for index in range(count)]
    if family == "opt":
        positions = [sum(mask[: index + 1]) * visible - 1 for index, visible in enumerate(mask)]
    inputs = dict(
        input_ids=[generator.randrange(model.config.vocab_size) for _ in range(count)], position_ids=positions,
        attention_mask=mask)
    text = json.loads(model.config.to_json_string(use_diff=False))
    drop = ("transformers_version", "architectures", "dtype", "id2label", "label2id")
    config = {key: value for key, value in text.items() if key not in drop and (key in options or key == "model_type")}
    if "attn_config" in config:
        config["attn_config"] = options["attn_config"]
    for name, value in {"config.json": config, "config.v4.json": spelled_as_before(family, config)}.items():
        (stored / name).unlink(missing_ok=True)
        if value is not None:
            (stored / name).write_text(json.dumps(value, indent=1) + "\n")
    write_both(
        stored, family, config, inputs, digest(weights), lambda: made(family, options, seed),
        lambda model: Observed(family, model))


def drawn(family, seed):
    count = random.Random(seed).randint(1, 16)
    return (family, randomised(family, seed, count)), count


if __name__ == "__main__":
    main(FIXTURES, fixture, drawn, 9)
