"""The same as `make_expert_family.py` for the families with latent attention.

    python make_latent_family.py FOLDER [NAME ...]             writes the fixtures of this folder, or those named
    python make_latent_family.py FOLDER deepseek_v3 40 7       writes 40 random models of a family, seed 7

Observers stand at the modules too; what turns is taken from what attention is given. Hugging Face's routers promise no order of
their choices, which are put best first.
"""

import importlib
import json
import random

import torch
from safetensors.torch import save_file

import make_expert_family
from fixture_files import digest, drawn_inputs, main, saved, write_both

CLASSES = {"deepseek_v2": "DeepseekV2", "deepseek_v3": "DeepseekV3"}
BASE = dict(
    vocab_size=19, hidden_size=15, intermediate_size=9, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=3,
    max_position_embeddings=64, rms_norm_eps=1e-5, q_lora_rank=7, kv_lora_rank=6, qk_nope_head_dim=6, qk_rope_head_dim=4,
    v_head_dim=3, moe_intermediate_size=5, n_routed_experts=6, n_shared_experts=1, num_experts_per_tok=2,
    first_k_dense_replace=1, rope_parameters=dict(rope_type="default", rope_theta=100.0),
)
YARN = dict(
    rope_type="yarn", rope_theta=1000.0, factor=4.0, beta_fast=8.0, beta_slow=1.0, mscale=0.7, mscale_all_dim=1.5,
    original_max_position_embeddings=16)
FIXTURES = {
    # Two of three groups, a dense block before, padding in front, positions that begin at 3.
    "deepseek_v2-groups": (
        "deepseek_v2",
        dict(topk_method="group_limited_greedy", n_group=3, topk_group=2, routed_scaling_factor=4.0, n_shared_experts=2,
             _padding=2, _shift=3)),
    # No latent queries, no groups, biases, stretched positions that multiply the scores.
    "deepseek_v2-greedy": (
        "deepseek_v2",
        dict(topk_method="greedy", q_lora_rank=None, attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
             first_k_dense_replace=0, num_hidden_layers=1, n_routed_experts=4, num_experts_per_tok=3, rope_parameters=YARN)),
    # One of three groups by its two best, what is added for the choice, padding in front.
    "deepseek_v3-groups": ("deepseek_v3", dict(n_group=3, topk_group=1, _padding=2)),
    # Halves, weights that do not add up to 1, every group, biases, stretched positions.
    "deepseek_v3-halves": (
        "deepseek_v3",
        dict(n_group=1, topk_group=1, rope_interleave=False, norm_topk_prob=False, attention_bias=True, q_lora_rank=None,
             num_hidden_layers=1, first_k_dense_replace=0, n_routed_experts=4, num_experts_per_tok=3, rope_parameters=YARN)),
}


class Observed(make_expert_family.Observed):
    """What a model with latent attention computes, by the names of the golden format."""

    def __init__(self, family, model):
        self.values, self.layer, self.family = {}, 0, family
        self.modeling = importlib.import_module(f"transformers.models.{family}.modeling_{family}")
        self.model, config = model, model.config
        self.watch(model.model.embed_tokens, "embed/token")
        for index, block in enumerate(model.model.layers):
            at, attention = f"layers/{index:03}/", block.self_attn

            def enter(_, inputs, at=at, index=index):
                self.layer = index
                self.note(at + "resid_in", inputs[0][0])

            block.register_forward_pre_hook(enter)
            self.watch(block, at + "resid_out")
            self.watch(block.input_layernorm, at + "ln_1")
            if attention.q_lora_rank is None:
                queries = attention.q_proj
            else:
                self.watch(attention.q_a_proj, at + "q_latent")
                self.watch(attention.q_a_layernorm, at + "q_latent_norm")
                queries = attention.q_b_proj
            self.watch(queries, (at + "q", config.num_attention_heads))
            self.watch(attention.kv_a_layernorm, at + "kv_latent_norm")
            self.split(at, attention, config)
            self.watch_input(attention.o_proj, at + "attn_context")
            self.watch(attention.o_proj, at + "attn_out")
            self.watch_input(block.post_attention_layernorm, at + "resid_mid")
            self.watch(block.post_attention_layernorm, at + "ln_2")
            self.watch_mlp(at, block.mlp)
            if hasattr(block.mlp, "experts"):
                shared = block.mlp.shared_experts
                make_expert_family.make_family.Observed.watch_mlp(self, at + "shared/", shared)
        self.watch(model.model.norm, "final/ln_f")

    def split(self, at, attention, config):
        def short(_, inputs, output):
            latent, shared = output[0].split([config.kv_lora_rank, config.qk_rope_head_dim], -1)
            self.note(at + "kv_latent", latent)
            self.note(at + "k_shared", shared[None])

        def long(_, inputs, output):
            x = output.reshape(-1, config.num_attention_heads, config.qk_nope_head_dim + config.v_head_dim).transpose(0, 1)
            self.note(at + "k", x[..., :config.qk_nope_head_dim])
            self.note(at + "v", x[..., config.qk_nope_head_dim:])

        attention.kv_a_proj_with_mqa.register_forward_hook(short)
        attention.kv_b_proj.register_forward_hook(long)

    def watch_mlp(self, at, mlp):
        if hasattr(mlp, "experts"):
            router, topk = mlp.gate, torch.topk

            def ordered(*arguments, **options):
                return topk(*arguments, **(options | dict(sorted=True)))

            forward = router.forward

            def routed(*arguments, **options):
                torch.topk = ordered
                try:
                    return forward(*arguments, **options)
                finally:
                    torch.topk = topk

            router.forward = routed
        super().watch_mlp(at, mlp)
        if hasattr(mlp, "experts"):
            inside = mlp.experts.forward

            def experts(*arguments, **options):
                result = inside(*arguments, **options)
                self.note(at + "experts_out", result.reshape(-1, result.shape[-1]))
                return result

            mlp.experts.forward = experts

    def run(self, inputs):
        names = [name for name in vars(self.modeling) if name.startswith("apply_rotary")]
        rotations, attend = {name: getattr(self.modeling, name) for name in names}, self.modeling.eager_attention_forward

        def watched(rotate):
            def rotated(*arguments, **options):
                result = rotate(*arguments, **options)
                self.note(f"layers/{self.layer:03}/k_shared_rope", result[1][0])
                return result

            return rotated

        def attended(module, query, key, value, mask, scaling, **options):
            output, weights = attend(module, query, key, value, mask, scaling=scaling, **options)
            scores = torch.matmul(query, key.transpose(2, 3)) * scaling
            hidden = torch.ones(query.shape[2], query.shape[2], dtype=torch.bool).triu(1)
            if mask is not None:
                hidden = hidden | (mask[0, 0] < -1)
            at = f"layers/{self.layer:03}/"
            self.note(at + "q_rope", query[0])
            self.note(at + "k_rope", key[0])
            self.note(at + "attn_scores", scores[0].masked_fill(hidden, -torch.inf))
            self.note(at + "attn_probs", weights[0])
            return output, weights

        for name, rotate in rotations.items():
            setattr(self.modeling, name, watched(rotate))
        self.modeling.eager_attention_forward = attended
        try:
            logits = self.model(**{name: torch.tensor([value]) for name, value in inputs.items()}, use_cache=False).logits
        finally:
            for name, rotate in rotations.items():
                setattr(self.modeling, name, rotate)
            self.modeling.eager_attention_forward = attend
        self.note("final/logits", logits[0])
        self.note("final/probs", torch.softmax(logits[0], -1))
        return self.values


def made(family, options, seed):
    """A model with random weights that bfloat16 holds, so that float32 does."""
    library = importlib.import_module("transformers")
    config = getattr(library, CLASSES[family] + "Config")(pad_token_id=None, **options)
    config._attn_implementation, config._experts_implementation = "eager", "eager"
    torch.manual_seed(seed)
    model = getattr(library, CLASSES[family] + "ForCausalLM")(config).eval()
    with torch.no_grad():
        corrections = [(name, buffer) for name, buffer in model.named_buffers() if "correction" in name]
        for name, parameter in list(model.named_parameters()) + corrections:
            near = 1.0 if "norm" in name else 0.0
            values = near + torch.randn(parameter.shape) * (0.2 if "norm" in name else 0.5)
            parameter.copy_(values.to(torch.bfloat16))
    return model


def fixture(folder, family, options, count, seed):
    options = {**BASE, **options}
    padding, shift = options.pop("_padding", 0), options.pop("_shift", 0)
    model = made(family, options, seed)
    inputs = drawn_inputs(model, count, padding, shift, seed)
    text = json.loads(model.config.to_json_string(use_diff=False))
    keep = set(options) | {
        "model_type", "hidden_act", "tie_word_embeddings", "head_dim", "attention_bias", "mlp_bias", "norm_topk_prob",
        "routed_scaling_factor", "rope_interleave"}
    config = {key: value for key, value in text.items() if key in keep}
    folder.mkdir(parents=True, exist_ok=True)
    weights = saved(model)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    write_both(
        folder, family, config, inputs, digest(weights), lambda: made(family, options, seed),
        lambda model: Observed(family, model))


def randomised(family, seed):
    r = random.Random(seed)
    heads, groups, size = r.randint(1, 4), r.randint(1, 4), r.randint(2, 4)
    kept = r.randint(1, groups)
    options = dict(
        vocab_size=r.randint(2, 40), hidden_size=heads * r.randint(1, 8), intermediate_size=r.randint(1, 40),
        num_hidden_layers=r.randint(1, 3), num_attention_heads=heads, num_key_value_heads=heads,
        rms_norm_eps=r.choice([1e-6, 1e-2]), tie_word_embeddings=r.random() < 0.5, q_lora_rank=r.choice([None, 1, 5, 12]),
        kv_lora_rank=2 * r.randint(1, 6), qk_nope_head_dim=2 * r.randint(1, 4), qk_rope_head_dim=2 * r.randint(1, 4),
        v_head_dim=r.randint(1, 9), moe_intermediate_size=r.randint(1, 20), n_routed_experts=groups * size,
        n_shared_experts=r.randint(1, 3), num_experts_per_tok=r.randint(1, kept * size), n_group=groups, topk_group=kept,
        first_k_dense_replace=r.choice([0, 0, 1]), attention_bias=r.random() < 0.5,
        routed_scaling_factor=r.choice([1.0, 2.5, 16.0]),
        rope_parameters=r.choice([dict(rope_type="default", rope_theta=1e4), YARN]),
        _padding=r.choice([0, 0, 2]), _shift=r.choice([0, 0, 30]))
    if family == "deepseek_v2":
        options |= dict(topk_method=r.choice(["greedy", "group_limited_greedy"]), mlp_bias=r.random() < 0.5)
    else:
        options |= dict(norm_topk_prob=r.random() < 0.5, rope_interleave=r.random() < 0.5)
    return options


if __name__ == "__main__":
    main(FIXTURES, fixture, lambda family, seed: ((family, randomised(family, seed)), random.Random(seed).randint(1, 24)), 7)
