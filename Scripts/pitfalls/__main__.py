"""Plants the mistakes of conversions in an engine of its own and asks `touchstone diff` where each begins and what it is.

usage: python Scripts/pitfalls GOLDEN.h5... [--rows 1,2,7] [--out FOLDER]

GOLDEN.h5 has its weights inside (touchstone record --embed-weights), such as golden/cases/tiny-*.h5. Without a mistake a golden must be
consistent. Then a line for each mistake: row of the list, golden, mistake, whether it is flagged, where it begins, the cause.
Needs NumPy and h5py, and a build (swift build), or another program that TOUCHSTONE names.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import engine
import h5py
import numpy as np
import plan
from pitfalls import pitfalls

PROGRAM = os.environ.get("TOUCHSTONE", ".build/debug/touchstone")
np.seterr(all="ignore")


class Case:
    """A golden, as the engine reads it."""

    def __init__(self, path):
        self.path, self.name = path, os.path.basename(path)[:-3]
        with h5py.File(path) as f:
            self.text = f["model"].attrs["config_json"]
            self.family = f["model"].attrs["family"]
            self.weights = {name: x[()] for name, x in f["weights"].items()}
            self.tokens, inputs = f["inputs/token_ids"][()], f["inputs"]
            self.positions = inputs["position_ids"][()] if "position_ids" in inputs else np.arange(len(self.tokens))
            self.mask = inputs["attention_mask"][()] if "attention_mask" in inputs else np.ones(len(self.tokens))
            self.masked = "attention_mask" in inputs
            records = set()
            f.visititems(lambda k, x: records.add(k.split("/")[-1] if k.startswith("layers") else k))
        self.config = json.loads(self.text)
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

    def row(self, number, mistake, shows, change, path):
        base = self.run()
        try:
            made = self.run(change)
        except (ValueError, IndexError, KeyError) as error:
            return dict(row=number, golden=self.name, mistake=mistake, outcome="does not run", error=repr(error))
        apart = [k for k in made if k not in base or not np.allclose(made[k], base[k], 1e-5, 1e-6, equal_nan=True)]
        code, verdict = self.judged(made, path)
        first = (verdict.get("first") or {}).get("path") if verdict.get("first") else None
        cause = verdict.get("cause") or {}
        local = first and (first.split("/")[-1] if first.startswith("layers") else first)
        allowed = list(shows) if isinstance(shows, tuple) else ["q", "k", "v"] if shows == "qkv" else [shows]
        return dict(
            row=number, golden=self.name, mistake=mistake, code=code, first=first, is_there=local in allowed, shows=shows,
            differs=apart[:2], cause=cause.get("name"), id=cause.get("id"), others=cause.get("equivalents"),
            notes=[x for x in verdict.get("notes", []) if "searched" not in x and "Next token" not in x],
            error=verdict.get("error"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("goldens", nargs="+")
    parser.add_argument("--rows", default="")
    parser.add_argument("--out", default=".build/pitfalls")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    chosen = {int(x) for x in options.rows.split(",") if x}
    jobs = []
    for golden in options.goldens:
        case = Case(golden)
        code, verdict = case.judged(case.run(), f"{options.out}/{case.name}.h5")
        if code != 0:
            sys.exit(f"{case.name}: not consistent without a mistake: {verdict.get('first') or verdict.get('error')}")
        listed = pitfalls(case.plan, case.names, case.weights, case.tokens, case.config, case.positions, case.mask)
        for i, (row, mistake, shows, change) in enumerate(listed):
            if not chosen or row in chosen:
                jobs.append((case, row, mistake, shows, change, f"{options.out}/{case.name}-{i}.h5"))
    with ThreadPoolExecutor(2) as pool:
        for line in pool.map(lambda job: job[0].row(*job[1:]), jobs):
            print(json.dumps(line, ensure_ascii=False, default=str), flush=True)


if __name__ == "__main__":
    main()
