"""Plants a mistake, has its capture judged, and judges the words of the verdict."""

import json
import os
import subprocess
import zlib

import case
import numpy as np

from draw import KINDS, Draw, NoPlace
from spoilt import Spoilt
from words import holds, matches

# An error of this share of the greatest element of a row is what float32 may do.
INVISIBLE = 2.0**-18


def local(path):
    return path.split("/")[-1] if path.startswith("layers") else path


def plant(case, base, name, seed):
    """The mistake of a kind with numbers of its own for each golden and seed."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), zlib.crc32(case.name.encode())])
    return KINDS[name][1](Draw(case, base, rng))


def size(made, base):
    """By how much of the greatest element of its row what differs first differs; and which that is."""
    for path, right in base.items():
        if path in made and made[path].shape != right.shape:
            return path, np.inf
        if path in made and not np.array_equal(made[path], right, equal_nan=True):
            got, right = np.where(np.isfinite(right), made[path], 0), np.where(np.isfinite(right), right, 0)
            share = np.abs(got - right).max(-1) / np.maximum(np.abs(right).max(-1), 1e-30)
            if not (share <= INVISIBLE).all():
                return path, float(share.max())
    return None, 0.0


def spoken(verdict):
    """Every line of a verdict that names a cause; and what it says of the first operation instead of one."""
    lines = [
        one if isinstance(one, str) else (one or {}).get("name")
        for one in verdict.get("causes") or [verdict.get("cause")]
    ]
    return [line for line in lines if line and line != "unknown"], (verdict.get("first") or {}).get("problem")


def worth(words, problem, plant):
    """right, part, wrong or unknown: what the words say of one mistake.

    Of several causes that a capture cannot tell apart one is enough. What is said of one element alone is never wrong.
    """
    found = {"wrong" if words else "unknown"}
    for text in " / ".join([*words, problem or ""]).split("or, the same here"):
        if not any(matches(text, pattern) for pattern in plant.never):
            found |= {"right"} if holds(text, plant.says) else {"part"} if holds(text, plant.part) else set()
    return next(x for x in ("right", "part", "wrong", "unknown") if x in found)


def verdict_on(words, problem, plants):
    """The same of several at once: right if all are told, part if some are."""
    each = [worth(words, problem, one) for one in plants]
    if len(set(each)) > 1:
        return "part" if {"right", "part"} & set(each) else "wrong"
    return each[0]


def besides(words, plants):
    """The causes that speak of none of the mistakes: of what follows from one, as NaN, or false."""
    return [line for line in words if all(worth([line], None, one) == "wrong" for one in plants)]


def run(golden, base, name, seed, folder):
    """A line of the table, or None where the model has no place for the kind."""
    names = name.split("+")
    try:
        with np.errstate(all="ignore"):
            plants = [plant(golden, base, one, seed) for one in names]
    except NoPlace:
        return None
    changes = {}
    for one in plants:
        if changes.keys() & one.changes.keys():
            return None
        changes |= one.changes
    line = dict(
        kind=name, area=KINDS[names[0]][0], golden=golden.name, seed=seed, told="; ".join(one.told for one in plants)
    )
    with np.errstate(all="ignore"):
        made = Spoilt(golden, changes).run()
    for path in {path for one in plants for path in one.drops}:
        made.pop(path, None)
    line["differs"], line["by"] = size(made, base)
    path = os.path.join(folder, f"{name}-{golden.name}-{seed}.h5")
    golden.write(made, path)
    command = [case.PROGRAM, "diff", golden.path, path, "--trust", path, "--trust", golden.path, "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    os.remove(path)
    if not done.stdout.startswith("{"):
        return line | dict(outcome="error", words=[done.stderr.strip()])
    verdict = json.loads(done.stdout)
    first = (verdict.get("first") or {}).get("path") or ""
    words, problem = spoken(verdict)
    begins = {begin for one in plants for begin in one.begins}
    line |= dict(
        code=done.returncode,
        first=first,
        words=words + [problem] * bool(problem),
        is_there=first in begins or local(first) in begins,
    )
    line["notes"] = [x for x in verdict.get("notes", []) if not x.startswith(("All rows together", "Next token"))]
    if done.returncode == 0:
        return line | dict(outcome="missed" if line["differs"] else "invisible")
    line["besides"] = besides(words, plants)
    return line | dict(
        outcome=verdict_on(words, problem, plants) if done.returncode == 1 else f"code {done.returncode}"
    )
