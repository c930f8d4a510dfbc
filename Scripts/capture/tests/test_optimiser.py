"""Steps of an optimiser: what a file holds of them, and that PyTorch's are right."""

import importlib.util
import json
import subprocess
import tempfile
import unittest
from pathlib import Path

import h5py
import numpy as np

import touchstone_capture as tc

from .samples import TOUCHSTONE


class Steps(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_a_step_and_a_run_stand_where_the_format_has_them(self):
        values = {"w": np.arange(6, dtype=np.float32).reshape(2, 3)}
        step = {
            "kind": "sgd", "t": 1, "lr": 0.5, "nesterov": True, "grad": values, "theta": values, "accumulated": values,
            "micro": [values], "groups": [{"names": ["w"], "lr": 0.25}],
        }  # fmt: skip
        tc.write_steps([step], self.folder / "one.h5")
        tc.write_steps([step, step], self.folder / "run.h5", first=4)
        with h5py.File(self.folder / "one.h5") as file:
            self.assertEqual(file["step"].attrs["nesterov"], 1)
            self.assertEqual(json.loads(file["step/groups"][()].tobytes())[0]["lr"], 0.25)
            for path in ("step/grad/w", "step/theta/w", "grad/weights/w", "micro/000/grad/weights/w"):
                np.testing.assert_array_equal(file[path], values["w"])
            self.assertEqual(file["provenance"].attrs["precision"], b"float32")
        with h5py.File(self.folder / "run.h5") as file:
            self.assertEqual(sorted(file["steps"]), ["004", "005"])
            self.assertIn("steps/005/micro/000/grad/weights/w", file)
            self.assertIn("steps/004/accumulated/w", file)

    def test_what_the_format_does_not_name_is_refused(self):
        with self.assertRaisesRegex(tc.CaptureError, "holds moment"):
            tc.write_steps([{"kind": "adamw", "moment": {}}], self.folder / "bad.h5")
        with self.assertRaisesRegex(tc.CaptureError, "there is none"):
            tc.write_steps([], self.folder / "bad.h5")
        self.assertFalse((self.folder / "bad.h5").exists())

    @unittest.skipIf(importlib.util.find_spec("torch") is None, "torch not installed")
    @unittest.skipIf(TOUCHSTONE is None, "touchstone is not built; TOUCHSTONE names it")
    def test_the_steps_of_pytorch_are_right(self):
        import torch

        torch.manual_seed(3)
        for kind, options in [
            ("AdamW", {"weight_decay": 0.1, "foreach": True}), ("AdamW", {"weight_decay": 0.1, "fused": True}),
            ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1, "foreach": True}),
        ]:  # fmt: skip
            model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 4))
            optimizer = getattr(torch.optim, kind)(model.parameters(), lr=1e-2, **options)
            found = []
            for _ in range(2):
                optimizer.zero_grad()
                model(torch.randn(5, 8)).square().sum().backward()
                with tc.step(optimizer, model.named_parameters(), clip_norm=1.0) as recording:
                    recording.norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                    optimizer.step()
                found.append(recording)
            path = self.folder / f"{kind}-{len(options)}.h5"
            tc.write_steps(found, path, replace=True)
            result = subprocess.run([TOUCHSTONE, "step", path], capture_output=True, text=True)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    @unittest.skipIf(importlib.util.find_spec("torch") is None, "torch not installed")
    def test_another_optimiser_is_refused_by_its_name(self):
        import torch

        parameter = torch.nn.Parameter(torch.ones(3))
        parameter.grad = torch.ones(3)
        optimizer = torch.optim.Adagrad([parameter])
        with self.assertRaisesRegex(tc.CaptureError, "Adagrad"):
            with tc.step(optimizer, [("w", parameter)]):
                optimizer.step()
        with self.assertRaisesRegex(tc.CaptureError, "took no step"):
            with tc.step(torch.optim.SGD([parameter], lr=0.1), [("w", parameter)]):
                pass
