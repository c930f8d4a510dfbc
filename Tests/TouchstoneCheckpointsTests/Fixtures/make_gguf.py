"""Makes the fixtures of GGUF: small models with random weights, converted by llama.cpp's own converter.

    python make_gguf.py LLAMA.CPP [NAME …]

LLAMA.CPP is a checkout, for `convert_hf_to_gguf.py`. Needs torch, transformers and gguf. For each model a folder holds
what transformers saved (`config.json`, `model.safetensors`) and what the converter made of it (`model.gguf`); `blocks.gguf`
holds random blocks of every type, `blocks.safetensors` what PyPI's `gguf` takes them for; `split` the model of `qwen3` in several
files, as PyPI's `gguf` splits it, the first without tensors.
"""

import json
import logging
import pathlib
import shutil
import sys
import tempfile

import numpy as np
import torch
import transformers
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent / "gguf"
SIZES = dict(vocab_size=16, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=12,
             max_position_embeddings=64)
GROUPS = dict(SIZES, num_key_value_heads=2)
LONGROPE = dict(rope_type="longrope", short_factor=[1.0, 1.25], long_factor=[1.5, 4.0], rope_theta=10000.0,
                original_max_position_embeddings=32)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, rope_theta=10.0,
              original_max_position_embeddings=16)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16, rope_theta=100.0)
GEMMA = dict(GROUPS, head_dim=6)

MODELS = {
    "llama": ("LlamaForCausalLM", dict(GROUPS, rms_norm_eps=1e-5, rope_theta=500.0)),
    "llama-bias": ("LlamaForCausalLM", dict(GROUPS, head_dim=8, attention_bias=True, mlp_bias=True,
                                            tie_word_embeddings=True)),
    "llama-fused": ("LlamaForCausalLM", dict(GROUPS)),
    "llama-3.1": ("LlamaForCausalLM", dict(GROUPS, rope_parameters=LLAMA3)),
    "mistral": ("MistralForCausalLM", dict(GROUPS, sliding_window=None)),
    "qwen2": ("Qwen2ForCausalLM", dict(GROUPS, rope_parameters=YARN)),
    "qwen3": ("Qwen3ForCausalLM", dict(GROUPS, head_dim=6)),
    "gemma": ("GemmaForCausalLM", dict(GEMMA)),
    "gemma2": ("Gemma2ForCausalLM", dict(GEMMA, query_pre_attn_scalar=6, sliding_window=5)),
    "gemma3": ("Gemma3ForCausalLM", dict(GEMMA, query_pre_attn_scalar=6, sliding_window=5)),
    "olmo2": ("Olmo2ForCausalLM", dict(GROUPS)),
    "phi": ("PhiForCausalLM", dict(SIZES, intermediate_size=64, partial_rotary_factor=0.5)),
    "phi3": ("Phi3ForCausalLM", dict(GROUPS, rope_parameters=LONGROPE, pad_token_id=0)),
    "starcoder2": ("Starcoder2ForCausalLM", dict(GROUPS, sliding_window=None)),
    "gpt2": ("GPT2LMHeadModel", dict(vocab_size=16, n_positions=32, n_ctx=32, n_embd=16, n_layer=2, n_head=4)),
    "gpt_neox": ("GPTNeoXForCausalLM", dict(SIZES, rotary_pct=0.5)),
    "falcon-7b": ("FalconForCausalLM", dict(vocab_size=16, hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
                                            multi_query=True, num_kv_heads=1, new_decoder_architecture=False, bias=False, alibi=False)),
    "falcon-40b": ("FalconForCausalLM", dict(vocab_size=16, hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
                                             num_kv_heads=2, new_decoder_architecture=True, bias=False, alibi=False)),
    "bloom": ("BloomForCausalLM", dict(vocab_size=16, hidden_size=16, n_layer=2, n_head=4)),
    "mpt": ("MptForCausalLM", dict(vocab_size=16, d_model=16, n_layers=2, n_heads=4, max_seq_len=32,
                                   attn_config=dict(clip_qkv=6.0))),
}


def main():
    checkout = pathlib.Path(sys.argv[1])
    sys.path[:0] = [str(checkout), str(checkout / "gguf-py")]
    HERE.mkdir(exist_ok=True)
    for name in sys.argv[2:] or [*MODELS, "blocks", "split"]:
        if name == "blocks":
            blocks()
        elif name == "split":
            split()
        else:
            convert(name, *MODELS[name])


def convert(name, kind, settings):
    import conversion
    import gguf

    logging.disable(logging.INFO)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(sum(name.encode()))
    config = getattr(transformers, kind).config_class(**settings)
    model = getattr(transformers, kind)(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-1, 1)
            if parameter.ndim == 1:  # so that half precision holds 1 + w too
                parameter.mul_(64).round_().div_(64)
    model.half().save_pretrained(folder)
    for extra in folder.iterdir():
        if extra.name not in ("config.json", "model.safetensors"):
            extra.unlink()
    with tempfile.TemporaryDirectory() as copy:
        copy = pathlib.Path(copy, name)
        shutil.copytree(folder, copy)
        # Gemma 3's rows beyond the vocabulary are cut off; there is none here.
        vocabulary = {str(id): id for id in range(16)}
        (copy / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}, "added_tokens": []}))
        made = conversion.get_model_class(kind.replace("Mpt", "MPT"))
        made.set_vocab = lambda self: self.gguf_writer.add_tokenizer_model("none")
        # It reads names that transformers no longer writes.
        config = {**settings, **conversion.ModelBase.load_hparams(copy, False)}
        fuse = name.endswith("-fused")
        with torch.inference_mode():
            made(copy, gguf.LlamaFileType.MOSTLY_F16, folder / "model.gguf", hparams=config, fuse_qkv=fuse).write()
    print(name)


def blocks():
    import gguf

    made = gguf.GGUFWriter(HERE / "blocks.gguf", "none")
    values = {}
    random = np.random.default_rng(7)
    halves = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
              "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "Q8_K": []}  # fmt: skip
    for name, places in halves.items():
        kind = gguf.GGMLQuantizationType[name]
        length, size = gguf.GGML_QUANT_SIZES[kind]
        rows = random.integers(0, 256, (2, 256 // length * size), np.uint8)
        for start in range(0, rows.shape[1], size):
            for place in places:  # scales are numbers, and may be subnormal
                scale = random.normal(0, 1, 2) * 2.0 ** random.integers(-24, 3, 2)
                rows[:, start + place : start + place + 2] = scale.astype("<f2").view(np.uint8).reshape(2, 2)
            if name == "Q8_K":
                rows[:, start : start + 4] = random.normal(0, 1, 2).astype("<f4").view(np.uint8).reshape(2, 4)
        made.add_tensor(name, rows, raw_dtype=kind)
        if name == "Q8_K":  # PyPI's gguf has no code for it: d·q
            values[name] = rows[:, :4].copy().view("<f4") * rows[:, 4:260].view(np.int8).astype(np.float32)
        else:
            values[name] = gguf.quants.dequantize(rows, kind)
    made.write_header_to_file()
    made.write_kv_data_to_file()
    made.write_tensors_to_file()
    made.close()
    save_file(values, HERE / "blocks.safetensors")


def split():
    import gguf

    whole = gguf.GGUFReader(HERE / "qwen3" / "model.gguf")
    (HERE / "split").mkdir(exist_ok=True)
    made = gguf.GGUFWriter(HERE / "split" / "qwen3.gguf", "qwen3", split_max_tensors=7, small_first_shard=True)
    for field in whole.fields.values():
        if field.name != "general.architecture" and not field.name.startswith("GGUF."):
            inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            made.add_key_value(field.name, field.contents(), field.types[0], inner)
    for tensor in whole.tensors:
        made.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    made.write_header_to_file()
    made.write_kv_data_to_file()
    made.write_tensors_to_file()
    made.close()


main()
