"""The same as `make_family.py` for the families with experts.

    python make_expert_family.py FOLDER [NAME ...]         writes the fixtures of this folder, or those named
    python make_expert_family.py FOLDER mixtral 40 7       writes 40 random models of a family, seed 7

Observers stand at the router, and while the experts run at every product, nonlinearity and weighting: the n-th of these is of
the n-th expert that a token chose. What each was given is the rows of the tokens that chose it, in their order. An expert that
none chose has no group.
"""

import importlib
import json
import random

import torch
from safetensors.torch import save_file
from torch.overrides import TorchFunctionMode

import make_family
from fixture_files import digest, drawn_inputs, main, saved, write_both

CLASSES = {"mixtral": "Mixtral", "qwen3_moe": "Qwen3Moe", "gpt_oss": "GptOss"}
BASE = dict(
    vocab_size=19, hidden_size=14, intermediate_size=9, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    head_dim=6, max_position_embeddings=64, rms_norm_eps=1e-5, num_local_experts=5, num_experts_per_tok=2,
    rope_parameters=dict(rope_type="default", rope_theta=100.0),
)
FIXTURES = {
    # A window, three of five experts, tied, padding in front, positions that begin at 3.
    "mixtral-window": (
        "mixtral", dict(sliding_window=4, num_experts_per_tok=3, tie_word_embeddings=True, _padding=2, _shift=3)),
    # Experts of which each token takes one, more than there are tokens.
    "mixtral-single": ("mixtral", dict(num_local_experts=11, num_experts_per_tok=1, hidden_act="gelu", head_dim=None,
                                       hidden_size=16)),
    # Weights that do not add up to 1, a dense block by the step, biases.
    "qwen3_moe-dense": (
        "qwen3_moe",
        dict(moe_intermediate_size=5, num_hidden_layers=3, decoder_sparse_step=2, norm_topk_prob=False, attention_bias=True,
             _padding=3)),
    # Weights that do, a dense block by name, all experts chosen.
    "qwen3_moe-listed": (
        "qwen3_moe",
        dict(moe_intermediate_size=7, num_hidden_layers=2, mlp_only_layers=[0], norm_topk_prob=True, num_local_experts=3,
             num_experts_per_tok=3, tie_word_embeddings=True)),
    # Sinks, a limit that bites, listed windows, a stretch without its bounds rounded.
    "gpt_oss-listed": (
        "gpt_oss",
        dict(sliding_window=3, layer_types=["full_attention", "sliding_attention"], swiglu_limit=0.75, _padding=2,
             rope_parameters=dict(
                 rope_type="yarn", rope_theta=1000.0, factor=4.0, beta_fast=32.0, beta_slow=1.0, truncate=False,
                 original_max_position_embeddings=16))),
    # Without biases in attention, tied, four experts of which each token takes all but one.
    "gpt_oss-tied": (
        "gpt_oss",
        dict(attention_bias=False, tie_word_embeddings=True, num_local_experts=4, num_experts_per_tok=3, sliding_window=2)),
}


class Watch(TorchFunctionMode):
    """The products and weightings of the experts, in the order in which they are computed."""

    def __init__(self):
        super().__init__()
        self.products, self.weighted, self.isInGate = [], [], False

    def __torch_function__(self, function, types, arguments=(), options=None):
        result = function(*arguments, **(options or {}))
        name = getattr(function, "__name__", "")
        if name in ("linear", "matmul", "__matmul__"):
            self.products.append((arguments[0].detach().clone(), result.detach().clone()))
        if name in ("mul", "__mul__") and not self.isInGate:
            self.weighted.append(arguments[0].detach().clone())
        return result


class Observed(make_family.Observed):
    """What a model with experts computes, by the names of the golden format."""

    def watch_mlp(self, at, mlp):
        if not hasattr(mlp, "experts"):
            return super().watch_mlp(at, mlp)
        router = getattr(mlp, "gate", None) or mlp.router
        ids = {}

        def routed(_, inputs, output):
            logits, weights, chosen = output
            self.note(at + "router_logits", logits)
            self.note(at + "router_weights", weights)
            self.note(at + "expert_ids", chosen.to(torch.int32))
            ids["hit"] = sorted(set(chosen.flatten().tolist()))
            # The rows of an expert stand by the place of the choice, then by token.
            ids["tokens"] = {
                expert: torch.tensor([token for column in chosen.T for token, one in enumerate(column.tolist()) if one == expert])
                for expert in ids["hit"]}

        router.register_forward_hook(routed)
        mlp.register_forward_hook(
            lambda _, inputs, output: self.note(at + "mlp_out", (output[0] if isinstance(output, tuple) else output)[0]))
        self.wrap(at, mlp.experts, ids)

    def wrap(self, at, experts, ids):
        forward, found = experts.forward, {}

        def watched(*arguments, **options):
            found.update(active=[], gates=[], gated=[])
            with Watch() as watch:
                found["watch"] = watch
                result = forward(*arguments, **options)
            for place, expert in enumerate(ids["hit"]):
                name, order = f"{at}experts/{expert:03}/", torch.argsort(ids["tokens"][expert])
                (given, first), (gated, last) = watch.products[2 * place:2 * place + 2]
                self.note(name + "input", given[order])
                if hasattr(experts, "act_fn"):
                    gate, up = first.chunk(2, -1)
                    self.note(name + "mlp_out", last[order])
                else:
                    gate, up = found["gates"][place]
                    self.note(name + "mlp_out", watch.weighted[place][order])
                self.note(name + "mlp_gate", gate[order])
                self.note(name + "mlp_up", up[order])
                self.note(name + "mlp_act", found["active"][place][order])
                self.note(name + "mlp_gated", gated[order])
            assert len(watch.products) == 2 * len(ids["hit"])
            return result

        experts.forward = watched
        if hasattr(experts, "act_fn"):
            activate = experts.act_fn

            class Activation(torch.nn.Module):
                def forward(self, x):
                    found["watch"].isInGate = True
                    y = activate(x)
                    found["active"].append(y.detach().clone())
                    return y

            experts.act_fn = Activation()
            # The product with the gate is no weighting, and the last product's input is what it made.
        else:
            apply = experts._apply_gate

            def gated(x):
                found["watch"].isInGate = True
                found["gates"].append((x[..., ::2], x[..., 1::2]))
                gate = x[..., ::2].clamp(max=experts.limit)
                found["active"].append((gate * torch.sigmoid(gate * experts.alpha)).detach().clone())
                y = apply(x)
                found["watch"].isInGate = False
                return y

            experts._apply_gate = gated


def made(family, options, seed):
    """A model with random weights that bfloat16 holds, so that float32 does."""
    library = importlib.import_module("transformers")
    config = getattr(library, CLASSES[family] + "Config")(pad_token_id=None, **options)
    config._attn_implementation, config._experts_implementation = "eager", "eager"
    torch.manual_seed(seed)
    model = getattr(library, CLASSES[family] + "ForCausalLM")(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            near = 1.0 if "norm" in name else 0.0
            values = near + torch.randn(parameter.shape) * (0.2 if "norm" in name else 0.5)
            parameter.copy_(values.to(torch.bfloat16))
    return model


def fixture(folder, family, options, count, seed):
    options = {**BASE, **options}
    padding, shift = options.pop("_padding", 0), options.pop("_shift", 0)
    if options["head_dim"] is None:
        del options["head_dim"]
    model = made(family, options, seed)
    inputs = drawn_inputs(model, count, padding, shift, seed)
    text = json.loads(model.config.to_json_string(use_diff=False))
    keep = set(options) | {
        "model_type", "hidden_act", "tie_word_embeddings", "sliding_window", "layer_types", "swiglu_alpha", "swiglu_limit",
        "head_dim", "num_local_experts", "num_experts", "mlp_only_layers", "use_sliding_window"}
    config = {key: value for key, value in text.items() if key in keep}
    folder.mkdir(parents=True, exist_ok=True)
    # Experts are stacked in memory, and stored one by one under their old names.
    weights = saved(model)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    write_both(
        folder, family, config, inputs, digest(weights), lambda: made(family, options, seed),
        lambda model: Observed(family, model))


def randomised(family, seed):
    r = random.Random(seed)
    key_heads, group = r.randint(1, 3), r.randint(1, 4)
    experts = r.randint(1, 9)
    options = dict(
        vocab_size=r.randint(2, 40), hidden_size=r.randint(1, 30), intermediate_size=r.randint(1, 40),
        num_hidden_layers=r.randint(1, 3), num_attention_heads=key_heads * group, num_key_value_heads=key_heads,
        head_dim=2 * r.randint(1, 6), rms_norm_eps=r.choice([1e-6, 1e-2]), tie_word_embeddings=r.random() < 0.5,
        num_local_experts=experts, num_experts_per_tok=r.randint(1, experts),
        rope_parameters=dict(rope_type="default", rope_theta=r.choice([50.0, 1e4, 1e6])),
        _padding=r.choice([0, 0, 2]), _shift=r.choice([0, 0, 30]))
    if family == "qwen3_moe":
        options |= dict(
            moe_intermediate_size=r.randint(1, 20), norm_topk_prob=r.random() < 0.5, decoder_sparse_step=r.choice([1, 1, 2]),
            attention_bias=r.random() < 0.5)
    if family == "gpt_oss":
        options |= dict(
            sliding_window=r.choice([1, 2, 5, 40]), swiglu_limit=r.choice([0.5, 1.5, 7.0]), attention_bias=r.random() < 0.5)
    return options


if __name__ == "__main__":
    main(FIXTURES, fixture, lambda family, seed: ((family, randomised(family, seed)), random.Random(seed).randint(1, 24)), 7)
