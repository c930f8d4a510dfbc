"""The same as `make_family.py` for the texts' half of CLIP.

    python make_clip_family.py FOLDER [NAME ...]        writes the fixtures of this folder, or those named
    python make_clip_family.py FOLDER clip_text 40 7    writes 40 random models, seed 7
"""

import json
import random

import torch
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection
from transformers.models.clip import modeling_clip

from fixture_files import Watched, digest, main, write_both

BASE = dict(
    vocab_size=23, hidden_size=12, num_attention_heads=3, intermediate_size=10, num_hidden_layers=2,
    max_position_embeddings=24, projection_dim=7, bos_token_id=0, pad_token_id=1, eos_token_id=2)
FIXTURES = {
    # The end is where the greatest id first stands, in the middle; projected.
    "clip_text-greatest": dict(_tokens=[4, 9, 3, 22, 5, 22, 8, 1, 6]),
    # The end has an id of its own, and padding is by the same; the row alone, another function and epsilon.
    "clip_text-end": dict(
        eos_token_id=11, pad_token_id=11, hidden_act="gelu", layer_norm_eps=1e-3,
        _tokens=[4, 22, 3, 7, 5, 11, 11, 11, 11], _padding=3, _bare=True),
}


class Observed(Watched):
    """What a model computes, by the names of the golden format."""

    def __init__(self, model):
        self.values, self.layer, self.model = {}, 0, model
        inner = getattr(model, "text_model", model)
        self.watch(inner.embeddings.token_embedding, "embed/token")
        self.watch(inner.embeddings.position_embedding, "embed/position")
        self.watch(inner.embeddings, "embed/sum")
        for index, block in enumerate(inner.encoder.layers):
            at = f"layers/{index:03}/"

            def entered(_, inputs, at=at, index=index):
                self.layer = index
                self.note(at + "resid_in", inputs[0][0])

            block.register_forward_pre_hook(entered)
            self.watch(block.layer_norm1, at + "ln_1")
            attention = block.self_attn
            for name, module in zip("qkv", [attention.q_proj, attention.k_proj, attention.v_proj]):
                self.watch(module, at + name, model.config.num_attention_heads)
            self.watch_input(attention.out_proj, at + "attn_context")
            self.watch(attention.out_proj, at + "attn_out")
            self.watch_input(block.layer_norm2, at + "resid_mid")
            self.watch(block.layer_norm2, at + "ln_2")
            self.watch(block.mlp.fc1, at + "mlp_pre")
            self.watch_input(block.mlp.fc2, at + "mlp_act")
            self.watch(block.mlp.fc2, at + "mlp_out")
            self.watch(block, at + "resid_out")
        self.watch(inner.final_layer_norm, "final/ln_f")
        if hasattr(model, "text_projection"):
            self.watch_input(model.text_projection, "final/pool_row")
            self.watch(model.text_projection, "final/projected")

    def run(self, inputs):
        attend = modeling_clip.eager_attention_forward

        def attended(module, query, key, value, mask, scaling, *arguments, **options):
            output, weights = attend(module, query, key, value, mask, scaling, *arguments, **options)
            scores = torch.matmul(query, key.transpose(2, 3)) * scaling
            hidden = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
            hidden = hidden | (torch.tensor(inputs["attention_mask"]) == 0)[None, :]
            at = f"layers/{self.layer:03}/"
            self.note(at + "attn_scores", scores.masked_fill(hidden, -torch.inf)[0])
            self.note(at + "attn_probs", weights[0])
            return output, weights

        modeling_clip.eager_attention_forward = attended
        try:
            output = self.model(**{name: torch.tensor([value]) for name, value in inputs.items()})
        finally:
            modeling_clip.eager_attention_forward = attend
        if "final/pool_row" not in self.values:
            self.note("final/pool_row", output.pooler_output)
        return self.values


def made(options, is_bare, seed):
    """A model with random weights that bfloat16 holds, so that float32 does."""
    config = CLIPTextConfig(**options)
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = (CLIPTextModel if is_bare else CLIPTextModelWithProjection)(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            is_norm = "norm" in name and name.endswith("weight")
            values = (1.0 if is_norm else 0.0) + torch.randn(parameter.shape) * (0.2 if is_norm else 0.5)
            parameter.copy_(values.to(torch.bfloat16))
    return model


def fixture(folder, entry, count, seed):
    options = {**BASE, **entry}
    padding, is_bare, tokens = options.pop("_padding", 0), options.pop("_bare", False), options.pop("_tokens", None)
    model = made(options, is_bare, seed)
    generator = random.Random(seed)
    tokens = tokens or [generator.randrange(options["vocab_size"]) for _ in range(count)]
    inputs = dict(
        input_ids=tokens, position_ids=list(range(len(tokens))),
        attention_mask=[int(index < len(tokens) - padding) for index in range(len(tokens))])
    text = json.loads(model.config.to_json_string(use_diff=False))
    keep = set(options) | {"model_type", "hidden_act", "layer_norm_eps"}
    kept = {key: value for key, value in text.items() if key in keep} | {"architectures": [type(model).__name__]}
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.clone() for name, value in model.state_dict().items() if not name.endswith("position_ids")}
    full = {
        name if name.startswith(("text_model.", "text_projection.")) else "text_model." + name: value
        for name, value in weights.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(kept, indent=1) + "\n")
    write_both(
        folder, kept["model_type"], kept, inputs, digest(full), lambda: made(options, is_bare, seed), Observed)


def randomised(seed):
    r = random.Random(seed)
    heads = r.randint(1, 4)
    return dict(
        vocab_size=r.randint(5, 40), hidden_size=heads * r.randint(1, 9), num_attention_heads=heads,
        intermediate_size=r.randint(1, 30), num_hidden_layers=r.randint(1, 3), projection_dim=r.randint(1, 20),
        eos_token_id=r.choice([2, 3, 4]), _padding=r.choice([0, 0, 2]), _bare=r.random() < 0.3)


if __name__ == "__main__":
    # An entry of the list is of one value.
    main(
        {name: (options,) for name, options in FIXTURES.items()}, fixture,
        lambda family, seed: ((randomised(seed),), random.Random(seed).randint(4, 20)), 9)
