"""The same as `make_family.py` for encoder-decoders, which read a source and answer it.

    python make_seq2seq_family.py FOLDER [NAME ...]        writes the fixtures of this folder, or those named
    python make_seq2seq_family.py FOLDER bart 40 7         writes 40 random models of a family, seed 7

Observers stand at the modules and around the attention function; scores are the observed product times the scale and the
bias, -inf where masked. Marian's class rounds its sines and cosines to float32; in float64 they are exact.
"""

import importlib
import json
import random

import numpy as np
import torch
from safetensors.torch import save_file

from fixture_files import digest, main, write_both

CLASSES = {"t5": "T5ForConditionalGeneration", "bart": "BartForConditionalGeneration", "marian": "MarianMTModel"}
POST = dict(
    vocab_size=19, d_model=6, encoder_layers=1, decoder_layers=1, encoder_attention_heads=3, decoder_attention_heads=2,
    encoder_ffn_dim=9, decoder_ffn_dim=7, max_position_embeddings=24, pad_token_id=0, decoder_start_token_id=0,
    bos_token_id=1, eos_token_id=2, forced_eos_token_id=None)
BASE = {
    "t5": dict(
        vocab_size=19, d_model=6, num_heads=2, d_kv=5, d_ff=9, num_layers=2, num_decoder_layers=1,
        relative_attention_num_buckets=8, relative_attention_max_distance=9, layer_norm_epsilon=1e-5, pad_token_id=0,
        decoder_start_token_id=0),
    "bart": POST,
    "marian": POST,
}
FIXTURES = {
    # 1.1: a gate, a readout of its own that nothing scales, buckets that end before the sequence does.
    "t5-gated": ("t5", dict(feed_forward_proj="gated-gelu", tie_word_embeddings=False, _padding=3, _source=10)),
    # 1.0, with a function that is not its own, and one bucket to a distance and side.
    "t5-scaled": (
        "t5", dict(feed_forward_proj="gelu", relative_attention_num_buckets=32, relative_attention_max_distance=128)),
    # Scaled embeddings, masked tokens of the source in front and of the answer behind.
    "bart-scaled": (
        "bart",
        dict(decoder_layers=2, scale_embedding=True, activation_function="relu", _front=2, _answer_padding=2)),
    # Two tables, of two sizes.
    "marian-two-tables": (
        "marian",
        dict(
            share_encoder_decoder_embeddings=False, decoder_vocab_size=17, scale_embedding=True,
            activation_function="swish", _padding=2)),
    # An odd width, one table, nothing scaled.
    "marian-odd": ("marian", dict(d_model=9, encoder_attention_heads=1, decoder_attention_heads=3)),
}


class Observed:
    """What a model computes, by the names of the golden format."""

    def __init__(self, family, model):
        self.values, self.family, self.model = {}, family, model
        self.modeling = importlib.import_module(f"transformers.models.{family}.modeling_{family}")
        self.at, self.prefix = "", "attn"
        if family == "marian" and model.dtype == torch.float64:
            sinusoids(model)
        inner = model if family == "t5" else model.model
        for stack in ("encoder", "decoder"):
            (self.relative if family == "t5" else self.normed_behind)(stack, getattr(inner, stack))

    def relative(self, stack, module):
        self.watch(module.embed_tokens, f"{stack}/embed/token", calls=True)
        self.watch(module.final_layer_norm, "encoder/final/ln_f" if stack == "encoder" else "final/ln_f")
        for index, block in enumerate(module.block):
            at = f"{stack}/layers/{index:03}/"
            block.register_forward_pre_hook(lambda _, inputs, at=at: self.note(at + "resid_in", inputs[0][0]))
            self.watch(block, at + "resid_out")
            self.attention(at, block.layer[0].SelfAttention, ["q", "k", "v", "o"], "")
            self.watch(block.layer[0].layer_norm, at + "ln_1")
            self.watch(block.layer[0], at + "resid_mid")
            if stack == "decoder":
                self.attention(at, block.layer[1].EncDecAttention, ["q", "k", "v", "o"], "cross_")
                self.watch(block.layer[1].layer_norm, at + "ln_cross")
                self.watch(block.layer[1], at + "resid_cross")
            last = block.layer[-1]
            self.watch(last.layer_norm, at + "ln_2")
            dense = last.DenseReluDense
            if hasattr(dense, "wi_0"):
                self.watch(dense.wi_0, at + "mlp_gate")
                self.watch(dense.wi_1, at + "mlp_up")
                self.watch(dense.act, at + "mlp_act")
                self.watch_input(dense.wo, at + "mlp_gated")
            else:
                self.watch(dense.wi, at + "mlp_pre")
                self.watch(dense.act, at + "mlp_act")
            self.watch(dense.wo, at + "mlp_out")

    def normed_behind(self, stack, module):
        at = f"{stack}/embed/"
        scale = self.model.config.d_model ** 0.5 if self.model.config.scale_embedding else None

        def token(_, inputs, output, at=at):
            table = module.embed_tokens.weight[inputs[0][0]]
            self.note(at + "token", table)
            if scale:
                self.note(at + "scaled", table * scale)

        module.embed_tokens.register_forward_hook(token)
        self.watch(module.embed_positions, at + "position")
        if self.family == "bart":
            self.watch_input(module.layernorm_embedding, at + "sum")
            self.watch(module.layernorm_embedding, at + "ln")
        for index, block in enumerate(module.layers):
            at = f"{stack}/layers/{index:03}/"

            def entered(_, inputs, at=at, index=index):
                self.note(at + "resid_in", inputs[0][0])
                if index == 0 and self.family == "marian":
                    self.note(f"{stack}/embed/sum", inputs[0][0])

            block.register_forward_pre_hook(entered)
            self.watch(block, at + "resid_out")
            names = ["q_proj", "k_proj", "v_proj", "out_proj"]
            self.attention(at, block.self_attn, names, "")
            self.watch_input(block.self_attn_layer_norm, at + "resid_mid")
            self.watch(block.self_attn_layer_norm, at + "ln_1")
            if stack == "decoder":
                self.attention(at, block.encoder_attn, names, "cross_")
                self.watch_input(block.encoder_attn_layer_norm, at + "resid_cross")
                self.watch(block.encoder_attn_layer_norm, at + "ln_cross")
            self.watch(block.fc1, at + "mlp_pre")
            self.watch_input(block.fc2, at + "mlp_act")
            self.watch(block.fc2, at + "mlp_out")
            self.watch_input(block.final_layer_norm, at + "resid_mlp")
            self.watch(block.final_layer_norm, at + "ln_2")

    def attention(self, at, module, names, prefix):
        heads = getattr(module, "n_heads", None) or module.num_heads

        def entered(*_):
            self.at, self.prefix = at, prefix or "attn_"

        module.register_forward_pre_hook(entered)
        for name, part in zip("qkv", names):
            self.watch(getattr(module, part), at + prefix + name, heads)
        out = getattr(module, names[3])
        self.watch_input(out, at + (prefix or "attn_") + "context")
        self.watch(out, at + (prefix or "attn_") + "out")

    def note(self, name, value):
        self.values[name] = value.detach().clone().numpy()

    def rows(self, x):
        return x[0] if x.dim() == 3 else x

    def watch(self, module, name, heads=None, calls=False):
        def take(_, inputs, output):
            x = self.rows(output[0] if isinstance(output, tuple) else output)
            if calls:
                # One module for both stacks: the encoder is the first to call it.
                own = "encoder/embed/token" if "encoder/embed/token" not in self.values else "decoder/embed/token"
                return self.note(own, x)
            self.note(name, x if heads is None else x.reshape(len(x), heads, -1).transpose(0, 1))

        module.register_forward_hook(take)

    def watch_input(self, module, name):
        module.register_forward_pre_hook(lambda _, inputs: self.note(name, self.rows(inputs[0])))

    def run(self, inputs):
        attend = self.modeling.eager_attention_forward

        def attended(module, query, key, value, mask, *arguments, **options):
            output, weights = attend(module, query, key, value, mask, *arguments, **options)
            scale = options.get("scaling")
            scores = torch.matmul(query, key.transpose(2, 3)) * (query.shape[-1] ** -0.5 if scale is None else scale)
            bias = options.get("position_bias")
            if bias is not None and self.prefix == "attn_":
                stack = self.at.split("/")[0]
                self.note(f"{stack}/embed/attn_bias", bias[0].expand(scores.shape[1:]))
                scores = scores + bias
            if mask is not None:
                scores = scores.masked_fill(mask[:, :, :, : key.shape[2]] < -1, -torch.inf)
            self.note(self.at + self.prefix + "scores", scores[0])
            self.note(self.at + self.prefix + "probs", weights[0])
            return output, weights

        self.modeling.eager_attention_forward = attended
        try:
            output = self.model(
                input_ids=torch.tensor([inputs["encoder_token_ids"]]),
                attention_mask=torch.tensor([inputs["encoder_attention_mask"]]),
                decoder_input_ids=torch.tensor([inputs["token_ids"]]),
                decoder_attention_mask=torch.tensor([inputs["attention_mask"]]), use_cache=False)
        finally:
            self.modeling.eager_attention_forward = attend
        if self.family == "t5" and self.model.config.scale_decoder_outputs:
            self.note("final/scaled", torch.tensor(self.values["final/ln_f"]) * self.model.config.d_model ** -0.5)
        self.note("final/logits", output.logits[0])
        self.note("final/probs", torch.softmax(output.logits[0], -1))
        return self.values


def made(family, options, seed):
    """A model with random weights that bfloat16 holds, so that float32 does."""
    library = importlib.import_module("transformers")
    config = getattr(library, CLASSES[family].removesuffix("ForConditionalGeneration").removesuffix("MTModel") + "Config")(
        **options)
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = getattr(library, CLASSES[family])(config).eval()
    if family == "t5" and options.get("tie_word_embeddings") is False:
        # As checkpoints of 1.1 are: its class ties the two unless both are stored.
        model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.lm_head.weight))
    tensors = list(model.named_parameters()) + [(n, b) for n, b in model.named_buffers() if n == "final_logits_bias"]
    with torch.no_grad():
        for name, parameter in tensors:
            if family == "marian" and "embed_positions" in name:
                continue
            isNorm = "norm" in name.lower() and name.endswith("weight")
            values = (1.0 if isNorm else 0.0) + torch.randn(parameter.shape) * (0.2 if isNorm else 0.5)
            parameter.copy_(values.to(torch.bfloat16))
    return model


def stored(family, model):
    """The tensors of a checkpoint: tied ones once, and no sinusoids."""
    tied = {
        "t5": ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"],
        "bart": ["model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"],
        "marian": ["lm_head.weight"],
    }[family]
    if family == "t5" and model.lm_head.weight is model.shared.weight:
        tied = tied + ["lm_head.weight"]
    if family == "marian":
        tied = tied + ["model.encoder.embed_positions.weight", "model.decoder.embed_positions.weight"]
        if model.config.share_encoder_decoder_embeddings:
            tied = tied + ["model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"]
    return {name: value.clone().contiguous() for name, value in model.state_dict().items() if name not in tied}


def sinusoids(model):
    """The exact tables in place of the rounded ones."""
    for stack in (model.model.encoder, model.model.decoder):
        table = stack.embed_positions.weight
        count, width = table.shape
        angles = np.arange(count)[:, None] / 10000 ** (2 * np.arange((width + 1) // 2) / width)
        table.data = torch.tensor(np.concatenate([np.sin(angles), np.cos(angles[:, : width // 2])], axis=1))


def fixture(folder, family, options, count, seed):
    options = {**BASE[family], **options}
    padding, front, behind = (options.pop(n, 0) for n in ("_padding", "_front", "_answer_padding"))
    source_count = options.pop("_source", 6)
    padding = min(padding, source_count - 1 - front)
    model = made(family, options, seed)
    config = model.config
    generator = random.Random(seed)
    own = getattr(config, "decoder_vocab_size", None) or config.vocab_size
    inputs = dict(
        token_ids=[generator.randrange(own) for _ in range(count)], position_ids=list(range(count)),
        attention_mask=[int(i < count - behind) for i in range(count)],
        encoder_token_ids=[generator.randrange(config.vocab_size) for _ in range(source_count)],
        encoder_position_ids=list(range(source_count)),
        encoder_attention_mask=[int(front <= i < source_count - padding) for i in range(source_count)])
    text = json.loads(config.to_json_string(use_diff=False))
    keep = set(options) | {
        "model_type", "is_encoder_decoder", "activation_function", "scale_embedding", "tie_word_embeddings",
        "share_encoder_decoder_embeddings", "decoder_vocab_size", "feed_forward_proj", "scale_decoder_outputs"}
    kept = {key: value for key, value in text.items() if key in keep} | {"architectures": [CLASSES[family]]}
    folder.mkdir(parents=True, exist_ok=True)
    weights = stored(family, model)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(kept, indent=1) + "\n")
    if family == "t5" and "scale_decoder_outputs" in kept:
        old = {key: value for key, value in kept.items() if key != "scale_decoder_outputs"}
        old["tie_word_embeddings"] = kept["scale_decoder_outputs"]
        (folder / "config.v4.json").write_text(json.dumps(old, indent=1) + "\n")
    write_both(
        folder, family, kept, inputs, digest(weights), lambda: made(family, options, seed),
        lambda model: Observed(family, model))


def randomised(family, seed):
    r = random.Random(seed)
    padding = dict(_padding=r.choice([0, 0, 2]), _source=r.randint(1, 14))
    if family == "t5":
        return dict(
            d_model=r.randint(1, 20), num_heads=r.randint(1, 4), d_kv=r.randint(1, 8), d_ff=r.randint(1, 24),
            num_layers=r.randint(1, 3), num_decoder_layers=r.randint(1, 3),
            relative_attention_num_buckets=r.choice([4, 8, 10, 32]),
            relative_attention_max_distance=r.choice([20, 64, 128]),
            feed_forward_proj=r.choice(["relu", "gated-gelu", "gated-silu"]), tie_word_embeddings=r.random() < 0.5, **padding)
    heads = [r.randint(1, 4) for _ in range(2)]
    options = dict(
        d_model=heads[0] * heads[1] * r.randint(1, 4), encoder_attention_heads=heads[0], decoder_attention_heads=heads[1],
        encoder_layers=r.randint(1, 3), decoder_layers=r.randint(1, 3), encoder_ffn_dim=r.randint(1, 24),
        decoder_ffn_dim=r.randint(1, 24), scale_embedding=r.random() < 0.5,
        activation_function=r.choice(["relu", "gelu", "swish"]), **padding)
    if family == "marian" and r.random() < 0.5:
        options |= dict(share_encoder_decoder_embeddings=False, decoder_vocab_size=r.randint(5, 30))
    return options


if __name__ == "__main__":
    main(FIXTURES, fixture, lambda family, seed: ((family, randomised(family, seed)), 1 + seed * 7 % 12), 8)
