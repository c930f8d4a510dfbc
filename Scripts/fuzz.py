#!/usr/bin/env python3
"""Gives the program damaged input, and counts what it does with it.

    swift build --build-tests
    python3 Scripts/fuzz.py [--first 0] [--count 10000] [--seed 1] [--only hdf5,manifest,model,gguf,tokenizer,command] [--jobs 2]

Every input is made from a file of this checkout and the seed, and ends in one of two ways: it is read, or refused by one
sentence (exit code 2 of the command). Anything else is counted and kept below .build/fuzz: a crash, more than 20 seconds,
more than 1 GB of memory, a refusal without a sentence, a sentence of more than 400 characters or with something in it
that a terminal would obey.

Files are read by Tests/FuzzProgram, many in one process, and one in --sample also by the command itself, as is every
HDF5 file that its process does not survive: libhdf5 may crash, and the command must not. Only the standard library of
Python is needed. TOUCHSTONE_BUILD names another folder of built programs than .build/debug.
"""

import argparse
import concurrent.futures
import hashlib
import os
import random
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unicodedata

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("TOUCHSTONE_BUILD", os.path.join(ROOT, ".build", "debug")))
TOUCHSTONE = os.path.join(BUILD, "touchstone")
FUZZ_PROGRAM = os.path.join(BUILD, "FuzzProgram")
KEPT = os.path.join(ROOT, ".build", "fuzz")
SECONDS = 20
# So many inputs are a piece of work.
PIECE = 250
MEMORY = 1 << 30
KINDS = ["hdf5", "manifest", "model", "gguf", "tokenizer", "command"]


# Mutations

def mutate_bytes(rng, data, others):
    """A few random changes, of the kinds that find bugs in parsers."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8, 32])):
        at = rng.randrange(len(data)) if data else 0
        size = min(len(data) - at, rng.choice([1, 2, 4, 8, 64, 512]))
        action = rng.randrange(9)
        if action == 0 and data:
            data[at] ^= 1 << rng.randrange(8)
        elif action == 1:
            data[at:at + size] = bytes(rng.randrange(256) for _ in range(size))
        elif action == 2:
            width = rng.choice([1, 2, 4, 8])
            value = rng.choice([0, 1, 2, 127, 128, 255, 1 << 31, (1 << 32) - 1, 1 << 40, 1 << 63, (1 << 64) - 1])
            data[at:at + width] = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
        elif action == 3:
            del data[at:at + size]
        elif action == 4:
            data[at:at] = data[at:at + size] * rng.choice([1, 2, 16])
        elif action == 5:
            del data[at:]
        elif action == 6 and others:
            other = rng.choice(others)
            start = rng.randrange(len(other)) if other else 0
            data[at:at + size] = other[start:start + size]
        elif action == 7:
            data[at:at + size] = bytes(size)
        elif data:
            data[at] = (data[at] + rng.choice([1, 255])) % 256
    return bytes(data)


WORDS = [
    "0", "-1", "1", "1e400", "1e-400", "NaN", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "16777216", "16777217", "1.0", "null", "true", "[]", "{}", '""', '"\\u0000"', '"\\ud800"', '"\\u202e"',
    '"\\u001b[2J"', '"' + "x" * 5000 + '"', "[" * 200, "{\"a\":" * 200, '"../../etc/passwd"', '"F64"', '"I8"', "1" * 400,
]


def mutate_text(rng, data, others):
    """Changes of JSON and of lists: whole values, members and lines; sometimes bytes."""
    if rng.random() < 0.3:
        return mutate_bytes(rng, data, others)
    text = data.decode("utf-8", "surrogateescape")
    for _ in range(rng.choice([1, 1, 2, 4])):
        marks = [i for i, c in enumerate(text) if c in ',:[]{}"\n ']
        if len(marks) < 2:
            break
        a, b = sorted((rng.choice(marks), rng.choice(marks)))
        if rng.random() < 0.8:
            b = next((m for m in marks if m > a), a)
        action = rng.randrange(5)
        if action == 0:
            text = text[:a + 1] + rng.choice(WORDS) + text[b:]
        elif action == 1:
            text = text[:a] + text[b:]
        elif action == 2:
            text = text[:b] + text[a:b] + text[b:]
        elif action == 3:
            text = text[:a]
        else:
            text = text[:a] + rng.choice(WORDS) + text[a:]
    return text.encode("utf-8", "surrogateescape")


# Inputs

def load(*paths):
    contents = []
    for path in paths:
        with open(os.path.join(ROOT, path), "rb") as file:
            contents.append(file.read())
    return contents


def below(folder, suffix, greatest):
    found = []
    for path, _, names in sorted(os.walk(os.path.join(ROOT, folder))):
        for name in sorted(names):
            file = os.path.join(path, name)
            if name.endswith(suffix) and os.path.getsize(file) <= greatest:
                found.append(os.path.relpath(file, ROOT))
    return found


class Inputs:
    """Makes the input number `number` of a kind in a folder, the same from the same seed."""

    def __init__(self, seed):
        self.seed = seed
        self.h5 = load(*below("Tests/TouchstoneGoldenTests/Fixtures", ".h5", 100_000))
        model = "golden/models/gpt2-odd-a/"
        self.model_files = dict(zip(["config.json", "model.safetensors"],
                              load(model + "config.json", model + "model.safetensors")))
        names = ["vocab.json", "merges.txt"]
        converted = "Tests/TouchstoneCheckpointsTests/Fixtures/gguf/"
        self.gguf_files = load(*[converted + name + "/model.gguf" for name in ["llama", "gemma2", "gpt2", "phi3"]])
        self.tokenizer_files = dict(zip(names, load(*["golden/models/shakespeare-gpt2/" + name for name in names])))
        self.golden = load("golden/cases/tiny-vocab3.h5")[0]
        self.manifest_text = load("golden/MANIFEST.json")[0]

    def write(self, kind, number, folder):
        """The path to give to FuzzProgram, and the arguments of the command that reads the same."""
        rng = random.Random(f"{self.seed}/{kind}/{number}")
        return getattr(self, kind)(rng, folder)

    def hdf5(self, rng, folder):
        data = mutate_bytes(rng, rng.choice(self.h5), self.h5)
        path = put(folder, "a.h5", data)
        if rng.random() < 0.5:
            put(folder, "a.h5.sha256", (hashlib.sha256(data).hexdigest() + "  a.h5\n").encode())
        return path, ["inspect", path]

    def manifest(self, rng, folder):
        h5 = rng.choice(self.h5)
        put(folder, "cases/tiny-odd.h5", h5)
        text = self.manifest_text
        if rng.random() < 0.5:
            text = ('{"files": {"cases/tiny-odd.h5": {"bytes": %d, "kind": "golden", "sha256": "%s"}}, "format": '
                    '"touchstone-manifest-1"}' % (len(h5), hashlib.sha256(h5).hexdigest())).encode()
        put(folder, "MANIFEST.json", mutate_text(rng, text, [self.manifest_text]))
        if rng.random() < 0.2:
            put(folder, "cases/tiny-odd.h5.sha256", mutate_text(rng, b"0" * 64 + b"  a\n", []))
        return folder, ["inspect", os.path.join(folder, "cases/tiny-odd.h5")]

    def model(self, rng, folder):
        files = dict(self.model_files)
        data = files["model.safetensors"]
        length = int.from_bytes(data[:8], "little")
        if rng.random() < 0.4:
            # The header alone, its length right, the data where it was.
            header = mutate_text(rng, data[8:8 + length], [])
            files["model.safetensors"] = len(header).to_bytes(8, "little") + header + data[8 + length:]
        elif rng.random() < 0.5:
            files["config.json"] = mutate_text(rng, files["config.json"], [])
        else:
            files["model.safetensors"] = mutate_bytes(rng, data[:rng.choice([length, len(data)])], [])
        if rng.random() < 0.2:
            names = ["a.safetensors", "b.safetensors"]
            files[names[0]] = files.pop("model.safetensors")
            index = '{"metadata": {}, "weight_map": {"wte.weight": "a.safetensors", "wpe.weight": "a.safetensors"}}'
            files["model.safetensors.index.json"] = mutate_text(rng, index.encode(), [])
        for name, contents in files.items():
            put(folder, name, contents)
        return folder, ["generate", "--model", folder, "--prompt", "O", "--max-tokens", "1"]

    def gguf(self, rng, folder):
        data = rng.choice(self.gguf_files)
        # What stands before the numbers is most of these files.
        place = os.path.join(folder, "model.gguf")
        put(folder, "model.gguf", mutate_bytes(rng, data, self.gguf_files))
        return place, ["record", "--model", place, "--tokens", "1,2", "--out", os.path.join(folder, "out.h5")]

    def tokenizer(self, rng, folder):
        files = dict(self.tokenizer_files)
        name = rng.choice(sorted(files))
        files[name] = mutate_text(rng, files[name], [])
        if rng.random() < 0.2:
            files["added_tokens.json"] = mutate_text(rng, b'{"<|endoftext|>": 511, "<|x|>": 512}', [])
        for name, contents in files.items():
            put(folder, name, contents)
        return folder, ["generate", "--model", folder, "--prompt", "O", "--max-tokens", "1"]

    NEEDED = {
        "generate": ["--model", "MODEL", "--prompt", "O"], "record": ["--model", "MODEL", "--tokens", "1,2", "--out", "/o.h5"],
        "capture": ["--golden", "GOLDEN", "--out", "/o.h5"], "diff": ["GOLDEN", "GOLDEN"], "certify": ["GOLDEN"],
        "verify": ["GOLDEN"], "inspect": ["GOLDEN"], "synthesize": ["--preset", "tiny-odd", "--out", "/m"],
        "manifest": ["/"], "anatomy": ["--model", "MODEL"], "embeddings": ["--model", "MODEL", "nearest", "king"],
        "attention": ["--model", "MODEL", "--tokens", "1,2"], "score": ["--model", "MODEL", "--text", "GOLDEN"],
        "specification": [],
    }
    COMMON = ["--json", "--help", "--nothing", "--"]
    SEQUENCE = ["--prompt", "--tokens", "--attention-mask", "--position-ids"]
    OPTIONS = {
        "generate": ["--max-tokens", "--temperature", "--top-k", "--top-p", "--seed", "--implementation", "--picture",
                     "--stop-at-context", "--system", "--show-distribution", "--count", "--overwrite"] + COMMON,
        "record": SEQUENCE + ["--embed-weights", "--overwrite", "--model", "--out"] + COMMON,
        "capture": SEQUENCE + ["--implementation", "--overwrite", "--trust", "--model", "--out", "--golden"] + COMMON,
        "diff": ["--model", "--report", "--junit", "--markdown", "--overwrite", "--trust", "--partial", "--strict"] + COMMON,
        "certify": ["--top-k", "--top-p", "--temperature", "--trust"] + COMMON,
        "verify": ["--exec", "--timeout", "--implementation", "--model", "--trust", "--partial", "--strict"] + COMMON,
        "inspect": ["--trust"] + COMMON, "synthesize": ["--seed", "--preset", "--out"] + COMMON, "manifest": COMMON,
        "anatomy": ["--preset", "--model"] + COMMON, "embeddings": ["--test", "--by", "--count", "--as-written"] + COMMON,
        "attention": SEQUENCE + ["--layer", "--head", "--implementation", "--picture", "--overwrite"] + COMMON,
        "score": ["--text", "--stride", "--implementation", "--summary", "--picture", "--overwrite"] + COMMON,
        "specification": ["--clause", "--checkout"] + COMMON,
    }

    def command(self, rng, folder):
        # Copies: what is damaged here is not the checkout's.
        golden = put(folder, "golden.h5", self.golden)
        model = os.path.join(folder, "model")
        for name, contents in self.model_files.items():
            put(model, name, contents)
        verb = rng.choice(sorted(self.OPTIONS))
        options = self.OPTIONS[verb]
        values = [golden, model, folder, os.path.join(folder, "x"), os.path.join(folder, "x.h5"), "/dev/null", "", "-",
                  "0", "1", "-1", "1,2", "1,,2", "nan", "inf", "1e308", "9223372036854775808", "tiny-odd", "simd",
                  "reference", "\x1b[2J", "\u202e", "x" * 3000, "true {capture}", "exit 77 # {capture}", "nearest", "king"]
        arguments = [verb]
        # What the verb needs, mostly; then more of what it knows, with any value.
        arguments += [golden if a == "GOLDEN" else model if a == "MODEL" else os.path.join(folder, a[1:])
                      if a.startswith("/") else a for a in self.NEEDED[verb] if rng.random() < 0.95]
        for _ in range(rng.randrange(5)):
            if rng.random() < 0.9:
                arguments.append(rng.choice(options))
            if rng.random() < 0.8:
                arguments.append(rng.choice(values))
        return None, arguments


def put(folder, name, data):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    return path


# Running

def limit():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Reader:
    """A FuzzProgram that reads one path after another."""

    def __init__(self, kind):
        self.kind = kind
        self.process = None
        self.peak = 0

    def read(self, path):
        """What it says of the path, and nothing if it does not survive it or takes too long."""
        if self.process is None:
            self.process = subprocess.Popen(
                [FUZZ_PROGRAM, self.kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                preexec_fn=limit)
        self.process.stdin.write(os.fsencode(path) + b"\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], SECONDS)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            self.process.kill()
            self.process.wait()
            self.process = None
            return None
        self.look()
        return line.decode("utf-8", "replace").rstrip("\n")

    def look(self):
        """Keeps the greatest memory that the process has had."""
        try:
            with open(f"/proc/{self.process.pid}/status") as file:
                for line in file:
                    if line.startswith("VmHWM"):
                        self.peak = max(self.peak, 1024 * int(line.split()[1]))
        except OSError:
            pass


def run_command(arguments, folder):
    """Exit code (None where it takes too long), output, errors and peak memory of the command and its child."""
    out, err = os.path.join(folder, ".out"), os.path.join(folder, ".err")
    report = os.path.join(folder, ".mem")
    measure = ("import resource,subprocess,sys;p=subprocess.run(sys.argv[2:]);"
               "open(sys.argv[1],'w').write(str(1024*resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss));"
               "sys.exit(p.returncode if p.returncode>=0 else 128-p.returncode)")
    with open(out, "wb") as o, open(err, "wb") as e:
        try:
            process = subprocess.Popen(
                [sys.executable, "-c", measure, report, TOUCHSTONE] + arguments, stdin=subprocess.DEVNULL, stdout=o,
                stderr=e, preexec_fn=limit, cwd=folder, start_new_session=True)
            code = process.wait(SECONDS + 2)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None, "", "", 0
        except ValueError:
            # An argument with a zero byte, which no program can be given.
            return 64, "", "", 0
    texts = [open(path, "rb").read().decode("utf-8", "replace") for path in (out, err)]
    return code, texts[0], texts[1], int(open(report).read())


def is_harmless(text):
    """Whether a terminal shows the text, and obeys none of it."""
    return all(c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp") or c in "\u200c\u200d" for c in text)


def complaint_about_sentence(text):
    if not text.strip():
        return "silent"
    if len(text) > 400:
        return "a sentence of more than 400 characters"
    return None if is_harmless(text) else "text that a terminal obeys"


def complaint_about_command(kind, result):
    code, output, errors, memory = result
    if code is None:
        return "hang"
    if code not in (0, 1, 2, 3, 64):
        return "crash"
    if memory > MEMORY:
        return "memory"
    if code == 64 or kind == "command" and code == 0:
        # The command line is repeated as it was given.
        return None if output or errors or code == 0 else "silent"
    said = [line for line in errors.split("\n") if line.startswith("touchstone: ")]
    if code == 2 and not said and "REFUSED" not in output:
        return "silent"
    for line in said:
        if complaint_about_sentence(line):
            return complaint_about_sentence(line)
    if code in (1, 3) and not output and not errors:
        return "silent"
    return None if is_harmless(output) else "text that a terminal obeys"


def fuzz(kind, seed, first, last, sample):
    """Counts of outcomes for some of the inputs of a kind."""
    inputs = Inputs(seed)
    reader = Reader(kind)
    counts = {"inputs": 0, "read": 0, "refused": 0, "by the command": 0, "child died": 0, "bad": []}
    base = tempfile.mkdtemp(prefix="touchstone-fuzz-")
    try:
        for number in range(first, last):
            folder = os.path.join(base, "x")
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            path, arguments = inputs.write(kind, number, folder)
            counts["inputs"] += 1
            complaint, by_command = None, kind == "command" or number % sample == 0
            if path is not None:
                said = reader.read(path)
                if said is None and kind in ("hdf5", "manifest"):
                    # What libhdf5 does not survive, a child reads for the command.
                    counts["child died"] += 1
                    by_command = True
                elif said is None:
                    complaint = "crash or hang"
                elif said == "ok":
                    counts["read"] += 1
                else:
                    counts["refused"] += 1
                    complaint = complaint_about_sentence(said)
            if by_command and complaint is None:
                counts["by the command"] += 1
                result = run_command(arguments, folder)
                complaint = complaint_about_command(kind, result)
                if path is None:
                    counts["read" if result[0] in (0, 1, 3) else "refused"] += 1
            if complaint is None and reader.peak > MEMORY:
                complaint, reader.peak = "memory", 0
            if complaint is not None:
                counts["bad"].append(f"{kind} {number}: {complaint}: {' '.join(arguments)[:200]}")
                kept = os.path.join(KEPT, f"{kind}-{seed}-{number}")
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(folder, kept, ignore=lambda *_: [])
    finally:
        if reader.process is not None:
            reader.process.kill()
            reader.process.wait()
        shutil.rmtree(base, ignore_errors=True)
    counts["peak"] = reader.peak
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--first", type=int, default=0, help="the number of the first input, to go on where a run ended")
    parser.add_argument("--count", type=int, default=10_000, help="inputs of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(KINDS), help="kinds, with commas between them")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--sample", type=int, default=50, help="one in so many files goes through the command too")
    options = parser.parse_args()
    os.makedirs(KEPT, exist_ok=True)
    bad = []
    print(f"seed {options.seed}")
    for kind in options.only.split(","):
        start, results = time.time(), []
        last = options.first + options.count
        parts = [(kind, options.seed, first, min(first + PIECE, last), options.sample)
                 for first in range(options.first, last, PIECE)]
        with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
            for future in concurrent.futures.as_completed([pool.submit(fuzz, *part) for part in parts]):
                results.append(future.result())
                if sys.stderr.isatty():
                    print(f"{kind}: {sum(r['inputs'] for r in results)} of {options.count}", end="\r", file=sys.stderr)
        total = {key: sum(r[key] for r in results) for key in results[0] if key not in ("bad", "peak")}
        problems = [line for r in results for line in r["bad"]]
        bad += problems
        print(f"{kind}: " + ", ".join(f"{value} {key}" for key, value in total.items())
              + f", {len(problems)} bad, peak {max(r['peak'] for r in results) >> 20} MiB, {time.time() - start:.0f} s",
              flush=True)
        for line in problems[:20]:
            print("  " + line.encode("unicode_escape").decode(), flush=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
