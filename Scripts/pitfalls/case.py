"""A golden as an engine of its own reads it, the captures that the engine writes, and what `touchstone diff` says of them."""

import glob
import json
import os
import subprocess

import engine
import h5py
import numpy as np
import plan

PROGRAM = os.environ.get("TOUCHSTONE", ".build/debug/touchstone")


def tensors(config):
    """The weights of the model in golden/models whose configuration says the same."""
    for path in glob.glob("golden/models/*/config.json"):
        with open(path) as f:
            other = json.load(f)
        if all(other[key] in (value, None) for key, value in config.items() if key in other):
            with open(os.path.join(os.path.dirname(path), "model.safetensors"), "rb") as f:
                head = json.loads(f.read(int.from_bytes(f.read(8), "little")))
                data = f.read()
            head.pop("__metadata__", None)
            cut = lambda entry: np.frombuffer(data[slice(*entry["data_offsets"])], np.float32).reshape(entry["shape"])
            return {name: cut(entry) for name, entry in head.items()}
    raise ValueError("no weights in the golden, nor a model in golden/models with its configuration")


class Case:
    """A golden, as the engine reads it."""

    def __init__(self, path):
        self.path, self.name = path, os.path.basename(path)[:-3]
        with h5py.File(path) as f:
            self.text = f["model"].attrs["config_json"]
            self.family = f["model"].attrs["family"]
            self.config = json.loads(self.text)
            inside = f.get("weights")
            self.weights = tensors(self.config) if inside is None else {name: x[()] for name, x in inside.items()}
            self.tokens, inputs = f["inputs/token_ids"][()], f["inputs"]
            self.positions = inputs["position_ids"][()] if "position_ids" in inputs else np.arange(len(self.tokens))
            self.mask = inputs["attention_mask"][()] if "attention_mask" in inputs else np.ones(len(self.tokens))
            self.masked = "attention_mask" in inputs
            records = set()
            f.visititems(lambda k, x: records.add(k.split("/")[-1] if k.startswith("layers") else k))
        self.plan, self.names = plan.read(self.config)
        self.plan["records"] = records

    def run(self, change=()):
        change = dict(change)
        positions = change.pop("positions", self.positions)
        return engine.Engine(self.plan | change, self.names, self.weights, self.tokens, positions, self.mask).run()

    def write(self, made, path):
        with h5py.File(path, "w", libver=("v110", "v110")) as f:
            f.attrs["format"], f.attrs["format_version"], f.attrs["kind"] = "touchstone", "1.0", "capture"
            f.create_group("model").attrs["config_json"] = self.text
            f["model"].attrs["family"] = self.family
            f["inputs/token_ids"], f["inputs/position_ids"] = self.tokens, self.positions
            if self.masked:
                f["inputs/attention_mask"] = self.mask
            for name, value in made.items():
                f[name] = value
            f.create_group("provenance").attrs["precision"] = "float32"
            f.attrs["complete"] = np.uint8(1)

    def judged(self, made, path):
        """The verdict as JSON."""
        self.write(made, path)
        command = [PROGRAM, "diff", self.path, path, "--trust", path, "--trust", self.path, "--json"]
        done = subprocess.run(command, capture_output=True, text=True)
        os.remove(path)
        return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else {"error": done.stderr}
