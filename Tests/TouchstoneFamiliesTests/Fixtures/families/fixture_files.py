"""What the scripts of this folder share: how inputs are drawn, and what a fixture's files are."""

import hashlib
import json
import random
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors.torch import load_file
from torch.overrides import TorchFunctionMode


class Double(TorchFunctionMode):
    """Turns casts to float32 into casts to float64."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.float:
            function = torch.Tensor.double
        swap = lambda value: torch.float64 if value is torch.float32 else value
        return function(*map(swap, args), **{key: swap(value) for key, value in (kwargs or {}).items()})


class Watched:
    """What passes through the modules of a model, by the names of the golden format, in `values`."""

    def note(self, name, value):
        self.values[name] = value.detach().clone().numpy()

    def rows(self, x):
        return x[0] if x.dim() == 3 else x

    def watch(self, module, name, heads=None):
        def take(_, inputs, output):
            x = self.rows(output[0] if isinstance(output, tuple) else output)
            self.note(name, x if heads is None else x.reshape(len(x), heads, -1).transpose(0, 1))

        module.register_forward_hook(take)

    def watch_input(self, module, name):
        module.register_forward_pre_hook(lambda _, inputs: self.note(name, self.rows(inputs[0])))


def drawn_inputs(model, count, padding, shift, seed):
    """Ids by chance, behind padding on the left, at positions that begin at `shift`."""
    generator = random.Random(seed)
    masked = min(padding, count - 1)
    return dict(
        input_ids=[generator.randrange(model.config.vocab_size) for _ in range(count)],
        position_ids=[index + shift for index in range(count)],
        attention_mask=[0] * masked + [1] * (count - masked))


def saved(model):
    """The tensors as they are stored, which may be under other names than in memory."""
    with tempfile.TemporaryDirectory() as there:
        model.save_pretrained(there)
        return load_file(Path(there) / "model.safetensors")


def digest(weights):
    """The digest of Docs/Format.md."""
    result = hashlib.sha256()
    for name in sorted(weights):
        value = weights[name].numpy()
        result.update(f"{name} float32 {','.join(map(str, value.shape))}\n".encode() + value.tobytes())
    return result.hexdigest()


def write(path, kind, family, config, inputs, values, key):
    with h5py.File(path, "w", libver=("v110", "v110")) as f:
        for name, value in dict(format="touchstone", format_version="1.1", kind=kind).items():
            f.attrs[name] = np.bytes_(value)
        f.attrs["complete"] = np.uint8(1)
        model = f.create_group("model")
        for name, value in dict(family=family, config_json=json.dumps(config), weights_sha256=key).items():
            model.attrs[name] = np.bytes_(value)
        manifest = f.create_group("provenance").create_group("manifest")
        precision = "float64" if kind == "golden-candidate" else "float32"
        for name, value in dict(producer="transformers 5.24.0", precision=precision).items():
            manifest.attrs[name] = np.bytes_(value)
        for name, value in inputs.items():
            # What is no whole number for each token says what it is.
            own = value if hasattr(value, "dtype") else np.array(value, np.int32)
            f["inputs/" + {"input_ids": "token_ids"}.get(name, name)] = own
        for name, value in values.items():
            f.create_dataset(name, data=value, compression="gzip", shuffle=True)


def write_both(folder, family, config, inputs, key, made, observed, weights=None):
    """Runs a model in float32 and in float64, and writes what was observed.

    `made` makes the model anew, `observed` puts observers around it; `weights` are loaded in place of those it is made with.
    """
    with torch.no_grad():
        model = made()
        state = {name: value.clone() for name, value in (weights or model.state_dict()).items()}
        write(folder / "float32.h5", "capture", family, config, inputs, observed(model).run(inputs), key)
        torch.set_default_dtype(torch.float64)
        with Double():
            wide = made().double()
            wide.load_state_dict(state, strict=weights is None)
            values = observed(wide).run(inputs)
        torch.set_default_dtype(torch.float32)
    write(folder / "float64.h5", "golden-candidate", family, config, inputs, values, key)


def main(fixtures, fixture, drawn, count):
    """FOLDER and names of fixtures, or none for all; or FOLDER, a family, how many random models of it, and a seed.

    `fixture` takes a folder, an entry of `fixtures` or of `drawn(family, seed)`, how many tokens, and a seed.
    """
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    if len(sys.argv) == 5 and sys.argv[3].isdigit():
        first = 1000 * int(sys.argv[4])
        for seed in range(first, first + int(sys.argv[3])):
            entry, tokens = drawn(sys.argv[2], seed)
            fixture(folder / f"{sys.argv[2]}-{seed}", *entry, tokens, seed)
    else:
        for number, (name, entry) in enumerate(fixtures.items()):
            if name in sys.argv[2:] or len(sys.argv) == 2:
                fixture(folder / name, *entry, count, number)
