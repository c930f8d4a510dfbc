"""Real engines through the command line, judged by `touchstone diff`. Each is skipped, with its reason, where it is not
installed; so are all where the program is not built (TOUCHSTONE names it)."""

import contextlib
import importlib.util
import io
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import h5py

import touchstone_capture as tc
from touchstone_capture.__main__ import main

from .samples import CHECKOUT, GOLDENS, TOUCHSTONE

SHAKESPEARE = GOLDENS / "models" / "shakespeare-gpt2"
ODD = GOLDENS / "models" / "gpt2-odd-a"
CASES = GOLDENS / "cases"

TORCH = ["torch", "transformers"]
ONNX = [*TORCH, "onnx", "onnxscript"]

#: What runs, what it needs, how many activations of the 66 it hands out, and what is due of it: a deviation is named.
RUNS = [
    ("torch", "", TORCH, 66, None),
    ("torch", "--attention sdpa", TORCH, 58, None),
    ("torch", "--prefill 5", TORCH, 66, None),
    ("torch", "--attention sdpa --prefill 1", TORCH, 58, None),
    ("torch", "--export", TORCH, 66, None),
    ("torch", "--compile", TORCH, 66, None),
    ("torch", "--dtype bfloat16", TORCH, 66, None),
    ("torch", "--dtype float16", TORCH, 66, None),
    ("onnxruntime", "--optimization disable", [*ONNX, "onnxruntime"], 66, None),
    ("onnxruntime", "--optimization all", [*ONNX, "onnxruntime"], 66, None),
    ("openvino", "", [*ONNX, "openvino"], 66, None),
    ("onnx-reference", "", ONNX, 66, None),
    ("llama.cpp", "", ["llama_cpp", "gguf"], 73, "GELU through a half-precision table"),
    ("llama.cpp", "--cache-type f16", ["llama_cpp", "gguf"], 73, "GELU through a half-precision table"),
    ("llama.cpp", "--flash-attention --cache-type f16", ["llama_cpp", "gguf"], 65, "attn_context"),
    ("llama.cpp", "--prefill 7", ["llama_cpp", "gguf"], 73, "GELU through a half-precision table"),
    ("llama.cpp", "--weights f16", ["llama_cpp", "gguf"], 73, "the table is rounded to float16"),
]

LLAMA = ["llama_cpp", "gguf"]

#: The same of goldens that bring their weights: every family by PyTorch, some by the others.
FAMILY_RUNS = [
    *[("torch", "", TORCH, f"tiny-{name}", None) for name in (
        "bloom-norms", "falcon", "falcon-groups", "gemma", "gemma2-listed", "gemma3-capped", "gptj-tied",
        "imagegpt-layers", "llama-yarn", "mistral", "mpt-clipped", "neox", "neox-sequence", "olmo2", "opt", "opt-post",
        "phi-norms", "phi3-half", "qwen2-window", "qwen3-window", "starcoder2")],
    *[("torch", "--prefill 5", TORCH, f"tiny-{name}", None) for name in ("bloom", "gemma2", "mpt", "phi3-half")],
    ("torch", "--dtype bfloat16", TORCH, "tiny-gptj", None),
    ("torch", "--attention sdpa", TORCH, "tiny-qwen2", None),
    ("torch", "--export", TORCH, "tiny-gemma2", None),
    ("onnxruntime", "", [*ONNX, "onnxruntime"], "tiny-gemma3", None),
    ("openvino", "", [*ONNX, "openvino"], "tiny-falcon-groups", None),
    ("onnx-reference", "", ONNX, "tiny-qwen3", None),
    *[("llama.cpp", "", LLAMA, f"tiny-{name}", None) for name in ("llama3", "olmo2", "qwen3")],
    ("llama.cpp", "--prefill 5", LLAMA, "tiny-llama3", None),
    ("llama.cpp", "", LLAMA, "tiny-gemma", "GELU through a half-precision table"),
    ("llama.cpp", "", LLAMA, "tiny-bloom", "GELU through a half-precision table"),
    ("llama.cpp", "", LLAMA, "tiny-mistral", "there is no window"),
    ("llama.cpp", "", LLAMA, "tiny-gemma2", "scores are divided by √d instead of"),
]  # fmt: skip

#: What other engines than PyTorch leave out, by the last part of the name.
UNSEEN = {
    "--attention sdpa": {"attn_scores", "attn_probs"}, "mpt --prefill 5": {"attn_scores", "attn_bias"},
    "llama.cpp": {"probs", "mlp_act"}, "llama.cpp bloom": {"probs", "attn_scores", "attn_bias"},
}  # fmt: skip


def missing(modules):
    return [module for module in modules if importlib.util.find_spec(module) is None]


def run(*arguments):
    """The command line: its exit code, output and errors."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code
    return code, output.getvalue(), errors.getvalue()


class Engines(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = Path(folder.name) / "capture.h5"

    def needs(self, *modules):
        if missing(modules):
            self.skipTest(f"{', '.join(missing(modules))} not installed")
        if TOUCHSTONE is None:
            self.skipTest("touchstone is not built; TOUCHSTONE names it")

    def judged(self, golden, model):
        """The verdict on the capture: exit code and text."""
        done = subprocess.run(
            [TOUCHSTONE, "diff", golden, self.out, "--model", model], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def check(self, engine, options, modules, count, cause):
        self.needs(*modules)
        if (
            "--compile" in options
            and not os.environ.get("CXX")
            and subprocess.call(["sh", "-c", "command -v c++ >/dev/null"])
        ):
            self.skipTest("torch.compile needs a C++ compiler")
        case = "shakespeare-short.h5" if engine == "llama.cpp" else "shakespeare-padded.h5"
        code, said, errors = run(
            "--engine", engine, "--model", SHAKESPEARE, "--golden", CASES / case, "--out", self.out, *options.split()
        )
        self.assertEqual((code, f": {count} activations of" in said), (0, True), said + errors)
        code, verdict = self.judged(CASES / case, SHAKESPEARE)
        self.assertEqual(code, 0 if cause is None else 1, verdict)
        if cause is not None:
            self.assertIn(cause, verdict)
        with h5py.File(self.out) as file:
            self.assertEqual(file["model"].attrs["weights_sha256"].decode(), tc.Model(SHAKESPEARE).weights_sha256)

    def check_family(self, engine, options, modules, case, cause):
        self.needs(*modules)
        path = CASES / f"{case}.h5"
        code, said, errors = run("--engine", engine, "--golden", path, "--out", self.out, *options.split())
        self.assertEqual(code, 0, said + errors)
        due, found = set(tc.Golden.read(path).shapes), set(tc.Golden.read(self.out).shapes)
        unseen = set()
        for words, parts in UNSEEN.items():
            if all(word in f"{engine} {case} {options}" for word in words.split(" ")):
                unseen |= parts
        self.assertLessEqual({name.rpartition("/")[2] for name in due - found}, unseen)
        self.assertLessEqual({name.rpartition("/")[2] for name in found - due}, {"k_cache", "v_cache"})
        done = subprocess.run([TOUCHSTONE, "diff", path, self.out], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0 if cause is None else 1, done.stdout + done.stderr)
        self.assertIn(cause or "CONSISTENT", done.stdout)

    def test_an_engine_that_aborts_takes_nothing_with_it(self):
        self.needs(*LLAMA)
        path = CASES / "tiny-heads1.h5"  # heads one column wide, for which ggml has no product
        code, _, errors = run("--engine", "llama.cpp", "--golden", path, "--out", self.out)
        self.assertEqual((code, "ASSERT" in errors, self.out.exists()), (77, True, False), errors)

    def test_a_mistake_in_the_model_is_found(self):
        self.needs(*TORCH)
        import torch
        import transformers

        from touchstone_capture.huggingface import capture

        model = transformers.GPT2LMHeadModel.from_pretrained(ODD, attn_implementation="eager")
        with torch.no_grad():
            model.transformer.h[1].ln_2.eps = 1e-3
        capture(model, CASES / "gpt2-odd-a.h5", self.out)
        code, verdict = self.judged(CASES / "gpt2-odd-a.h5", ODD)
        self.assertEqual(code, 1)
        self.assertTrue(verdict.startswith("MISMATCH  layers/001/ln_2"), verdict)

    def test_other_weights_than_the_goldens_are_told(self):
        self.needs(*TORCH)
        with tempfile.TemporaryDirectory() as folder:
            for name in ["config.json", "model.safetensors"]:
                data = (ODD / name).read_bytes()
                Path(folder, name).write_bytes(data if name == "config.json" else data[:-1] + bytes([data[-1] ^ 1]))
            code, _, errors = run(
                "--engine", "torch", "--model", folder, "--golden", CASES / "gpt2-odd-a.h5", "--out", self.out
            )
        self.assertEqual((code, "other weights" in errors), (0, True), errors)

    def test_a_model_of_ones_own_by_taps(self):
        self.needs(*TORCH)
        import torch
        import transformers

        from touchstone_capture.torch_hooks import Observed, Tap

        golden = tc.Golden.read(CASES / "gpt2-odd-a.h5")
        model = transformers.GPT2LMHeadModel.from_pretrained(ODD).eval()
        taps = {"layers/{i}/mlp_out": Tap("transformer.h.{i}.mlp"), "final/logits": Tap("lm_head", layout="BTV")}
        observed = Observed(model, taps, golden)
        names = tc.write(golden, observed(torch.tensor(golden.token_ids[None].astype("int64"))), self.out)
        self.assertEqual(names, [f"layers/{i:03}/mlp_out" for i in range(3)] + ["final/logits"])
        self.assertEqual(self.judged(CASES / "gpt2-odd-a.h5", ODD)[0], 0)
        with self.assertRaises(tc.CaptureError):
            Observed(model, {"final/ln_f": Tap("transformer.norm")}, golden)

    def test_values_of_another_onnx_file_by_their_names(self):
        self.needs(*ONNX, "onnxruntime")
        import onnx

        from touchstone_capture.engine import Options
        from touchstone_capture.onnx_export import export

        path = str(self.out.with_name("model.onnx"))
        export(Options(str(ODD)), path)
        model = onnx.load(path)
        kept = [output for output in model.graph.output if output.name == "final/logits"]
        del model.graph.output[:]
        model.graph.output.extend(kept)
        onnx.save(model, path)
        golden = CASES / "gpt2-odd-a.h5"
        code, said, _ = run("--engine", "onnxruntime", "--model", path, "--golden", golden, "--out", self.out)
        self.assertEqual((code, ": 1 activations" in said), (0, True), said)
        Path(path + ".names.json").write_text(
            '{"layers/{i}/ln_2": "layers/00{i}/ln_2", "layers/0/q": {"value": "layers/000/q", "layout": "HTd"}}'
        )
        code, said, errors = run(
            "--engine", "onnxruntime", "--model", path, "--golden", golden, "--out", self.out, "--replace"
        )
        self.assertEqual((code, ": 5 activations" in said), (0, True), said + errors)
        Path(path + ".names.json").write_text('{"layers/0/ln_2": "nothing"}')
        code, _, errors = run(
            "--engine", "onnxruntime", "--model", path, "--golden", golden, "--out", self.out, "--replace"
        )
        self.assertEqual((code, "has no value nothing" in errors), (2, True), errors)


class CommandLine(unittest.TestCase):
    """What is refused without any engine."""

    def refused(self, code, word, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            found, _, errors = run(*arguments, "--out", Path(folder, "capture.h5"))
            self.assertEqual((found, word in errors), (code, True), errors)
            self.assertEqual(os.listdir(folder), [])

    def test_bad_arguments(self):
        self.refused(2, "cannot be read", "--engine", "torch", "--model", ODD, "--golden", "none.h5")
        self.refused(2, "no list of integers", "--engine", "torch", "--model", ODD, "--tokens", "1,x")
        self.refused(2, "config.json", "--engine", "torch", "--model", "nowhere", "--tokens", "1,2")
        self.refused(2, "invalid choice", "--engine", "none", "--model", ODD, "--tokens", "1,2")

    def test_an_engine_that_is_not_installed_says_how_to_install_it(self):
        for engine, modules in [("torch", TORCH), ("onnxruntime", ["onnx"]), ("llama.cpp", ["llama_cpp"])]:
            if any(importlib.util.find_spec(module) is None for module in modules):
                with self.subTest(engine):
                    self.refused(2, "pip install", "--engine", engine, "--model", ODD, "--tokens", "1,2")

    def test_what_an_engine_does_not_offer_is_exit_code_77(self):
        if importlib.util.find_spec("llama_cpp") is None:
            self.skipTest("llama_cpp not installed")
        self.refused(
            77,
            "no attention mask",
            "--engine",
            "llama.cpp",
            "--model",
            SHAKESPEARE,
            "--golden",
            CASES / "shakespeare-padded.h5",
        )


class Example(unittest.TestCase):
    """Examples/engine.py by itself; .ci/capture puts it through every golden."""

    def test_it_says_what_it_does_not_offer(self):
        spec = importlib.util.spec_from_file_location("engine", CHECKOUT / "Examples" / "engine.py")
        engine = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(engine)
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder, "model")
            model.mkdir()
            config = (ODD / "config.json").read_text().replace("gelu_new", "silu")
            (model / "config.json").write_text(config)
            (model / "model.safetensors").symlink_to(ODD / "model.safetensors")
            golden, out = CASES / "gpt2-odd-a.h5", Path(folder, "capture.h5")
            self.assertEqual(engine.main(ODD, golden, out), 0)
            out.unlink()
            with h5py.File(golden) as source, h5py.File(Path(folder, "golden.h5"), "w") as other:
                source.copy("inputs", other)
                other.create_group("model").attrs["config_json"] = config
            with contextlib.redirect_stderr(io.StringIO()):
                self.assertEqual(engine.main(model, Path(folder, "golden.h5"), out), 77)
            self.assertFalse(out.exists())


def _add(engine, options, modules, count, cause):
    name = f"test_{engine}_{options}".replace("--", "").replace(" ", "_").replace(".", "_").replace("-", "_")
    setattr(Engines, name.rstrip("_"), lambda self: self.check(engine, options, modules, count, cause))


def _add_family(engine, options, modules, case, cause):
    name = f"test_{engine}_{case}_{options}".replace("--", "").replace(" ", "_").replace(".", "_").replace("-", "_")
    setattr(Engines, name.rstrip("_"), lambda self: self.check_family(engine, options, modules, case, cause))


for _run in RUNS:
    _add(*_run)
for _run in FAMILY_RUNS:
    _add_family(*_run)

if __name__ == "__main__":
    unittest.main()
