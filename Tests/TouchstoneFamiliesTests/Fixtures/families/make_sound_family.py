"""The same as `make_family.py` for Whisper, which hears a sound and writes what is said.

    python make_sound_family.py FOLDER [NAME ...]          writes the fixtures of this folder, or those named
    python make_sound_family.py FOLDER whisper 40 7        writes 40 random models, seed 7

Features are drawn, or made of samples by the class's own front end; in float64 that of the model in float64 is.
"""

import importlib
import json
import random

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

from fixture_files import Watched, digest, main, write_both

BASE = dict(
    vocab_size=19, num_mel_bins=5, d_model=6, encoder_layers=1, decoder_layers=2, encoder_attention_heads=3,
    decoder_attention_heads=2, encoder_ffn_dim=9, decoder_ffn_dim=7, max_source_positions=7, max_target_positions=12,
    pad_token_id=0, decoder_start_token_id=0, bos_token_id=1, eos_token_id=2)
FIXTURES = {
    # Features, masked tokens of the answer behind, a readout of its own function.
    "whisper-features": ("whisper", dict(activation_function="relu", scale_embedding=True, _answer_padding=2)),
    # Samples of a tenth of a second, silence behind them.
    "whisper-audio": ("whisper", dict(max_source_positions=9, _audio=1500, _window=200, _hop=90)),
}


class Observed(Watched):
    """What a model computes, by the names of the golden format."""

    def __init__(self, model, front):
        self.values, self.model, self.front = {}, model, front
        self.modeling = importlib.import_module("transformers.models.whisper.modeling_whisper")
        self.at, self.prefix = "", "attn_"
        encoder, decoder = model.model.encoder, model.model.decoder
        self.watch(encoder.conv1, "encoder/embed/conv_1")
        self.watch_input(encoder.conv2, "encoder/embed/conv_1_act")

        def heard(_, inputs, output):
            self.note("encoder/embed/conv_2", output[0])
            activated = torch.nn.functional.gelu(output[0])
            self.note("encoder/embed/conv_2_act", activated)
            self.note("encoder/embed/frames", activated.transpose(0, 1))
            self.note("encoder/embed/position", encoder.embed_positions.weight)

        encoder.conv2.register_forward_hook(heard)
        self.watch(decoder.embed_tokens, "decoder/embed/token")
        self.watch(decoder.embed_positions, "decoder/embed/position")
        self.watch(encoder.layer_norm, "encoder/final/ln_f")
        self.watch(decoder.layer_norm, "final/ln_f")
        for stack, module in [("encoder", encoder), ("decoder", decoder)]:
            self.watch_input(module.layers[0], f"{stack}/embed/sum")
            for index, block in enumerate(module.layers):
                self.block(stack, f"{stack}/layers/{index:03}/", block)

    def block(self, stack, at, block):
        self.watch_input(block, at + "resid_in")
        self.watch(block, at + "resid_out")
        self.watch(block.self_attn_layer_norm, at + "ln_1")
        self.attention(at, block.self_attn, "")
        if stack == "decoder":
            self.watch_input(block.encoder_attn_layer_norm, at + "resid_mid")
            self.watch(block.encoder_attn_layer_norm, at + "ln_cross")
            self.attention(at, block.encoder_attn, "cross_")
        self.watch_input(block.final_layer_norm, at + ("resid_cross" if stack == "decoder" else "resid_mid"))
        self.watch(block.final_layer_norm, at + "ln_2")
        self.watch(block.fc1, at + "mlp_pre")
        self.watch_input(block.fc2, at + "mlp_act")
        self.watch(block.fc2, at + "mlp_out")

    def attention(self, at, module, prefix):
        def entered(*_):
            self.at, self.prefix = at, prefix or "attn_"

        module.register_forward_pre_hook(entered)
        for name in "qkv":
            self.watch(getattr(module, name + "_proj"), at + prefix + name, module.num_heads)
        self.watch_input(module.out_proj, at + (prefix or "attn_") + "context")
        self.watch(module.out_proj, at + (prefix or "attn_") + "out")

    def run(self, inputs):
        attend = self.modeling.eager_attention_forward
        dtype = self.model.dtype

        def attended(module, query, key, value, mask, *arguments, **options):
            output, weights = attend(module, query, key, value, mask, *arguments, **options)
            scale = options.get("scaling")
            scores = torch.matmul(query, key.transpose(2, 3)) * (query.shape[-1] ** -0.5 if scale is None else scale)
            if mask is not None:
                scores = scores.masked_fill(mask[:, :, :, : key.shape[2]] < -1, -torch.inf)
            self.note(self.at + self.prefix + "scores", scores[0])
            self.note(self.at + self.prefix + "probs", weights[0])
            return output, weights

        if "audio" in inputs:
            silence = np.zeros(self.front.n_samples - len(inputs["audio"]), np.float32)
            padded = np.concatenate([inputs["audio"], silence])[None]
            features = torch.tensor(np.asarray(self.front._torch_extract_fbank_features(padded))).to(dtype)
            self.note("features/log_mel", features[0])
        else:
            features = torch.tensor(inputs["input_features"])[None].to(dtype)
        self.modeling.eager_attention_forward = attended
        try:
            output = self.model(
                input_features=features, decoder_input_ids=torch.tensor([inputs["token_ids"]]),
                decoder_attention_mask=torch.tensor([inputs["attention_mask"]]), use_cache=False)
        finally:
            self.modeling.eager_attention_forward = attend
        self.note("final/logits", output.logits[0])
        self.note("final/probs", torch.softmax(output.logits[0], -1))
        return self.values


def made(options, seed):
    """A model with random weights that bfloat16 holds, so that float32 does."""
    config = WhisperConfig(**options)
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            isNorm = "norm" in name and name.endswith("weight")
            values = (1.0 if isNorm else 0.0) + torch.randn(parameter.shape) * (0.2 if isNorm else 0.5)
            if "encoder.embed_positions" in name:
                values = parameter.detach().clone()
            parameter.copy_(values.to(torch.bfloat16))
    return model


def fixture(folder, family, options, count, seed):
    options = {**BASE, **options}
    behind, audio = options.pop("_answer_padding", 0), options.pop("_audio", None)
    window, hop = options.pop("_window", 400), options.pop("_hop", 160)
    model = made(options, seed)
    generator, frames = np.random.default_rng(seed), 2 * options["max_source_positions"]
    inputs = dict(
        token_ids=generator.integers(0, options["vocab_size"], count).tolist(), position_ids=list(range(count)),
        attention_mask=[int(i < count - behind) for i in range(count)])
    front = None
    if audio is None:
        inputs["input_features"] = generator.uniform(-1, 1.5, (options["num_mel_bins"], frames)).astype(np.float32)
    else:
        front = WhisperFeatureExtractor(
            feature_size=options["num_mel_bins"], hop_length=hop, n_fft=window, chunk_length=1)
        front.n_samples = frames * hop
        time = np.arange(audio) / 16000
        tones = sum(
            generator.uniform(0.02, 0.3) * np.sin(2 * np.pi * generator.uniform(80, 7000) * time) for _ in range(6))
        inputs |= dict(
            audio=(tones + 0.003 * generator.standard_normal(audio)).astype(np.float32),
            mel_filters=np.asarray(front.mel_filters, np.float64), n_fft=np.int32(window), hop_length=np.int32(hop))
    text = json.loads(model.config.to_json_string(use_diff=False))
    keep = set(options) | {
        "model_type", "is_encoder_decoder", "activation_function", "scale_embedding", "tie_word_embeddings"}
    kept = {key: value for key, value in text.items() if key in keep}
    kept["architectures"] = ["WhisperForConditionalGeneration"]
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: value.clone().contiguous() for name, value in model.state_dict().items() if name != "proj_out.weight"}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(kept, indent=1) + "\n")
    write_both(
        folder, family, kept, inputs, digest(weights), lambda: made(options, seed),
        lambda model: Observed(model, front))


def randomised(family, seed):
    r = random.Random(seed)
    heads = [r.randint(1, 4) for _ in range(2)]
    options = dict(
        num_mel_bins=r.randint(2, 9), d_model=heads[0] * heads[1] * r.randint(2, 4), encoder_attention_heads=heads[0],
        decoder_attention_heads=heads[1], encoder_layers=r.randint(1, 3), decoder_layers=r.randint(1, 3),
        encoder_ffn_dim=r.randint(1, 24), decoder_ffn_dim=r.randint(1, 24), max_source_positions=r.randint(2, 14),
        activation_function=r.choice(["relu", "gelu", "silu"]))
    if r.random() < 0.5:
        options |= dict(_window=r.choice([64, 100, 400]), _hop=r.choice([16, 40]), max_source_positions=r.randint(8, 14))
        options["_audio"] = r.randint(options["_window"], 16 * options["_hop"] + 1)
        if options["_window"] > options["max_source_positions"] * 2 * options["_hop"]:
            options |= dict(_window=64)
    return options


if __name__ == "__main__":
    main(FIXTURES, fixture, lambda family, seed: ((family, randomised(family, seed)), 1 + seed * 7 % 12), 8)
