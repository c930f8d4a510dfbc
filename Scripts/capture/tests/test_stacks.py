"""Encoders, encoders with a decoder, pictures and experts by PyTorch and by ONNX, judged by `touchstone diff`.

The models are those of the tests of the families; their goldens are recorded here. Skipped, with the reason, where an
engine or the program is not there.
"""

import subprocess
import tempfile
import unittest
from pathlib import Path

import touchstone_capture as tc
from touchstone_capture.names import stack

from .samples import CHECKOUT, TOUCHSTONE
from .test_engines import ONNX, TORCH, missing, run

MODELS = CHECKOUT / "Tests/TouchstoneFamiliesTests/Fixtures/families"

#: Options, and the models that run with them. What each leaves out is `UNSEEN`.
TORCH_RUNS = {
    "": (
        "bert-pooled", "bert-pretraining", "roberta-padded", "distilbert-gelu", "modernbert-plain", "t5-gated",
        "t5-scaled", "bart-scaled", "marian-two-tables", "whisper-audio", "vit-labels", "vit-pooled", "clip_text-end",
        "clip_vision-shared", "clip_vision-bare", "mixtral-window", "qwen3_moe-dense", "gpt_oss-listed",
        "deepseek_v2-groups", "deepseek_v3-groups",
    ),
    "--attention sdpa": ("modernbert-biases", "marian-odd", "deepseek_v2-greedy", "clip_text-greatest"),
    "--prefill 3": ("t5-gated", "bart-scaled", "whisper-features", "deepseek_v3-halves", "gpt_oss-tied"),
    "--dtype bfloat16": ("roberta-padded", "marian-odd", "deepseek_v2-groups"),
    "--dtype float16": ("t5-scaled", "clip_vision-shared", "mixtral-single"),
}  # fmt: skip
ONNX_RUNS = ("bert-pretraining", "t5-gated", "whisper-features", "vit-labels")

#: What no module shows, by the last part of the name.
UNSEEN = {
    "--attention sdpa": {"attn_scores", "attn_probs", "cross_scores", "cross_probs"}, "--prefill 3": {"attn_bias"},
}  # fmt: skip


class Stacks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def needs(self, *modules):
        if missing(modules):
            self.skipTest(f"{', '.join(missing(modules))} not installed")
        if TOUCHSTONE is None:
            self.skipTest("touchstone is not built; TOUCHSTONE names it")
        if modules[:1] == ("torch",) and "transformers" in modules:
            import transformers

            if int(transformers.__version__.split(".")[0]) < 5:
                self.skipTest("models of transformers 5, and an older one is installed")

    def golden(self, model):
        """A golden of the inputs that come with the model."""
        out = self.folder / "golden.h5"
        done = subprocess.run(
            [TOUCHSTONE, "record", "--model", MODELS / model, "--inputs", MODELS / model / "float64.h5", "--out", out],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        return out

    def check(self, engine, model, options):
        golden, out = self.golden(model), self.folder / "capture.h5"
        code, said, errors = run(
            "--engine", engine, "--model", MODELS / model, "--golden", golden, "--out", out, *options.split()
        )
        self.assertEqual(code, 0, said + errors)
        due, found = (set(tc.Golden.read(path).shapes) for path in (golden, out))
        # Tokens that see no key may go to other experts, which nobody judges.
        without_experts = {name for name in due - found if "/experts/" not in name}
        self.assertEqual({name.rpartition("/")[2] for name in without_experts}, self.unseen(options, due))
        self.assertEqual({name for name in found - due if "/experts/" not in name}, set())
        done = subprocess.run(
            [TOUCHSTONE, "diff", golden, out, "--model", MODELS / model], capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("CONSISTENT", done.stdout)

    def unseen(self, options, due):
        hidden = UNSEEN.get(options, set())
        if options.startswith("--prefill"):
            due = {name for name in due if stack(name) == "decoder/"}
        return hidden & {name.rpartition("/")[2] for name in due}

    def test_a_sound_is_left_to_torch(self):
        self.needs(*ONNX, "onnxruntime")
        golden = self.golden("whisper-audio")
        code, _, errors = run(
            "--engine", "onnxruntime", "--model", MODELS / "whisper-audio", "--golden", golden, "--out",
            self.folder / "capture.h5",
        )  # fmt: skip
        self.assertEqual((code, "samples of a sound" in errors), (77, True), errors)

    def test_what_is_not_offered_is_said_by_the_name_of_the_family(self):
        self.needs(*TORCH)
        for engine, model, options, words in [
            ("torch", "dit_block-odd", "", "no table for the family dit_block"),
            ("torch", "vit-labels", "--prefill 3", "vit reads all tokens at once"),
            ("onnxruntime", "mixtral-single", "", "experts of mixtral"),
            ("llama.cpp", "bert-pooled", "", "bert"),
        ]:
            if engine != "torch" and missing(
                {"onnxruntime": [*ONNX, "onnxruntime"], "llama.cpp": ["llama_cpp"]}[engine]
            ):
                continue
            with self.subTest(engine, model=model):
                golden = self.golden(model)
                out = self.folder / "capture.h5"
                code, _, errors = run(
                    "--engine", engine, "--model", MODELS / model, "--golden", golden, "--out", out, *options.split()
                )
                self.assertEqual((code, words in errors, out.exists()), (77, True, False), errors)
                golden.unlink()
                golden.with_name("golden.h5.sha256").unlink()


def _add(engine, modules, model, options):
    def test(self):
        self.needs(*modules)
        self.check(engine, model, options)

    name = f"test_{engine}_{model}_{options}".replace("--", "").replace(" ", "_").replace("-", "_").rstrip("_")
    setattr(Stacks, name, test)


for _options, _models in TORCH_RUNS.items():
    for _model in _models:
        _add("torch", TORCH, _model, _options)
for _model in ONNX_RUNS:
    _add("onnxruntime", [*ONNX, "onnxruntime"], _model, "")

if __name__ == "__main__":
    unittest.main()
