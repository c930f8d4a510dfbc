"""States of llm.c: read back as they were written, judged, and refused where they are no such file."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import h5py
import numpy as np

import touchstone_capture as tc
from touchstone_capture import llm_c

from .samples import TOUCHSTONE

MODEL = Path(__file__).resolve().parents[3] / "golden/models/shakespeare-gpt2"


def write_state(golden, config, out, version=2, spoil=()):
    """Stores what a golden with a backward pass holds as llm.c does; gradients named in `spoil` are 0.1 % too great."""
    with h5py.File(golden) as file:
        ids, targets = (np.atleast_2d(file[f"inputs/{name}"][()]) for name in ("token_ids", "targets"))
        header = np.zeros(256, "<i4")
        header[:4] = llm_c.MAGIC, version, *ids.shape
        parts = [header, ids, targets, file["final/logits"][()], file["loss/mean"][()]]
        for name, layers, shape in llm_c._shapes(config, version):
            for layer in range(layers):
                found = file["grad/weights/" + name.format(layer)][()]
                found = found.T if "{}" in name and found.ndim == 2 else found
                found = found * (1.001 if name.format(layer) in spoil else 1)
                parts.append(np.pad(found, [(0, shape[0] - len(found))] + [(0, 0)] * (found.ndim - 1)))
    with open(out, "wb") as file:
        for place, part in enumerate(parts):
            file.write(np.ascontiguousarray(part, "<i4" if place < 3 else "<f4").tobytes())


class States(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.config = tc.Golden.of_tokens(MODEL, [])

    def run_touchstone(self, *arguments):
        return subprocess.run([TOUCHSTONE, *map(str, arguments)], capture_output=True, text=True, cwd=self.folder)

    @unittest.skipIf(TOUCHSTONE is None, "touchstone is not built; TOUCHSTONE names it")
    def test_a_state_is_judged(self):
        start = ("record", "--model", MODEL, "--backward")
        self.assertEqual(self.run_touchstone(*start, "--prompt", "ROMEO:", "--out", "golden.h5").returncode, 0)
        spoilt = "transformer.h.1.mlp.c_fc.weight"
        for version, spoil, code in ((1, (), 0), (2, (), 0), (2, (spoilt,), 1)):
            write_state(self.folder / "golden.h5", self.config, self.folder / "state.bin", version, spoil)
            options = ["--model", str(MODEL), "--out", str(self.folder / "capture.h5"), "--replace"]
            self.assertEqual(llm_c.main([str(self.folder / "state.bin"), *options]), 0)
            verdict = self.run_touchstone("diff", "golden.h5", "capture.h5")
            self.assertEqual(verdict.returncode, code, verdict.stdout + verdict.stderr)
            self.assertEqual(f"grad/weights/{spoilt}" in verdict.stdout.splitlines()[0], bool(spoil), verdict.stdout)
            again = self.run_touchstone(
                "record", "--model", MODEL, "--inputs", "capture.h5", "--no-floor", "--out", f"{code}{version}.h5"
            )
            self.assertEqual(again.returncode, 0, again.stderr)

    def test_what_is_no_state_is_refused(self):
        state = self.folder / "state.bin"
        header = np.zeros(256, "<i4")
        for start, size, problem in (
            ((1, 2, 1, 4), 2000, "does not begin as a state"), ((llm_c.MAGIC, 3, 1, 4), 2000, "does not begin"),
            ((llm_c.MAGIC, 2, 1, 4), 1024, "has 1024 bytes where 1 sequences of 4 tokens"),
            ((llm_c.MAGIC, 2, -1, 4), 2000, "has 2000 bytes"), ((llm_c.MAGIC, 2, 2**31 - 1, 2**31 - 1), 2000, "bytes"),
        ):  # fmt: skip
            header[:4] = start
            state.write_bytes(header.tobytes() + bytes(size - 1024))
            with self.assertRaisesRegex(tc.CaptureError, problem):
                llm_c.State.read(state, self.config)
        self.assertEqual(llm_c.main([str(state), "--model", str(MODEL), "--out", str(self.folder / "no.h5")]), 2)
        self.assertFalse(os.path.exists(self.folder / "no.h5"))

    def test_another_form_is_refused(self):
        config = json.loads((MODEL / "config.json").read_text()) | {"n_inner": 17}
        (self.folder / "config.json").write_text(json.dumps(config))
        with self.assertRaisesRegex(tc.CaptureError, "no model of llm.c's form"):
            list(llm_c._shapes(tc.Golden.of_tokens(self.folder, []), 2))
