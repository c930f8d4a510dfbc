"""Plants mistakes of engines in an engine of its own and asks `touchstone diff` what they are.

usage: python Scripts/mistakes [GOLDEN.h5...] [--kinds NAME,AREA] [--seed N] [--each N] [--out FILE] [--more FILE.py] [--only-more]

Mistakes of kernels, caches, masks, weights, quantisation, arithmetic and indices; Scripts/pitfalls has those of conversions.
Each kind is drawn in --each goldens that have a place for it, with numbers (block, head, row, bit, tile) that the seed draws. A
line for each: what the verdict's cause is worth, the kind, the golden, whether it begins where it is due, the words. `right` is
a cause with what a right one must say, `part` one that says a part of it or only where, `wrong` any other, `unknown` none;
`missed` is a mistake that no operation shows and should, `invisible` one within float32's rounding. Words are judged by
patterns, and by the numbers where they list indices: read again what is right and what is wrong, and what a line `besides`
says, a cause that speaks of no mistake that was planted. NAME+NAME plants two at once. --more reads kinds from another file.
Needs NumPy and h5py, and a build (swift build), or another program that TOUCHSTONE names.
"""

import argparse
import importlib.util
import json
import os
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pitfalls"))

import numpy as np  # noqa: E402
from case import Case  # noqa: E402

import kinds  # noqa: E402, F401
from draw import KINDS  # noqa: E402
from judge import run  # noqa: E402
from spoilt import Spoilt  # noqa: E402

GOLDENS = """gpt2-odd-a shakespeare-short tiny-llama3 tiny-gemma2 tiny-qwen3 tiny-neox tiny-bloom tiny-untied tiny-phi3
tiny-starcoder2 tiny-gptj tiny-gemma2-listed tiny-epsilon tiny-neox-sequence""".split()
np.seterr(all="ignore")


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("goldens", nargs="*")
    parser.add_argument("--kinds", default="", help="names or areas, with commas; NAME+NAME for two at once")
    parser.add_argument("--more", help="a file with more kinds")
    parser.add_argument("--only-more", action="store_true", help="the kinds of that file alone")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=2, help="goldens for each kind")
    parser.add_argument("--out", help="every line as JSON")
    return parser.parse_args()


def chosen(given):
    """The names of the kinds to try."""
    shown = list(KINDS)
    names, pairs = shown, list(kinds.PAIRS)
    if given.more:
        spec = importlib.util.spec_from_file_location("more", given.more)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        names, more = list(KINDS), list(getattr(module, "PAIRS", []))
        if given.only_more:
            names, pairs = [n for n in names if n not in shown], more
        else:
            pairs += more
    wanted = [x for x in given.kinds.split(",") if x]
    for one in (
        {one for name in wanted for one in name.split("+")} - KINDS.keys() - {area for area, _ in KINDS.values()}
    ):
        sys.exit(f"--kinds {one}: there is no such kind, nor such an area; the areas are {areas()}")
    if wanted:
        own = [n for n in names if n in wanted or KINDS[n][0] in wanted]
        return own + [n for n in wanted if "+" in n]
    return names + pairs


def areas():
    return ", ".join(sorted({area for area, _ in KINDS.values()}))


def main():
    given = options()
    names = chosen(given)
    goldens = given.goldens or [f"golden/cases/{name}.h5" for name in GOLDENS]
    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for path in goldens:
            golden = Case(path)
            base = Spoilt(golden).run()
            code, verdict = golden.judged(base, os.path.join(folder, "right.h5"))
            if code != 0:
                sys.exit(f"{path}: not consistent without a mistake: {verdict.get('first') or verdict.get('error')}")
            cases.append((golden, base))

        def lines(name):
            order = np.random.default_rng([given.seed, sum(name.encode())]).permutation(len(cases))
            made = []
            for seed in (given.seed, given.seed + 1000, given.seed + 2000):  # more than once where few have a place
                for i in order:
                    if len(made) < given.each:
                        line = run(*cases[i], name, seed, folder)
                        made += [line] if line else []
            return made

        counts, out = Counter(), open(given.out or os.devnull, "w")
        with ThreadPoolExecutor(2) as pool:
            for name, made in zip(names, pool.map(lines, names)):
                for line in made:
                    counts[line["outcome"]] += 1
                    more = line["besides"] if line["outcome"] in ("right", "part") else []
                    counts["right or part with a line besides"] += bool(more)
                    counts["begins elsewhere"] += (
                        line["outcome"] not in ("invisible", "missed", "error") and not line["is_there"]
                    )
                    there = "there" if line.get("is_there") else f"at {line.get('first')}"
                    words = " / ".join(line.get("words") or [])
                    print(
                        f"{line['outcome']:9} {name:36} {line['golden']:18} {there:10} {line['told']}  ⇒  {words}",
                        flush=True,
                    )
                    for one in more:
                        print(f"{'':9} {name:36} {line['golden']:18} besides: {one}", flush=True)
                    print(json.dumps(line, ensure_ascii=False, default=str), file=out, flush=True)
        out.close()
        print("; ".join(f"{n} {what}" for what, n in counts.most_common()))


if __name__ == "__main__":
    main()
