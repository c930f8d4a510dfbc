"""Trains a model of a few thousand weights on a page of text; every gradient is the reference's.

    python Examples/train.py PAGE.txt FOLDER [--steps 200] [--picture loss.svg]

Needs numpy, h5py and `touchstone` on the path. FOLDER holds the model (one token a character), the last batch and the
last step of the optimiser, which `touchstone step FOLDER/step.h5` judges.
"""

import argparse
import json
import pathlib
import struct
import subprocess

import h5py
import numpy as np

LAYERS, HEADS, WIDTH, CONTEXT, BATCH = 1, 2, 16, 32, 4
RATE, BETA1, BETA2, EPSILON = 0.01, 0.9, 0.99, 1e-8


def shapes(vocabulary):
    """The parameters of a GPT-2, by Hugging Face's names."""
    yield "transformer.wte.weight", (vocabulary, WIDTH)
    yield "transformer.wpe.weight", (CONTEXT, WIDTH)
    for layer in range(LAYERS):
        at = f"transformer.h.{layer}."
        for module, inputs, outputs in [
            ("attn.c_attn", WIDTH, 3 * WIDTH),
            ("attn.c_proj", WIDTH, WIDTH),
            ("mlp.c_fc", WIDTH, 4 * WIDTH),
            ("mlp.c_proj", 4 * WIDTH, WIDTH),
        ]:
            yield at + module + ".weight", (inputs, outputs)
            yield at + module + ".bias", (outputs,)
        for norm in ["ln_1", "ln_2"]:
            yield at + norm + ".weight", (WIDTH,)
            yield at + norm + ".bias", (WIDTH,)
    yield "transformer.ln_f.weight", (WIDTH,)
    yield "transformer.ln_f.bias", (WIDTH,)


def initial(name, shape, random):
    """As GPT-2 begins: gains 1, biases 0, matrices small."""
    if len(shape) == 1:
        return np.full(shape, 1.0 if "ln_" in name and name.endswith("weight") else 0.0, np.float32)
    return random.normal(0, 0.1, shape).astype(np.float32)


def write_model(folder, config, weights):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    header, offset = {}, 0
    for name, value in weights.items():
        header[name] = {"dtype": "F32", "shape": value.shape, "data_offsets": [offset, offset + value.nbytes]}
        offset += value.nbytes
    text = json.dumps(header).encode()
    with open(folder / "model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(value.tobytes() for value in weights.values()))


def write_batch(path, ids, targets, config):
    with h5py.File(path, "w") as f:
        f.attrs.update(format="touchstone", format_version="1.2", kind="capture", complete=np.uint8(1))
        f.create_group("model").attrs.update(family="gpt2", config_json=json.dumps(config))
        f["inputs/token_ids"], f["inputs/targets"] = ids.astype(np.int32), targets.astype(np.int32)


def gradients(folder):
    """The loss of the batch and its gradient by every parameter, by the reference."""
    command = ["touchstone", "record", "--no-floor", "--overwrite", "--model", folder]
    command += ["--inputs", folder / "batch.h5", "--out", folder / "training.h5"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with h5py.File(folder / "training.h5") as f:
        return float(f["loss/mean"][()]), {name: g[()] for name, g in f["grad/weights"].items()}


def write_step(path, step, before, moments_before, gradient, moments, after):
    """One step of the optimiser, as `touchstone step` reads it."""
    with h5py.File(path, "w") as f:
        f.attrs.update(format="touchstone", format_version="1.2", kind="capture", complete=np.uint8(1))
        f.create_group("provenance").attrs.update(producer="train.py", precision="float32")
        f.create_group("step").attrs.update(
            kind="adamw", t=step, lr=RATE, beta1=BETA1, beta2=BETA2, epsilon=EPSILON, weight_decay=0.0
        )
        for name in before:
            for group, values in [
                ("theta_before", before),
                ("m_before", moments_before[0]),
                ("v_before", moments_before[1]),
                ("grad", gradient),
                ("m", moments[0]),
                ("v", moments[1]),
                ("theta", after),
            ]:
                f[f"step/{group}/{name}"] = values[name]


def adamw(step, weights, gradient, m, v):
    """Kingma & Ba 2015 in float32, without decay."""
    one = np.float32(1)
    b1, b2 = np.float32(BETA1), np.float32(BETA2)
    m = {name: b1 * m[name] + (one - b1) * g for name, g in gradient.items()}
    v = {name: b2 * v[name] + (one - b2) * g * g for name, g in gradient.items()}
    first, second = 1 - BETA1**step, 1 - BETA2**step
    rate, root = np.float32(RATE / first), np.float32(second**0.5)
    after = {name: w - rate * m[name] / (np.sqrt(v[name]) / root + np.float32(EPSILON)) for name, w in weights.items()}
    return after, m, v


def picture(path, losses, start):
    """The losses as an SVG, beside that of a model that knows nothing."""
    width, height, top = 640, 240, max(losses[0], start) * 1.05
    right, foot = width - 10, height - 8

    def x(step):
        return 40 + (width - 50) * step / max(len(losses) - 1, 1)

    def y(loss):
        return height - 25 - (height - 40) * loss / top

    def text(x, y, words, anchor="end"):
        return f'<text x="{x}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'

    points = " ".join(f"{x(step):.1f},{y(loss):.1f}" for step, loss in enumerate(losses))
    box = f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for loss in range(int(top) + 1):
        lines += [f'<path d="M40 {y(loss):.1f}H{right}" stroke="#ddd"/>', text(30, y(loss) + 4, loss)]
    lines += [
        f'<path d="M40 {y(start):.1f}H{right}" stroke="#888" stroke-dasharray="4"/>',
        text(right, y(start) - 5, f"knows nothing: log V = {start:.2f}"),
        f'<polyline points="{points}" fill="none" stroke="#1f5fbf" stroke-width="1.5"/>',
        text(40, foot, "step 1", "start"), text(right, foot, f"step {len(losses)}"), "</svg>",
    ]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--picture", type=pathlib.Path)
    arguments = parser.parse_args()
    text = arguments.page.read_text()
    letters = sorted(set(text))
    ids = np.array([letters.index(letter) for letter in text])
    config = dict(
        model_type="gpt2",
        vocab_size=len(letters),
        n_positions=CONTEXT,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=HEADS,
        activation_function="gelu_new",
        layer_norm_epsilon=1e-5,
    )
    random = np.random.default_rng(1)
    weights = {name: initial(name, shape, random) for name, shape in shapes(len(letters))}
    m, v = ({name: np.zeros_like(value) for name, value in weights.items()} for _ in range(2))
    print(f"{sum(value.size for value in weights.values()):,} weights, {len(letters)} letters, {len(text):,} of text")
    losses = []
    for step in range(1, arguments.steps + 1):
        write_model(arguments.folder, config, weights)
        starts = random.integers(0, len(ids) - CONTEXT, BATCH)
        rows = np.stack([ids[start : start + CONTEXT + 1] for start in starts])
        write_batch(arguments.folder / "batch.h5", rows[:, :-1], rows[:, 1:], config)
        loss, exact = gradients(arguments.folder)
        losses.append(loss)
        gradient = {name: value.astype(np.float32) for name, value in exact.items()}
        after, new_m, new_v = adamw(step, weights, gradient, m, v)
        if step == arguments.steps:
            write_step(arguments.folder / "step.h5", step, weights, (m, v), gradient, (new_m, new_v), after)
        weights, m, v = after, new_m, new_v
        if step == 1 or step % 50 == 0:
            print(f"step {step:4}  loss {loss:.4f}", flush=True)
    write_model(arguments.folder, config, weights)
    if arguments.picture:
        picture(arguments.picture, losses, float(np.log(len(letters))))


if __name__ == "__main__":
    main()
