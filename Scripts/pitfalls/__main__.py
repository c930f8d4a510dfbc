"""Plants the mistakes of conversions in an engine of its own and asks `touchstone diff` where each begins and what it is.

usage: python Scripts/pitfalls GOLDEN.h5... [--rows 1,2,7] [--out FOLDER]

GOLDEN.h5, of a decoder, an encoder, both together, what sees pictures, or blocks that a condition
modulates, has its weights inside (touchstone record --embed-weights), such as golden/cases/tiny-*.h5. Without a mistake a golden must be
consistent. Then a line for each mistake: row of the list, golden, mistake, whether it is flagged, where it begins, the cause.
Needs NumPy and h5py, and a build (swift build), or another program that TOUCHSTONE names.
"""

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from case import Case

np.seterr(all="ignore")


def judge(case, number, mistake, shows, change, path):
    base = case.run()
    try:
        made = case.run(change)
    except (ValueError, IndexError, KeyError) as error:
        return dict(row=number, golden=case.name, mistake=mistake, outcome="does not run", error=repr(error))
    alike = lambda x, y: x.shape == y.shape and np.allclose(x, y, 1e-5, 1e-6, equal_nan=True)
    apart = [k for k in made if k not in base or not alike(made[k], base[k])]
    code, verdict = case.judged(made, path)
    first = (verdict.get("first") or {}).get("path") if verdict.get("first") else None
    cause = verdict.get("cause") or {}
    local = first and (first.split("/")[-1] if "layers/" in first else first)
    allowed = list(shows) if isinstance(shows, tuple) else ["q", "k", "v"] if shows == "qkv" else [shows]
    return dict(
        row=number, golden=case.name, mistake=mistake, code=code, first=first, is_there=local in allowed, shows=shows,
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
        for i, (row, mistake, shows, change) in enumerate(case.mistakes()):
            if not chosen or row in chosen:
                jobs.append((case, row, mistake, shows, change, f"{options.out}/{case.name}-{i}.h5"))
    with ThreadPoolExecutor(2) as pool:
        for line in pool.map(lambda job: judge(*job), jobs):
            print(json.dumps(line, ensure_ascii=False, default=str), flush=True)


if __name__ == "__main__":
    main()
