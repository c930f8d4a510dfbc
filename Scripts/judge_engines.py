"""Runs the engines that touchstone_capture knows, in every mode, on goldens of this repository, and prints the table of
Docs/Measured.md: how many names were compared, which verdicts there are, and the causes of those not consistent. From the
root of a checkout that has been built:

    python Scripts/judge_engines.py [--goldens tiny-bloom,shakespeare-*] [--modes torch,openvino] [--keep FOLDER]

What the Python lacks is left out, and said. torch.compile needs a C++ compiler besides. `--keep` keeps the captures that
are not consistent, with their verdicts.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import fnmatch
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Scripts" / "capture"))

import touchstone_capture.__main__ as command  # noqa: E402
from touchstone_capture import CaptureError, Golden, Model  # noqa: E402
from touchstone_capture.embedded import write_folder  # noqa: E402

TOUCHSTONE = os.environ.get("TOUCHSTONE", str(ROOT / ".build" / "debug" / "touchstone"))

#: Goldens that name the folder of their weights.
MODELS = {"shakespeare-*": "shakespeare-gpt2", "gpt2-odd-a": "gpt2-odd-a"}

#: One of each family by default, and of GPT-2's form the trained model; llama.cpp, which takes no mask, has others.
GOLDENS = (
    "shakespeare-short,shakespeare-padded,gpt2-odd-a,tiny-bloom-norms,tiny-falcon-groups,tiny-gemma-biases,tiny-gemma2,"
    "tiny-gemma3,tiny-gptj,tiny-imagegpt-layers,tiny-llama-yarn,tiny-mistral,tiny-mpt-clipped,tiny-neox,"
    "tiny-olmo2-biases,tiny-opt-post,tiny-phi-norms,tiny-phi3-half,tiny-qwen2-window,tiny-qwen3-window,tiny-starcoder2"
)
UNMASKED = (
    "shakespeare-short,tiny-bloom,tiny-erf,tiny-falcon,tiny-gemma,tiny-gemma2,tiny-gemma3,tiny-llama3,tiny-mistral,"
    "tiny-mpt,tiny-neox,tiny-olmo2,tiny-phi,tiny-qwen3,tiny-starcoder2"
)

_ONNX = [
    *[("onnxruntime", f"--optimization {level}") for level in ("disable", "basic", "extended", "layout", "all")],
    ("openvino", ""), ("onnx-reference", ""),
]  # fmt: skip
ONNX_MODES = [*_ONNX, *[(engine, f"{options} --dtype float16".strip()) for engine, options in _ONNX]]
MODES = [
    *[("torch", f"--dtype {dtype}{more}") for dtype in ("float32", "bfloat16", "float16")
      for more in ("", " --attention sdpa", " --prefill 5")],
    ("torch", "--export"), ("torch", "--compile"), ("torch", "--compile --attention sdpa --dtype bfloat16"),
    *ONNX_MODES,
    *[("llama.cpp", f"--weights {kind}") for kind in ("f32", "f16", "bf16", "q8_0")],
    *[("llama.cpp", f"--cache-type {kind} --flash-attention") for kind in ("f32", "f16", "bf16", "q8_0")],
    ("llama.cpp", "--cache-type f16"), ("llama.cpp", "--prefill 5"),
]  # fmt: skip


def folders(goldens: list[Path], work: Path) -> dict[Path, str]:
    """The Hugging Face folder of each golden."""
    found = {}
    for golden in goldens:
        named = next((name for pattern, name in MODELS.items() if fnmatch.fnmatch(golden.stem, pattern)), None)
        found[golden] = str(ROOT / "golden" / "models" / named) if named else str(work / golden.stem)
        if named is None:
            os.makedirs(found[golden])
            write_folder(Golden.read(golden), found[golden])
    return found


def captured(engine: str, options: list[str], model: str, golden: Path, out: Path) -> str | None:
    """Writes a capture; None, or why there is none."""
    output, errors = io.StringIO(), io.StringIO()
    arguments = [
        "--engine",
        engine,
        "--model",
        model,
        "--golden",
        str(golden),
        "--out",
        str(out),
        "--replace",
        *options,
    ]
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            code = command.main(arguments)
        except Exception as error:  # of an engine, in its own kind
            return f"{type(error).__name__}: {str(error).strip().splitlines()[0][:160] if str(error).strip() else ''}"
    said = [line for line in errors.getvalue().splitlines() if line.startswith("touchstone_capture:")]
    return None if code == 0 else (said[-1] if said else errors.getvalue().strip())[:300]


def judged(golden: Path, capture: Path, model: str) -> tuple[int, str]:
    """The exit code of `diff` and what it prints."""
    done = subprocess.run(
        [TOUCHSTONE, "diff", str(golden), str(capture), "--model", model], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def first_lines(verdict: str) -> str:
    """The operation in which the difference begins, and the cause."""
    lines = verdict.splitlines() or ["nothing is said"]
    begins = re.sub(r"\s+", " ", lines[0]).split(";")[0]
    cause = next(
        (re.split("  \\(|; or, |, in ", line.split("cause: ", 1)[1])[0] for line in lines if "cause: " in line), ""
    )
    place = re.sub(r"layers/\d+/", "", begins.removeprefix("MISMATCH ").split(" introduced")[0])
    if begins.startswith("MISMATCH"):
        return f"{place}: {cause or 'no cause'}"
    return " ".join(begins.split()[:4])


def shortened(reason: str, golden: str) -> str:
    """Why a golden was left out, without the names that differ from one to the next."""
    said = re.sub(r"/\S*/", "", reason.removeprefix("touchstone_capture: ").removeprefix("not supported: "))
    said = re.sub(rf"^{re.escape(golden)}(\.h5)?: |transformers \S+ does not load it |\w+For\w+ ", "", said)
    return re.split(r"[.;] ", said)[0].strip("() ")


def exported(model: str, options: list[str], work: Path) -> str:
    """One ONNX file for all runs of a model in a type."""
    from touchstone_capture.engine import Options
    from touchstone_capture.onnx_export import export

    dtype = options[options.index("--dtype") + 1] if "--dtype" in options else "float32"
    path = work / f"{Path(model).name}-{dtype}.onnx"
    if not path.exists():
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            export(Options(model, dtype=dtype), str(path))
    return str(path)


def prepared(engine: str, options: list[str], model: str, golden: Path, work: Path) -> tuple[str, Path, list[str]]:
    """What the engine is given, the golden to judge by, and the options; rounded weights have a golden of their own."""
    if (engine, " ".join(options)) in ONNX_MODES:
        return exported(model, options, work), golden, options
    if engine != "llama.cpp" or "--weights" not in options or "f32" in options:
        return model, golden, options
    from touchstone_capture.gguf_writing import write_gguf

    file, own = work / "model.gguf", work / "own.h5"
    write_gguf(Model(model), Golden.read(golden), str(file), options[1])
    arguments = ["record", "--model", str(file), "--inputs", str(golden), "--out", str(own), "--overwrite"]
    done = subprocess.run([TOUCHSTONE, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CaptureError(golden.stem, done.stderr.strip()[:200], "see touchstone record")
    return str(file), own, options[2:]


def row(engine: str, options: str, goldens: dict[Path, str], work: Path, keep: str | None) -> str:
    """One row of the table."""
    names = due = consistent = 0
    deviating, left_out = collections.defaultdict(list), collections.defaultdict(list)
    for golden, model in goldens.items():
        out = work / "capture.h5"
        try:
            source, own, given = prepared(engine, options.split(), model, golden, work)
            reason = captured(engine, given, source, own, out)
        except Exception as error:  # of the exporter, or of what rounds the weights
            reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:160] if str(error).strip() else ''}"
        if reason is not None:
            left_out[shortened(reason, golden.stem)].append(golden.stem)
            continue
        code, verdict = judged(own, out, source if source.endswith(".gguf") else model)
        names += len(set(Golden.read(out).shapes) & set(Golden.read(golden).shapes))
        due += len(Golden.read(golden).shapes)
        if code == 0:
            consistent += 1
            continue
        deviating[first_lines(verdict)].append(golden.stem)
        if keep:
            tag = f"{golden.stem}__{engine}_{options.replace('--', '').replace(' ', '_')}"
            shutil.copy(out, Path(keep, f"{tag}.h5"))
            Path(keep, f"{tag}.txt").write_text(verdict)
    told = [f"{', '.join(some)}: {cause}" for cause, some in deviating.items()]
    missing = [f"left out: {', '.join(some)} ({reason})" for reason, some in left_out.items()]
    runs = len(goldens) - sum(map(len, left_out.values()))
    return f"| {engine} | {options} | {names} of {due} | {consistent} of {runs} | {'; '.join(told + missing) or '—'} |"


def main() -> int:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--goldens", help="patterns of names in golden/cases, in place of one of each family")
    made.add_argument("--modes", default="", help="texts of which a mode must hold one: torch,openvino,--prefill")
    made.add_argument("--keep")
    given = made.parse_args()
    warnings.filterwarnings("ignore")
    cases = ROOT / "golden" / "cases"
    wanted = {engine: given.goldens or (UNMASKED if engine == "llama.cpp" else GOLDENS) for engine, _ in MODES}
    listed = {name: {path for part in wanted[name].split(",") for path in cases.glob(f"{part}.h5")} for name in wanted}
    if given.keep:
        os.makedirs(given.keep, exist_ok=True)
    print("| engine | mode | names compared | consistent goldens | the others |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        found = folders(sorted(set().union(*listed.values())), Path(folder))
        for engine, options in MODES:
            if any(text in f"{engine} {options}" for text in given.modes.split(",")):
                some = {path: found[path] for path in sorted(listed[engine])}
                print(row(engine, options, some, Path(folder), given.keep), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
