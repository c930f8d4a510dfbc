"""Times Touchstone, PyTorch and llama.cpp on the same weights, one engine a process, alternating.

usage: python Scripts/compare_engines.py FOLDER [ROUNDS]
FOLDER holds a GPT-2 as Hugging Face saves it (touchstone synthesize --preset gpt2-124m --out FOLDER); model.gguf
is written into it when it is missing. Needs numpy, torch, transformers, safetensors, gguf, llama-cpp-python, and
the release build (swift build -c release), or another program that TOUCHSTONE names.
"""
import json, os, platform, statistics, subprocess, sys, time

PREFILL, DECODE, DECODED = (16, 128, 512, 1024), (16, 512), 24
PROGRAM = os.environ.get("TOUCHSTONE", ".build/release/touchstone")
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
TOKENS = [(i * 7919 + 13) % 50257 for i in range(1024)]


def measure(reset, feed):
    """Medians in seconds: feed(tokens) computes the logits of the last of more tokens, reset() forgets them."""
    result = {"prefill": {}, "decode": {}}
    for length in PREFILL:
        times = []
        for _ in range(6):
            reset()
            begin = time.perf_counter()
            feed(TOKENS[:length])
            times.append(time.perf_counter() - begin)
        result["prefill"][length] = statistics.median(times[1:])
    for context in DECODE:
        reset()
        feed(TOKENS[:context])
        times = []
        for token in TOKENS[context:context + DECODED]:
            begin = time.perf_counter()
            feed([token])
            times.append(time.perf_counter() - begin)
        result["decode"][context] = statistics.median(times)
    return result


def pytorch(folder):
    import torch
    from transformers import GPT2LMHeadModel
    torch.set_num_threads(THREADS)
    model = GPT2LMHeadModel.from_pretrained(folder, torch_dtype=torch.float32).eval()
    state = {}

    def reset():
        state["past"] = None

    def feed(tokens):
        with torch.inference_mode():
            output = model.transformer(torch.tensor([tokens]), past_key_values=state["past"], use_cache=True)
            state["past"] = output.past_key_values
            model.lm_head(output.last_hidden_state[:, -1])

    return measure(reset, feed)


def llama(folder):
    from llama_cpp import Llama
    model = Llama(model_path=os.path.join(folder, "model.gguf"), n_ctx=1024, n_batch=512, n_threads=THREADS,
                  n_threads_batch=THREADS, type_k=0, type_v=0, flash_attn=False, verbose=False)
    return measure(model.reset, model.eval)


def touchstone(folder):
    output = subprocess.run([PROGRAM, "bench", "--model", folder, "--json"],
                            check=True, capture_output=True, text=True).stdout
    found = json.loads(output)
    return {"prefill": {x["tokens"]: x["seconds"] for x in found["prefill"]},
            "decode": {x["context"]: x["seconds"] for x in found["decode"]},
            "machine": [found["peakOperationsPerSecond"], found["readBytesPerSecond"]],
            "shares": {f'prefill of {x["tokens"]}, of the peak beside': x["shareOfPeak"] for x in found["prefill"]}
            | {f'decode at {x["context"]}, of the read beside': x["shareOfBandwidth"] for x in found["decode"]}}


def write_gguf(folder):
    """The same float32 numbers in llama.cpp's format; its matrices are [out, in]."""
    import gguf, numpy
    from safetensors.numpy import load_file
    config = json.load(open(os.path.join(folder, "config.json")))
    tensors = {name.removeprefix("transformer."): value
               for name, value in load_file(os.path.join(folder, "model.safetensors")).items()}
    path = os.path.join(folder, "model.gguf")
    writer = gguf.GGUFWriter(path + ".tmp", "gpt2")
    width = config["n_embd"]
    writer.add_block_count(config["n_layer"])
    writer.add_context_length(config["n_positions"])
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(config.get("n_inner") or 4 * width)
    writer.add_head_count(config["n_head"])
    writer.add_layer_norm_eps(config["layer_norm_epsilon"])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("no_vocab")
    writer.add_vocab_size(config["vocab_size"])
    names = {"ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm",
             "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}
    for name, value in tensors.items():
        if name == "wte.weight":
            target = "token_embd.weight"
        elif name == "wpe.weight":
            target = "position_embd.weight"
        elif name.startswith("ln_f."):
            target = "output_norm." + name.split(".")[-1]
        else:
            _, layer, rest = name.split(".", 2)
            part, kind = rest.rsplit(".", 1)
            if part not in names:
                continue
            target = f"blk.{layer}.{names[part]}.{kind}"
            if value.ndim == 2:
                value = value.T
        writer.add_tensor(target, numpy.ascontiguousarray(value, dtype=numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.rename(path + ".tmp", path)


ENGINES = {"touchstone": touchstone, "llama.cpp": llama, "pytorch": pytorch}


def main(folder, rounds):
    if not os.path.exists(os.path.join(folder, "model.gguf")):
        write_gguf(folder)
    found = {name: [] for name in ENGINES}
    for round in range(rounds):
        for name in ENGINES:
            print(f"round {round + 1}: {name}", file=sys.stderr)
            output = subprocess.run([sys.executable, __file__, "--engine", name, folder],
                                    check=True, stdout=subprocess.PIPE, text=True).stdout
            found[name].append(json.loads(output.splitlines()[-1]))
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
                 platform.processor()) if os.path.exists("/proc/cpuinfo") else platform.processor()
    print(f"{time.strftime('%Y-%m-%d')}, {model}, {THREADS} threads, {rounds} rounds, medians, tokens a second\n")
    machine = [x["machine"] for x in found["touchstone"]]
    print("machine, best of the rounds: %.1f GFLOP/s, %.1f GB/s read\n" % tuple(max(x) / 1e9 for x in zip(*machine)))
    print("| what | " + " | ".join(ENGINES) + " | ÷ llama.cpp | ÷ PyTorch |")
    print("|---" * (len(ENGINES) + 3) + "|")
    each = []
    for kind, lengths in (("prefill", PREFILL), ("decode", DECODE)):
        for length in lengths:
            tokens = length if kind == "prefill" else 1
            what = f"prefill of {length}" if kind == "prefill" else f"decode at {length}"
            speeds = {name: [tokens / x[kind][str(length)] for x in found[name]] for name in ENGINES}
            middle = [statistics.median(x) for x in speeds.values()]
            print(f"| {what} | " + " | ".join(f"{x:.1f}" for x in middle)
                  + f" | {middle[0] / middle[1]:.2f} | {middle[0] / middle[2]:.2f} |")
            each.append(f"| {what} | " + " | ".join(", ".join(f"{x:.0f}" for x in y) for y in speeds.values()) + " |")
    print("\n| round by round | " + " | ".join(ENGINES) + " |")
    print("|---" * (len(ENGINES) + 1) + "|")
    print("\n".join(each))
    print("\n| share of what the machine could at that moment | median | round by round |\n|---|---|---|")
    for name in found["touchstone"][0]["shares"]:
        shares = [x["shares"][name] for x in found["touchstone"]]
        print(f"| {name} | {statistics.median(shares):.2f} | {', '.join(f'{share:.2f}' for share in shares)} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--engine"]:
        print(json.dumps(ENGINES[sys.argv[2]](sys.argv[3])))
    elif len(sys.argv) in (2, 3):
        main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 3)
    else:
        sys.exit(__doc__)
