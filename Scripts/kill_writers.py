#!/usr/bin/env python3
"""Kills the program while it writes, at many moments, and looks at what is left.

    swift build
    python3 Scripts/kill_writers.py [--count 300] [--seed 1]

Each writer runs once to its end, which gives the bytes that are right and the time it takes. Then it is ended at random
moments of that time, by KILL, TERM and INT in turn. Under a final name there must be either nothing or the right bytes;
after TERM and INT nothing else may be left, neither beside it nor among the temporary files. TOUCHSTONE_BUILD names another folder of the program than .build/debug.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("TOUCHSTONE_BUILD", os.path.join(ROOT, ".build", "debug"))
TOUCHSTONE = os.path.join(BUILD, "touchstone")
GOLDEN = os.path.join(ROOT, "golden/cases/shakespeare-short.h5")
MODEL = os.path.join(ROOT, "golden/models/shakespeare-gpt2")
TOKENS = ",".join(["1"] * 128)

# Arguments, `{}` for the folder; what is in the folder before; the final names.
WRITERS = {
    "record": (["record", "--model", MODEL, "--tokens", TOKENS, "--embed-weights", "--out", "{}/a.h5"], [],
               ["a.h5", "a.h5.sha256"]),
    "capture": (["capture", "--golden", GOLDEN, "--model", MODEL, "--out", "{}/a.h5"], [], ["a.h5"]),
    "synthesize": (["synthesize", "--preset", "tiny-large", "--out", "{}/model"], [],
                   ["model/config.json", "model/model.safetensors"]),
    "manifest": (["manifest", "{}"], [GOLDEN], ["MANIFEST.json"]),
    "attention": (["attention", "--model", MODEL, "--tokens", TOKENS, "--picture", "{}/a.svg"], [], ["a.svg"]),
    "verify --exec": (["verify", GOLDEN, "--exec",
                       f"'{TOUCHSTONE}' capture --model {{model}} --golden {{golden}} --out {{capture}}"], [], []),
}


def files(folder):
    found = {}
    for path, folders, names in os.walk(folder):
        for name in folders:
            found.setdefault(os.path.relpath(os.path.join(path, name), folder) + "/", None)
        for name in names:
            file = os.path.join(path, name)
            with open(file, "rb") as contents:
                found[os.path.relpath(file, folder)] = contents.read()
    return found


def start(writer, base):
    """Starts the writer in a fresh folder."""
    arguments, before, _ = WRITERS[writer]
    shutil.rmtree(base, ignore_errors=True)
    folder, temporary = os.path.join(base, "out"), os.path.join(base, "tmp")
    os.makedirs(folder)
    os.makedirs(temporary)
    for file in before:
        shutil.copy(file, folder)
    process = subprocess.Popen(
        [TOUCHSTONE] + [a.replace("{}", folder) for a in arguments], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ, TMPDIR=temporary),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    return process, folder, temporary


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=300, help="moments for all writers together")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    base = tempfile.mkdtemp(prefix="touchstone-kill-")
    right, seconds = {}, {}
    for writer in WRITERS:
        begin = time.time()
        process, folder, _ = start(writer, base)
        if process.wait() != 0:
            sys.exit(f"{writer} fails by itself")
        seconds[writer] = time.time() - begin
        right[writer] = files(folder)
    bad, whole, ended, killed = [], 0, 0, {"KILL": 0, "TERM": 0, "INT": 0}
    for number in range(options.count):
        writer = list(WRITERS)[number % len(WRITERS)]
        name = list(killed)[number // len(WRITERS) % 3]
        delay = rng.uniform(0, 1.1 * seconds[writer])
        process, folder, temporary = start(writer, base)
        time.sleep(delay)
        process.send_signal(getattr(signal, "SIG" + name))
        code = process.wait()
        killed[name] += 1
        if code == 0:
            ended += 1
        elif code != -getattr(signal, "SIG" + name):
            bad.append(f"{writer}, {name} after {delay:.4f} s: ends with {code}")
        before = [os.path.basename(file) for file in WRITERS[writer][1]]
        for file, contents in files(folder).items():
            if file in before:
                continue
            if right[writer].get(file, b"") == contents and file in right[writer] and not file.endswith("/"):
                whole += 1
            elif name == "KILL" and (".partial-" in file or file.endswith("/")):
                pass
            elif file.endswith("/") and any(f.startswith(file) and not f.endswith("/") for f in files(folder)):
                # Its files are looked at one by one.
                pass
            else:
                bad.append(f"{writer}, {name} after {delay:.4f} s: leaves {file}, not whole")
        if name != "KILL" and files(temporary):
            bad.append(f"{writer}, {name} after {delay:.4f} s: leaves {sorted(files(temporary))}")
    shutil.rmtree(base, ignore_errors=True)
    print(f"seed {options.seed}: {options.count} moments ({', '.join(f'{v} {k}' for k, v in killed.items())}), "
          f"{ended} after the end, {whole} whole files under their names, {len(bad)} bad")
    for line in bad:
        print("  " + line)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
