"""Whether two builds of the program do the same: what a change of structure must not change.

usage: python Scripts/compare_programs.py OLD NEW [--pairs FILE] [--power GOLDENS] [--only PARTS]
OLD and NEW are programs. From the root of a checkout, with both:
  record    every bundled golden is recorded again: the same bytes
  capture   every bundled golden is captured by the SIMD implementation: the same bytes
  diff      each of these captures, and each pair of a golden and a capture that FILE names on a line (with flags behind
            them), is judged: the same exit code and the same `--json`
  power     every fault is planted on each of the goldens that --power names, two of GPT-2 models unless given, and each
            figure of `power --json` is compared by name: of a family, of a fault that is missed somewhere, of a total
  help      the verbs and their flags
--only takes some of these, with commas between them. Exit code 0 where nothing differs, else 1. Prints what differs,
and the time each program took.
"""
import argparse, json, os, pathlib, shutil, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PARTS = ["record", "capture", "diff", "power", "help"]


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("programs", nargs=2)
    parser.add_argument("--pairs")
    parser.add_argument("--power", default="golden/cases/tiny-odd.h5 golden/cases/shakespeare-short.h5")
    parser.add_argument("--only", default=",".join(PARTS))
    chosen = parser.parse_args()
    unknown = set(chosen.only.split(",")) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return chosen


class Comparison:
    """Runs the same arguments with both programs, and counts what differs."""

    def __init__(self, programs, scratch):
        self.programs = [str(pathlib.Path(program).resolve()) for program in programs]
        self.scratch = [scratch / "old", scratch / "new"]
        for folder in self.scratch:
            folder.mkdir()
        self.seconds = [0.0, 0.0]
        self.compared = 0
        self.differing = 0
        self.goldens = None

    def run(self, *words, place=None):
        """Each program's exit code and output. OUT in a word stands for the program's own scratch folder."""
        results = []
        for index, program in enumerate(self.programs):
            own = [str(word).replace("OUT", str(self.scratch[index])) for word in words]
            begin = time.monotonic()
            run = subprocess.run([program, *own], capture_output=True, text=True, cwd=place or ROOT)
            self.seconds[index] += time.monotonic() - begin
            results.append((run.returncode, run.stdout, run.stderr))
        return results

    def same(self, what, old, new):
        self.compared += 1
        if old == new:
            return True
        self.differing += 1
        print(f"differs: {what}", flush=True)
        if isinstance(old, str) and isinstance(new, str):
            lines = [(a, b) for a, b in zip(old.splitlines(), new.splitlines()) if a != b][:2]
            for a, b in lines:
                print(f"  old: {a[:300]}\n  new: {b[:300]}")
            if not lines:
                print(f"  {len(old.splitlines())} lines and {len(new.splitlines())}")
        else:
            print(f"  old: {str(old)[:300]}\n  new: {str(new)[:300]}")
        return False

    def done(self, part):
        print(f"{part}: {self.compared} compared, {self.differing} differ; "
              f"{self.seconds[0]:.1f} s and {self.seconds[1]:.1f} s", flush=True)
        failed = self.differing > 0
        self.seconds, self.compared, self.differing = [0.0, 0.0], 0, 0
        return failed


def goldens(comparison):
    """The bundled goldens that the old program can read; which it cannot is said once."""
    if comparison.goldens is None:
        places = sorted((ROOT / "golden/cases").glob("*.h5")) + sorted((ROOT / "golden/probes").glob("*.h5"))
        reads = [subprocess.run([comparison.programs[0], "inspect", place], capture_output=True).returncode == 0
                 for place in places]
        comparison.goldens = [place for place, known in zip(places, reads) if known]
        for place, known in zip(places, reads):
            if not known:
                print(f"left out: the old program cannot read {place.name}", flush=True)
    return comparison.goldens


def record(comparison):
    """golden/record.sh by both, golden by golden, each in a copy of what it needs."""
    copies = [folder / "checkout" for folder in comparison.scratch]
    manifest = "Sources/TouchstoneGolden/Trust/BundledManifest.swift"
    for copy in copies:
        shutil.copytree(ROOT / "golden", copy / "golden", ignore=shutil.ignore_patterns("*.h5*"))
        (copy / manifest).parent.mkdir(parents=True)
        shutil.copy(ROOT / manifest, copy / manifest)
    for golden in goldens(comparison):
        place = golden.relative_to(ROOT)
        recorded, codes = [], []
        for index, (copy, program) in enumerate(zip(copies, comparison.programs)):
            begin = time.monotonic()
            run = subprocess.run(["sh", "golden/record.sh", golden.stem], cwd=copy, capture_output=True,
                                 env={**os.environ, "TOUCHSTONE": program})
            comparison.seconds[index] += time.monotonic() - begin
            codes.append(run.returncode)
            recorded.append((copy / place).read_bytes() if run.returncode == 0 else None)
        comparison.same(f"record {place}: exit codes", [0, 0], codes)
        comparison.same(f"record {place}", *recorded)
    return comparison.done("record")


def capture(comparison):
    for golden in goldens(comparison):
        codes = comparison.run("capture", "--golden", golden, *model(golden), "--out", f"OUT/{golden.name}", "--overwrite")
        comparison.same(f"capture {golden.name}", codes[0][0], codes[1][0])
        old, new = [(folder / golden.name).read_bytes() for folder in comparison.scratch]
        comparison.same(f"capture {golden.name}: bytes", old, new)
    return comparison.done("capture")


def model(golden):
    name = "shakespeare-gpt2" if golden.name.startswith("shakespeare") else "gpt2-odd-a"
    return ["--model", ROOT / "golden/models" / name] if golden.name.startswith(("shakespeare", "gpt2-odd")) else []


def diff(comparison, pairs):
    for golden in goldens(comparison):
        own = comparison.scratch[0] / golden.name
        if not own.exists():
            comparison.run("capture", "--golden", golden, *model(golden), "--out", own)
        judged(comparison, golden.name, [golden, own])
    for line in pathlib.Path(pairs).read_text().splitlines() if pairs else []:
        if line.strip() and not line.startswith("#"):
            judged(comparison, line, line.split())
    return comparison.done("diff")


def judged(comparison, what, words):
    old, new = comparison.run("diff", "--json", *words)
    comparison.same(f"diff {what}: exit code", old[0], new[0])
    comparison.same(f"diff {what}: --json", old[1], new[1])
    comparison.same(f"diff {what}: standard error", old[2], new[2])


def power(comparison, places):
    for place in places.split():
        results = comparison.run("power", "--json", place)
        old, new = [flat(json.loads(text)) if code == 0 else {"refused": errors} for code, text, errors in results]
        for name in sorted(old.keys() | new.keys()):
            comparison.same(f"power {place}: {name}", old.get(name), new.get(name))
    return comparison.done("power")


def flat(value, name=""):
    """A document as its figures, each by the names that lead to it; a list is what it holds, in any order."""
    if isinstance(value, dict):
        return {leaf: figure for key in value for leaf, figure in flat(value[key], f"{name}/{key}").items()}
    if isinstance(value, list):
        return {f"{name}/{json.dumps(entry, sort_keys=True)}": True for entry in value}
    # Sums are taken in an order of threads.
    return {name: float(f"{value:.9g}") if isinstance(value, float) else value}


def help(comparison):
    old = comparison.run("--help")[0][1]
    verbs = [line.split()[0] for line in old.split("SUBCOMMANDS:")[-1].splitlines() if line.startswith("  ") and line[2:3].isalpha()]
    for verb in verbs:
        texts = [set(word for word in text.split() if word.startswith(("--", "[--"))) for _, text, _ in comparison.run(verb, "--help")]
        comparison.same(f"help {verb}: a flag is gone", set(), texts[0] - texts[1])
    return comparison.done("help")


def main():
    chosen = arguments()
    only = chosen.only.split(",")
    with tempfile.TemporaryDirectory() as scratch:
        comparison = Comparison(chosen.programs, pathlib.Path(scratch))
        parts = {
            "record": lambda: record(comparison), "capture": lambda: capture(comparison),
            "diff": lambda: diff(comparison, chosen.pairs), "power": lambda: power(comparison, chosen.power),
            "help": lambda: help(comparison),
        }
        failed = [part for part in PARTS if part in only and parts[part]()]
    sys.exit(1 if failed else 0)


main()
