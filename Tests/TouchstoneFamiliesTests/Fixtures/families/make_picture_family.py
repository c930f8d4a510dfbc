"""The same as `make_family.py` for ViT, the pictures' half of CLIP, and blocks modulated by a condition.

    python make_picture_family.py FOLDER [NAME ...]    writes the fixtures of this folder, or those named
    python make_picture_family.py FOLDER vit 40 7      writes 40 random models, seed 7
"""

import json
import random

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from transformers import (
    CLIPVisionConfig, CLIPVisionModel, CLIPVisionModelWithProjection, ViTConfig, ViTForImageClassification, ViTModel)
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.clip import modeling_clip
from transformers.models.qwen2_5_omni.configuration_qwen2_5_omni import Qwen2_5OmniDiTConfig
from transformers.models.qwen2_5_omni.modeling_qwen2_5_omni import DiTDecoderLayer
from transformers.models.vit import modeling_vit

from fixture_files import Watched, digest, main, saved, write_both

BASE = dict(hidden_size=12, num_attention_heads=3, intermediate_size=10, num_hidden_layers=2, num_channels=3)
FIXTURES = {
    # Patches that are not square, of a picture that is not; pixels are left over; five labels.
    "vit-labels": (
        "vit", dict(image_size=[7, 11], patch_size=[2, 3], num_labels=5, layer_norm_eps=1e-5)),
    # The pooled row, in another width and by another function; no biases of queries, keys and values; one channel.
    "vit-pooled": (
        "vit", dict(
            image_size=8, patch_size=4, num_channels=1, qkv_bias=False, hidden_act="gelu_new", pooler_act="silu",
            pooler_output_size=7, _bare=True)),
    "clip_vision-shared": ("clip_vision_model", dict(image_size=10, patch_size=4, projection_dim=7)),
    "clip_vision-bare": (
        "clip_vision_model", dict(image_size=6, patch_size=2, hidden_act="gelu", layer_norm_eps=1e-3, _bare=True)),
    # Heads that do not divide the width.
    "dit_block-odd": (
        "dit_block", dict(hidden_size=10, num_attention_heads=3, head_dim=4, num_hidden_layers=2, ff_mult=3)),
}


class Blocks(nn.Module):
    """Hugging Face's blocks one behind the other."""

    def __init__(self, options):
        super().__init__()
        config = Qwen2_5OmniDiTConfig(**options, dropout=0.0)
        config._attn_implementation = "sdpa"
        self.transformer_blocks = nn.ModuleList([DiTDecoderLayer(config) for _ in range(options["num_hidden_layers"])])
        self.config = config

    def forward(self, hidden, condition):
        count, width = hidden.shape[1], self.config.head_dim
        # Angles of 0: nothing turns.
        angles = torch.ones(1, count, width, dtype=hidden.dtype), torch.zeros(1, count, width, dtype=hidden.dtype)
        for block in self.transformer_blocks:
            hidden = block(hidden, condition, angles, torch.zeros(1, 1, count, count))
        return hidden


class Observed(Watched):
    """What a model computes, by the names of the golden format."""

    def __init__(self, model):
        self.values, self.at, self.model = {}, "", model
        if isinstance(model, Blocks):
            self.watch_conditioned(model.transformer_blocks)
        elif hasattr(model, "vit") or isinstance(model, ViTModel):
            self.watch_vit(model)
        else:
            self.watch_clip(model)

    def enter(self, block, at):
        def entered(_, inputs):
            self.at = at
            self.note(at + "resid_in", inputs[0][0])

        block.register_forward_pre_hook(entered)
        self.watch(block, at + "resid_out")

    def watch_block(self, block, at, before, after, projections, output, up, down):
        self.enter(block, at)
        self.watch(before, at + "ln_1")
        for name, module in zip("qkv", projections):
            self.watch(module, at + name, self.model.config.num_attention_heads)
        self.watch_input(output, at + "attn_context")
        self.watch(output, at + "attn_out")
        self.watch_input(after, at + "resid_mid")
        self.watch(after, at + "ln_2")
        self.watch(up, at + "mlp_pre")
        self.watch_input(down, at + "mlp_act")
        self.watch(down, at + "mlp_out")

    def watch_front(self, embeddings, patches, positions):
        self.watch(embeddings, "embed/sum")

        def cut(_, inputs, output):
            self.note("embed/patches", output[0].flatten(1).T)

        patches.register_forward_hook(cut)

        def placed(_, inputs, output):
            positions_ = positions().reshape(-1, output.shape[-1])
            self.note("embed/position", positions_)
            row = self.first().reshape(1, -1)
            self.note("embed/token", torch.cat([row, torch.tensor(self.values["embed/patches"])]))

        embeddings.register_forward_hook(placed)

    def watch_vit(self, model):
        inner = getattr(model, "vit", model)
        embeddings = inner.embeddings
        self.first = lambda: embeddings.cls_token
        self.watch_front(embeddings, embeddings.patch_embeddings.projection, lambda: embeddings.position_embeddings)
        for index, block in enumerate(inner.layers):
            attention = block.attention
            self.watch_block(
                block, f"layers/{index:03}/", block.layernorm_before, block.layernorm_after,
                [attention.q_proj, attention.k_proj, attention.v_proj], attention.o_proj, block.mlp.fc1, block.mlp.fc2)
        self.watch(inner.layernorm, "final/ln_f")
        if hasattr(model, "classifier"):
            self.watch_input(model.classifier, "final/pool_row")
            self.watch(model.classifier, "final/logits")
        else:
            self.watch_input(model.pooler.dense, "final/pool_row")
            self.watch(model.pooler.dense, "final/pool_pre")
            self.watch(model.pooler, "final/pooled")

    def watch_clip(self, model):
        inner = getattr(model, "vision_model", model)
        embeddings = inner.embeddings
        self.first = lambda: embeddings.class_embedding
        self.watch_front(embeddings, embeddings.patch_embedding, lambda: embeddings.position_embedding.weight)
        self.watch(inner.pre_layrnorm, "embed/ln")
        for index, block in enumerate(inner.encoder.layers):
            attention = block.self_attn
            self.watch_block(
                block, f"layers/{index:03}/", block.layer_norm1, block.layer_norm2,
                [attention.q_proj, attention.k_proj, attention.v_proj], attention.out_proj, block.mlp.fc1,
                block.mlp.fc2)
        self.watch_input(inner.post_layernorm, "final/pool_row")
        self.watch(inner.post_layernorm, "final/ln_f")
        if hasattr(model, "visual_projection"):
            self.watch(model.visual_projection, "final/projected")

    def watch_conditioned(self, blocks):
        for index, block in enumerate(blocks):
            at = f"layers/{index:03}/"
            self.enter(block, at)
            self.watch(block.attn_norm.silu, at + "cond_act")
            self.watch(block.attn_norm.linear, at + "cond")
            self.watch(block.attn_norm.norm, at + "ln_1")
            self.watch_input(block.attn.to_q, at + "ln_1_mod")
            for name, module in zip("qkv", [block.attn.to_q, block.attn.to_k, block.attn.to_v]):
                self.watch(module, at + name, self.model.config.num_attention_heads)
            self.watch_input(block.attn.to_out[0], at + "attn_context")
            self.watch(block.attn.to_out[0], at + "attn_out")
            self.watch_input(block.ff_norm, at + "resid_mid")
            self.watch(block.ff_norm, at + "ln_2")
            self.watch_input(block.ff.ff[0], at + "ln_2_mod")
            self.watch(block.ff.ff[0], at + "mlp_pre")
            self.watch_input(block.ff.ff[3], at + "mlp_act")
            self.watch(block.ff.ff[3], at + "mlp_out")

            def gated(_, inputs, output, at=at):
                parts = np.split(self.values[at + "cond"], 6, axis=1)
                self.values[at + "attn_gated"] = self.values[at + "attn_out"] * parts[2]
                self.values[at + "mlp_out_gated"] = self.values[at + "mlp_out"] * parts[5]

            block.register_forward_hook(gated)

    def run(self, inputs):
        modeling = modeling_vit if isinstance(self.model.config, ViTConfig) else modeling_clip
        attend, fused = modeling.eager_attention_forward, ALL_ATTENTION_FUNCTIONS["sdpa"]

        def seen(query, key, scaling=None):
            scores = torch.matmul(query, key.transpose(2, 3)) * (scaling or query.shape[-1] ** -0.5)
            self.note(self.at + "attn_scores", scores[0])
            return scores

        def attended(module, query, key, value, mask, *arguments, **options):
            output, weights = attend(module, query, key, value, mask, *arguments, **options)
            seen(query, key, options.get("scaling"))
            self.note(self.at + "attn_probs", weights[0])
            return output, weights

        def fused_attended(module, query, key, value, *arguments, **options):
            # What a fused kernel does not show is formed of what it reads.
            self.note(self.at + "attn_probs", torch.softmax(seen(query, key), -1)[0])
            return fused(module, query, key, value, *arguments, **options)

        dtype = next(self.model.parameters()).dtype
        given = {name: torch.tensor(value).to(dtype) for name, value in inputs.items()}
        modeling.eager_attention_forward = attended
        ALL_ATTENTION_FUNCTIONS["sdpa"] = fused_attended
        try:
            if "hidden" in given:
                self.model(given["hidden"][None], given["condition"])
            else:
                self.model(pixel_values=given["pixel_values"][None])
        finally:
            modeling.eager_attention_forward = attend
            ALL_ATTENTION_FUNCTIONS["sdpa"] = fused
        if "final/logits" in self.values:
            self.note("final/probs", torch.softmax(torch.tensor(self.values["final/logits"]), -1))
        return self.values


def model_of(family, options, is_bare):
    if family == "dit_block":
        return Blocks(options)
    config = (ViTConfig if family == "vit" else CLIPVisionConfig)(**options)
    config._attn_implementation = "eager"
    classes = dict(
        vit=(ViTForImageClassification, ViTModel), clip_vision_model=(CLIPVisionModelWithProjection, CLIPVisionModel))
    return classes[family][is_bare](config)


def made(family, options, is_bare, seed):
    """A model with random weights that bfloat16 holds, so that float32 does."""
    torch.manual_seed(seed)
    model = model_of(family, options, is_bare).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            is_norm = "norm" in name and name.endswith("weight") and parameter.dim() == 1
            values = (1.0 if is_norm else 0.0) + torch.randn(parameter.shape) * (0.2 if is_norm else 0.5)
            parameter.copy_(values.to(torch.bfloat16))
    return model


def fixture(folder, family, entry, count, seed):
    options = dict(entry) if family == "dit_block" else {**BASE, **entry}
    is_bare = options.pop("_bare", False)
    model = made(family, options, is_bare, seed)
    generator = np.random.default_rng(seed)

    def numbers(*shape):
        return generator.uniform(-1.5, 2, shape).astype(np.float32)

    if family == "dit_block":
        width = options["hidden_size"]
        inputs = dict(hidden=numbers(count, width), condition=numbers(1, width))
        kept = {**options, "model_type": family}
        weights = {name: value.clone() for name, value in model.state_dict().items()}
    else:
        image = options["image_size"]
        inputs = dict(
            pixel_values=numbers(options["num_channels"], *(image if isinstance(image, list) else [image, image])))
        text = json.loads(model.config.to_json_string(use_diff=False))
        keep = set(options) | {"model_type", "hidden_act", "layer_norm_eps", "id2label", "qkv_bias"}
        kept = {key: value for key, value in text.items() if key in keep}
        kept["architectures"] = [type(model).__name__]
        weights = saved(model)
    root = dict(vit="vit.", clip_vision_model="vision_model.", dit_block="")[family]
    full = {
        name if name.startswith((root, "classifier.", "visual_projection.")) else root + name: value
        for name, value in weights.items()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(kept, indent=1) + "\n")
    write_both(
        folder, family, kept, inputs, digest(full), lambda: made(family, options, is_bare, seed), Observed)


def randomised(family, seed):
    r = random.Random(seed)
    heads, is_bare = r.randint(1, 4), r.random() < 0.3
    if family == "dit_block":
        return dict(
            hidden_size=r.randint(2, 20), num_attention_heads=heads, head_dim=2 * r.randint(1, 5),
            num_hidden_layers=r.randint(1, 3), ff_mult=r.randint(1, 4))
    patch = r.randint(1, 4)
    return dict(
        hidden_size=heads * r.randint(1, 9), num_attention_heads=heads, intermediate_size=r.randint(1, 30),
        num_hidden_layers=r.randint(1, 3), num_channels=r.choice([1, 3]), patch_size=patch,
        image_size=patch * r.randint(1, 4) + r.randint(0, patch - 1), _bare=is_bare)


if __name__ == "__main__":
    main(FIXTURES, fixture, lambda family, seed: ((family, randomised(family, seed)), random.Random(seed).randint(1, 12)), 9)
