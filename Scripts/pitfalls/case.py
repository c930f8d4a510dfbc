"""A golden as an engine of its own reads it, the captures that the engine writes, and what `touchstone diff` says of them."""

import glob
import json
import os
import subprocess

import engine
import expert_plan
import h5py
import numpy as np
import picture_plan
import plan
import stack_plan
from expert_pitfalls import expert_pitfalls
from experts import Experts
from picture_pitfalls import picture_pitfalls
from pictures import Modulated, Pictures
from pitfalls import pitfalls
from stack_pitfalls import stack_pitfalls
from stacks import Stacks

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
            self.inputs = {name: x[()] for name, x in f["inputs"].items()}
            records = set()
            f.visititems(lambda k, x: records.add(k.split("/")[-1] if k.startswith("layers") else k))
        kind = self.config["model_type"]
        self.has_tokens, self.has_stacks = kind not in picture_plan.FAMILIES, kind in stack_plan.FAMILIES | picture_plan.FAMILIES
        if not self.has_tokens:
            self.plan, self.engine = picture_plan.read(self.config, self.weights), Modulated if kind == "dit_block" else Pictures
            return
        self.tokens = self.inputs["token_ids"]
        self.positions = self.inputs.get("position_ids", np.arange(len(self.tokens)))
        self.mask = self.inputs.get("attention_mask", np.ones(len(self.tokens)))
        if self.has_stacks:
            self.plan, self.engine = stack_plan.read(self.config, self.weights), Stacks
            name = self.plan["stacks"][0]["path"]
            self.plan |= dict(records_scaled=name + "embed/scaled" in records, records_readout="final/scaled" in records)
        else:
            self.has_experts = kind in expert_plan.FAMILIES
            self.plan, self.names = (expert_plan if self.has_experts else plan).read(self.config)
            self.engine = Experts if self.has_experts else engine.Engine
            self.plan["records"] = records

    def mistakes(self):
        """(row, mistake, where it shows, changes of the plan)."""
        if self.has_stacks:
            return (stack_pitfalls if self.has_tokens else picture_pitfalls)(self.plan, self.weights, self.read())
        own = (self.plan, self.names, self.weights, self.tokens, self.config, self.positions, self.mask)
        return (expert_pitfalls if self.has_experts else pitfalls)(*own)

    def read(self):
        """What stacks read."""
        given = self.inputs
        if not self.has_tokens:
            seen = np.ones(1, bool)
            return dict(
                pixels=given.get("pixel_values"), hidden=given.get("hidden"), condition=given.get("condition"), mask=seen, source_mask=seen)
        heard = self.config.get("max_source_positions", 1) if self.plan["features"] else 1
        source = given.get("encoder_token_ids", np.zeros(heard, int))
        return dict(
            tokens=self.tokens, positions=self.positions, mask=self.mask.astype(bool), source=source,
            types=given.get("token_type_ids", self.tokens * 0), source_positions=given.get("encoder_position_ids", np.arange(len(source))),
            source_mask=given.get("encoder_attention_mask", np.ones(len(source))).astype(bool), features=given.get("input_features"),
            audio=given.get("audio"), n_fft=int(given.get("n_fft", 0)), hop=int(given.get("hop_length", 0)),
            filters=given.get("mel_filters"), frames=2 * heard)

    def run(self, change=()):
        change = dict(change)
        if self.has_stacks:
            return self.engine(self.plan | change, self.weights, self.read()).run()
        positions = change.pop("positions", self.positions)
        return self.engine(self.plan | change, self.names, self.weights, self.tokens, positions, self.mask).run()

    def write(self, made, path):
        with h5py.File(path, "w", libver=("v110", "v110")) as f:
            f.attrs["format"], f.attrs["format_version"], f.attrs["kind"] = "touchstone", "1.0", "capture"
            f.create_group("model").attrs["config_json"] = self.text
            f["model"].attrs["family"] = self.family
            for name, value in self.inputs.items():
                f["inputs/" + name] = value
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
