"""Says what `touchstone step` flags of honest optimiser steps, and what it catches and names of faulty ones.

    python Scripts/steps [--seeds 1,2,3] [--faults betas-exchanged,…] [--honest] [--table]

NumPy takes every step in float32; with PyTorch installed its optimisers do too (loop, for-each, fused). A fault is seen
where float64 arithmetic with it and without it differs by more than a rounding of float32: visible.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "capture"), str(Path(__file__).resolve().parent)]

import engine  # noqa: E402
import faults  # noqa: E402
from touchstone_capture import write_steps  # noqa: E402

TOUCHSTONE = os.environ.get("TOUCHSTONE", str(Path(__file__).resolve().parents[2] / ".build/debug/touchstone"))


def judged(steps: list[dict]) -> dict:
    """The verdict on steps, as `touchstone step --json` gives it."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/step.h5"
        write_steps(steps, path, first=2 if len(steps) > 1 else 1)
        result = subprocess.run([TOUCHSTONE, "step", path, "--trust", path, "--json"], capture_output=True, text=True)
    if result.returncode not in (0, 1, 3):
        raise SystemExit(f"{result.returncode}: {result.stderr}{result.stdout}")
    return json.loads(result.stdout)


def honest(seeds: list[int]) -> int:
    """Every honest form on every case; how many are flagged."""
    counts, flagged, greatest = collections.Counter(), collections.Counter(), collections.defaultdict(float)
    for seed in seeds:
        for case in engine.cases(seed):
            for name, steps in engine.honest(case):
                verdict = judged(steps)
                counts[name] += 1
                if verdict["verdict"] != "consistent":
                    flagged[name] += 1
                    print(f"flagged: {name}, {case['title']}, seed {seed}: {verdict['first']}")
                for tensor in verdict["tensors"]:
                    greatest[tensor["stage"]] = max(greatest[tensor["stage"]], tensor["ratio"] or 0)
    for name, count in counts.items():
        print(f"{name:32} {count:4} runs, {flagged[name]} flagged")
    print("greatest share of the bound: " + ", ".join(f"{stage} {ratio:.2f}" for stage, ratio in greatest.items()))
    print(f"honest: {sum(counts.values())} runs, {sum(flagged.values())} flagged")
    return sum(flagged.values())


def faulty(seeds: list[int], chosen: list[str]) -> None:
    """Every fault on every case where it is visible: caught, named."""
    table: dict[str, list[int]] = {name: [0, 0, 0, 0] for name in chosen}
    for seed in seeds:
        for case in engine.cases(seed):
            for name in chosen:
                if faults.KIND[name] not in ("any", case["kind"]) or not faults.visible(case, name):
                    continue
                verdict = judged(faults.steps(case, name))
                ids = [cause["id"] for cause in verdict["causes"]]
                others = [other for cause in verdict["causes"] for other in cause["equivalents"]]
                same = name in faults.SAME and any(other.startswith(faults.SAME[name]) for other in others)
                right = same or any(cause in faults.NAMES[name] for cause in ids)
                caught = verdict["verdict"] == "mismatch"
                row = table[name]
                row[0] += 1
                row[1] += caught
                row[2] += caught and right
                row[3] += caught and bool(ids) and not right
                if not caught or not right:
                    first = verdict["first"] or {}
                    print(
                        f"{'not named' if caught else 'missed'}: {name}, {case['title']}, seed {seed}: "
                        f"{first.get('path')} {first.get('ratio')} {[c['name'] for c in verdict['causes']]}"
                    )
    print(f"{'fault':34} visible caught named wrongly")
    for name, row in table.items():
        print(f"{name:34} {row[0]:7} {row[1]:6} {row[2]:5} {row[3]:7}")
    total = np.array(list(table.values())).sum(axis=0)
    print(f"{'all':34} {total[0]:7} {total[1]:6} {total[2]:5} {total[3]:7}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", default="1", help="numbers, a comma between them")
    parser.add_argument("--faults", default=",".join(faults.NAMES), help="names, a comma between them")
    parser.add_argument("--honest", action="store_true", help="honest steps alone")
    parser.add_argument("--table", action="store_true", help="faulty steps alone")
    asked = parser.parse_args()
    seeds = [int(seed) for seed in asked.seeds.split(",")]
    if not asked.table:
        honest(seeds)
    if not asked.honest:
        faulty(seeds, asked.faults.split(","))


main()
