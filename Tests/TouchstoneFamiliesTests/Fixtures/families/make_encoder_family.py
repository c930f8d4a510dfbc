"""The same as `make_family.py` for encoders, in which every token sees all others.

    python make_encoder_family.py FOLDER [NAME ...]        writes the fixtures of this folder, or those named
    python make_encoder_family.py FOLDER bert 40 7         writes 40 random models of a family, seed 7

Observers stand at the modules and around the attention function; scores are the observed product times the scale, -inf where
masked.
"""

import importlib
import json
import random

import torch
from safetensors.torch import save_file

from fixture_files import Watched, digest, main, write_both

CLASSES = {"bert": "Bert", "roberta": "Roberta", "distilbert": "DistilBert", "modernbert": "ModernBert"}
BASE = {
    "bert": dict(
        vocab_size=19, hidden_size=15, num_attention_heads=3, intermediate_size=11, num_hidden_layers=2,
        max_position_embeddings=24, layer_norm_eps=1e-5),
    "roberta": dict(
        vocab_size=19, hidden_size=12, num_attention_heads=2, intermediate_size=9, num_hidden_layers=2,
        max_position_embeddings=24, layer_norm_eps=1e-5, type_vocab_size=1, pad_token_id=1),
    "distilbert": dict(
        vocab_size=19, dim=12, n_heads=3, hidden_dim=9, n_layers=2, max_position_embeddings=24, pad_token_id=0),
    "modernbert": dict(
        vocab_size=19, hidden_size=12, num_attention_heads=2, intermediate_size=7, num_hidden_layers=3,
        max_position_embeddings=64, local_attention=4, global_attn_every_n_layers=2, pad_token_id=0, bos_token_id=None,
        eos_token_id=None, cls_token_id=None, sep_token_id=None,
        rope_parameters=dict(
            full_attention=dict(rope_type="default", rope_theta=1000.0),
            sliding_attention=dict(rope_type="default", rope_theta=50.0))),
}
FIXTURES = {
    # All heads, padding behind, two types, ReLU.
    "bert-pretraining": ("bert", "ForPreTraining", dict(hidden_act="relu", _padding=3)),
    # The pooled row alone, as sentence encoders are stored; no padding.
    "bert-pooled": ("bert", "Model", dict(type_vocab_size=3)),
    # Positions counted over padding that stands in front, a padding id of its own, a head that is GELU's whatever the blocks.
    "roberta-padded": ("roberta", "ForMaskedLM", dict(hidden_act="silu", pad_token_id=2, _front=3)),
    "distilbert-gelu": ("distilbert", "ForMaskedLM", dict(_padding=2)),
    # Windows to both sides, biases everywhere.
    "modernbert-biases": (
        "modernbert", "ForMaskedLM",
        dict(attention_bias=True, mlp_bias=True, norm_bias=True, classifier_bias=True, decoder_bias=False, _padding=3)),
    "modernbert-plain": ("modernbert", "ForMaskedLM", dict(hidden_activation="gelu_pytorch_tanh", local_attention=3)),
}


class Observed(Watched):
    """What a model computes, by the names of the golden format."""

    def __init__(self, family, model):
        self.values, self.layer, self.family, self.model = {}, 0, family, model
        self.modeling = importlib.import_module(f"transformers.models.{family}.modeling_{family}")
        inner = getattr(model, {"modernbert": "model"}.get(family, family), model)
        self.heads = getattr(model.config, "num_attention_heads", None) or model.config.n_heads
        getattr(self, "modern" if family == "modernbert" else "distilled" if family == "distilbert" else "plain")(inner)
        head = {
            "bert": lambda: (model.cls.predictions.transform.dense, model.cls.predictions.transform.LayerNorm),
            "roberta": lambda: (model.lm_head.dense, model.lm_head.layer_norm),
            "distilbert": lambda: (model.vocab_transform, model.vocab_layer_norm),
            "modernbert": lambda: (model.head.dense, model.head.norm),
        }[family]
        if not type(model).__name__.endswith("Model"):
            dense, norm = head()
            self.watch(dense, "final/head_dense")
            self.watch_input(norm, "final/head_act")
            self.watch(norm, "final/head_ln")
        if family == "bert" and hasattr(model, "cls") and hasattr(model.cls, "seq_relationship"):
            self.watch(model.cls.seq_relationship, "final/nsp_logits")

    def enter(self, block, index):
        at = f"layers/{index:03}/"

        def entered(_, inputs):
            self.layer = index
            self.note(at + "resid_in", inputs[0][0])

        block.register_forward_pre_hook(entered)
        self.watch(block, at + "resid_out")
        return at

    def plain(self, inner):
        table = inner.embeddings
        self.watch(table.word_embeddings, "embed/token")
        self.watch(table.token_type_embeddings, "embed/token_type")
        self.watch(table.position_embeddings, "embed/position")
        self.watch_input(table.LayerNorm, "embed/sum")
        self.watch(table.LayerNorm, "embed/ln")
        for index, block in enumerate(inner.encoder.layer):
            at = self.enter(block, index)
            attention = block.attention
            for name, module in zip("qkv", [attention.self.query, attention.self.key, attention.self.value]):
                self.watch(module, at + name, self.heads)
            self.halves(
                at, attention.output.dense, attention.output.LayerNorm, block.intermediate.dense, block.output.dense,
                block.output.LayerNorm)
        if getattr(inner, "pooler", None) is not None:
            self.watch(inner.pooler.dense, "final/pool_pre")
            self.watch_input(inner.pooler.dense, "final/pool_row")
            self.watch(inner.pooler, "final/pooled")

    def distilled(self, inner):
        table = inner.embeddings
        self.watch(table.word_embeddings, "embed/token")
        self.watch(table.position_embeddings, "embed/position")
        self.watch_input(table.LayerNorm, "embed/sum")
        self.watch(table.LayerNorm, "embed/ln")
        for index, block in enumerate(inner.transformer.layer):
            at = self.enter(block, index)
            attention = block.attention
            for name, module in zip("qkv", [attention.q_lin, attention.k_lin, attention.v_lin]):
                self.watch(module, at + name, self.heads)
            self.halves(
                at, attention.out_lin, block.sa_layer_norm, block.ffn.lin1, block.ffn.lin2, block.output_layer_norm)

    def halves(self, at, out, first, up, down, second):
        self.watch_input(out, at + "attn_context")
        self.watch(out, at + "attn_out")
        self.watch_input(first, at + "resid_mid")
        self.watch(first, at + "ln_1")
        self.watch(up, at + "mlp_pre")
        self.watch_input(down, at + "mlp_act")
        self.watch(down, at + "mlp_out")
        self.watch_input(second, at + "resid_mlp")
        self.watch(second, at + "ln_2")

    def modern(self, inner):
        self.watch(inner.embeddings.tok_embeddings, "embed/token")
        self.watch(inner.embeddings.norm, "embed/ln")
        for index, block in enumerate(inner.layers):
            at = self.enter(block, index)
            if index > 0:
                self.watch(block.attn_norm, at + "ln_1")

            def split(_, inputs, output, at=at):
                for name, part in zip("qkv", output[0].chunk(3, -1)):
                    self.note(at + name, part.reshape(len(part), self.heads, -1).transpose(0, 1))

            def halved(_, inputs, output, at=at):
                for name, part in zip(["mlp_gate", "mlp_up"], output[0].chunk(2, -1)):
                    self.note(at + name, part)

            block.attn.Wqkv.register_forward_hook(split)
            self.watch_input(block.attn.Wo, at + "attn_context")
            self.watch(block.attn.Wo, at + "attn_out")
            self.watch_input(block.mlp_norm, at + "resid_mid")
            self.watch(block.mlp_norm, at + "ln_2")
            block.mlp.Wi.register_forward_hook(halved)
            self.watch(block.mlp.act, at + "mlp_act")
            self.watch_input(block.mlp.Wo, at + "mlp_gated")
            self.watch(block.mlp.Wo, at + "mlp_out")
        self.watch(inner.final_norm, "final/ln_f")

    def run(self, inputs):
        attend = self.modeling.eager_attention_forward

        def attended(module, query, key, value, mask, *arguments, **options):
            output, weights = attend(module, query, key, value, mask, *arguments, **options)
            at = f"layers/{self.layer:03}/"
            scale = options.get("scaling") or query.shape[-1] ** -0.5
            scores = torch.matmul(query, key.transpose(2, 3)) * scale
            if mask is not None:
                scores = scores.masked_fill(mask[:, :, :, : key.shape[2]] < -1, -torch.inf)
            self.note(at + "attn_scores", scores[0])
            self.note(at + "attn_probs", weights[0])
            if self.family == "modernbert":
                self.note(at + "q_rope", query[0])
                self.note(at + "k_rope", key[0])
            return output, weights

        self.modeling.eager_attention_forward = attended
        try:
            given = {name: value for name, value in inputs.items() if not (
                name == "token_type_ids" and self.family in ("distilbert", "modernbert"))}
            if self.family == "distilbert":
                given.pop("position_ids")
            output = self.model(**{name: torch.tensor([value]) for name, value in given.items()})
        finally:
            self.modeling.eager_attention_forward = attend
        logits = getattr(output, "logits", None)
        if logits is None:
            logits = getattr(output, "prediction_logits", None)
        if logits is not None:
            self.note("final/logits", logits[0])
            self.note("final/probs", torch.softmax(logits[0], -1))
        return self.values


def made(family, head, options, seed):
    """A model with random weights that bfloat16 holds, so that float32 does."""
    library = importlib.import_module("transformers")
    config = getattr(library, CLASSES[family] + "Config")(**options)
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = getattr(library, CLASSES[family] + head)(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            isNorm = "norm" in name.lower() and name.endswith("weight")
            values = (1.0 if isNorm else 0.0) + torch.randn(parameter.shape) * (0.2 if isNorm else 0.5)
            parameter.copy_(values.to(torch.bfloat16))
    return model


def stored(model):
    """The tensors of a checkpoint: tied ones once."""
    tied = ("cls.predictions.decoder.", "lm_head.decoder.", "vocab_projector.weight", "decoder.weight")
    buffers = ("position_ids", "inv_freq")
    weights = {}
    for name, value in model.state_dict().items():
        if name.startswith(tied) and not name.startswith("decoder.bias") or name.endswith(buffers):
            continue
        weights[name] = value.clone()
    return weights


def fixture(folder, family, head, options, count, seed):
    options = {**BASE[family], **options}
    padding, front = options.pop("_padding", 0), options.pop("_front", 0)
    model = made(family, head, options, seed)
    config = model.config
    generator = random.Random(seed)
    pad = config.pad_token_id or 0
    tokens = [generator.choice([id for id in range(config.vocab_size) if id != pad]) for _ in range(count)]
    seen = [front <= index < count - padding for index in range(count)]
    tokens = [token if shown else pad for token, shown in zip(tokens, seen)]
    positions = list(range(count))
    if family == "roberta":
        behind = pad
        positions = []
        for shown in seen:
            behind += shown
            positions.append(behind if shown else pad)
    types = getattr(config, "type_vocab_size", 1)
    inputs = dict(
        input_ids=tokens, position_ids=positions, attention_mask=[int(shown) for shown in seen],
        token_type_ids=[index * types // count for index in range(count)])
    text = json.loads(config.to_json_string(use_diff=False))
    keep = set(options) | {
        "model_type", "hidden_act", "activation", "tie_word_embeddings", "type_vocab_size", "layer_types", "layer_norm_eps",
        "norm_eps", "hidden_activation", "classifier_activation", "norm_bias", "attention_bias", "mlp_bias",
        "classifier_bias", "decoder_bias"}
    kept = {key: value for key, value in text.items() if key in keep} | {"architectures": [CLASSES[family] + head]}
    folder.mkdir(parents=True, exist_ok=True)
    weights = stored(model)
    # Names in full: a bare model is saved without its own name in front.
    key = digest({(f"{family}." if head == "Model" else "") + name: value for name, value in weights.items()})
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(kept, indent=1) + "\n")
    if family in ("distilbert", "modernbert"):
        names = ["input_ids", "position_ids", "attention_mask"]
        recorded = {name: inputs[name] for name in names}
    else:
        recorded = inputs
    write_both(
        folder, kept["model_type"], kept, recorded, key, lambda: made(family, head, options, seed),
        lambda model: Observed(family, model))


def randomised(family, seed):
    r = random.Random(seed)
    heads, layers = r.randint(1, 4), r.randint(1, 3)
    width = heads * 2 * r.randint(1, 5)
    padding = dict(_padding=r.choice([0, 0, 2]))
    if family == "distilbert":
        return dict(dim=width, n_heads=heads, hidden_dim=r.randint(1, 30), n_layers=layers, **padding)
    options = dict(
        hidden_size=width, num_attention_heads=heads, intermediate_size=r.randint(1, 30), num_hidden_layers=layers, **padding)
    if family == "modernbert":
        options |= dict(
            local_attention=r.choice([2, 5, 40]), global_attn_every_n_layers=r.randint(1, 3), norm_bias=r.random() < 0.5,
            attention_bias=r.random() < 0.5)
    return options


if __name__ == "__main__":
    main(FIXTURES, fixture, lambda family, seed: ((family, "ForMaskedLM", randomised(family, seed)), random.Random(seed).randint(4, 20)), 9)
