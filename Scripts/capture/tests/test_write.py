"""The file: whole or absent, with what the format asks for, in the engine's own types."""

import json
import os
import stat
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import h5py
import numpy as np

import touchstone_capture as tc

from .samples import GOLDENS, activations, golden


class Writing(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.out = self.folder / "capture.h5"
        self.golden = golden()
        self.due = activations(self.golden)

    def refused(self, words, tensors=None, **options):
        with self.assertRaises(tc.CaptureError) as caught:
            tc.write(options.pop("golden", self.golden), self.due if tensors is None else tensors, self.out, **options)
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))

    def test_what_a_model_reads_besides_its_tokens_is_handed_on(self):
        others = {"token_type_ids": [0, 1], "encoder_token_ids": [3, 1, 4], "encoder_attention_mask": [1, 1, 0]}
        given = self.folder / "golden.h5"
        config = {"n_embd": 4, "n_head": 2, "n_layer": 1, "n_inner": 5, "vocab_size": 7}
        with h5py.File(given, "w") as file:
            file.create_group("model").attrs["config_json"] = np.bytes_(json.dumps(config))
            for name, values in {"token_ids": [5, 6], **others}.items():
                file[f"inputs/{name}"] = np.array(values, np.int32)
        tc.write(given, {"final/logits": np.full((2, 7), 0.1, np.float32)}, self.out)
        with h5py.File(self.out) as file:
            for name, values in others.items():
                np.testing.assert_array_equal(file[f"inputs/{name}"], values)

    def test_what_the_format_asks_for_is_there(self):
        path = GOLDENS / "cases" / "shakespeare-padded.h5"
        logits = np.random.default_rng(1).standard_normal((14, 512)).astype(np.float32)
        names = tc.write(
            path,
            {"final/logits": logits, "layers/0/ln_1": logits[:, :128]},
            self.out,
            derived=["layers/0/ln_1"],
            provenance={"producer": "mine", "note": "ä"},
            weights_sha256="00",
        )
        self.assertEqual(names, ["layers/000/ln_1", "final/logits"])
        with h5py.File(self.out) as file, h5py.File(path) as source:
            said = {key: file.attrs[key] for key in file.attrs}
            self.assertEqual(
                said, {"format": b"touchstone", "format_version": b"1.0", "kind": b"capture", "complete": 1}
            )
            for name in ["token_ids", "position_ids", "attention_mask"]:
                np.testing.assert_array_equal(file[f"inputs/{name}"], source[f"inputs/{name}"])
            self.assertEqual(file["model"].attrs["config_json"], source["model"].attrs["config_json"])
            self.assertEqual(
                {key: value.decode() for key, value in file["provenance"].attrs.items()},
                {"producer": "mine", "note": "ä", "precision": "float32"},
            )
            self.assertEqual(file["layers/000/ln_1"].attrs["derived"], 1)
            self.assertNotIn("derived", file["final/logits"].attrs)
            self.assertTrue(file["final/logits"].fletcher32)

    def test_a_failure_leaves_nothing(self):
        for error in [OSError("full"), KeyboardInterrupt(), MemoryError()]:
            with mock.patch("touchstone_capture.writing.os.fsync", side_effect=error):
                with self.assertRaises((tc.CaptureError, KeyboardInterrupt, MemoryError)):
                    tc.write(self.golden, self.due, self.out)
            self.assertEqual(os.listdir(self.folder), [])

    def test_a_file_is_replaced_only_when_told(self):
        self.out.write_text("mine")
        self.refused(["exists already", "replace=True"])
        self.assertEqual(self.out.read_text(), "mine")
        tc.write(self.golden, self.due, self.out, replace=True)
        self.assertTrue(h5py.is_hdf5(self.out))
        self.assertEqual(os.listdir(self.folder), ["capture.h5"])

    def test_a_file_that_appears_meanwhile_stays(self):
        def appear(_):
            self.out.write_text("theirs")

        with mock.patch("touchstone_capture.writing.os.fsync", side_effect=appear):
            self.refused(["exists already"])
        self.assertEqual(self.out.read_text(), "theirs")

    def test_others_may_read_the_file_as_any_other(self):
        tc.write(self.golden, self.due, self.out)
        (self.folder / "other").touch()
        self.assertEqual(stat.S_IMODE(self.out.stat().st_mode), stat.S_IMODE((self.folder / "other").stat().st_mode))

    def test_no_folder(self):
        self.out = self.folder / "none" / "capture.h5"
        self.refused(["cannot be written", "none"])

    def test_types_are_kept_to_the_bit(self):
        for kind in [np.float16, np.float32, np.float64, ">f4"]:
            with self.subTest(kind):
                given = self.due["final/logits"].astype(kind)
                tc.write(self.golden, {"final/logits": given}, self.out, replace=True)
                with h5py.File(self.out) as file:
                    self.assertEqual(file["final/logits"].dtype, given.dtype.newbyteorder("="))
                    np.testing.assert_array_equal(file["final/logits"], given)

    def test_bfloat16_of_ml_dtypes_as_its_bits(self):
        try:
            import ml_dtypes
        except ImportError:
            self.skipTest("ml_dtypes is not installed")
        given = self.due["final/logits"].astype(ml_dtypes.bfloat16)
        tc.write(self.golden, {"final/logits": given}, self.out)
        with h5py.File(self.out) as file:
            np.testing.assert_array_equal(file["final/logits"], given.view(np.uint16))
            self.assertEqual(file["final/logits"].attrs["dtype"], b"bfloat16")
            self.assertEqual(file["provenance"].attrs["precision"], b"bfloat16")

    def test_precision_is_asked_for_where_the_types_do_not_say_it(self):
        cut = {name: (tensor.view(np.uint32) & 0xFFFF0000).view(np.float32) for name, tensor in self.due.items()}
        self.refused(["every value is a bfloat16", "precision="], cut)
        half = {name: tensor.astype(np.float16).astype(np.float32) for name, tensor in self.due.items()}
        self.refused(["every value is a float16"], half)
        self.refused(
            ["types float16, float32"], {**self.due, "final/logits": self.due["final/logits"].astype(np.float16)}
        )
        self.refused(["'fp16'"], precision="fp16")
        tc.write(self.golden, cut, self.out, precision="bfloat16-truncating")
        with h5py.File(self.out) as file:
            self.assertEqual(file["provenance"].attrs["precision"], b"bfloat16-truncating")

    def test_what_is_no_activation(self):
        logits = self.due["final/logits"]
        self.refused(["int64"], {"final/logits": logits.astype(np.int64)})
        self.refused(["there is none"], {})
        self.refused(["nothing to judge"], {"extra/x": logits})
        self.refused(["did you mean layers/001/mlp_act?"], {"layers/1/mlp_atc": logits})
        self.refused(["is not a name of the format"], {"hidden": logits})
        self.refused(["the model has 2 layers"], {"layers/2/ln_1": logits})
        self.refused(["given twice"], {"layers/0/ln_1": logits, "layers.0.ln_1": logits})
        self.refused(
            ["given twice"], {**self.due, "layers/0/qkv": np.zeros((5, 36), np.float32)}, layouts={"qkv": "T(3Hd)"}
        )

    def test_extras_are_kept_as_they_are(self):
        tc.write(self.golden, {**self.due, "extra/ids": np.arange(3)}, self.out)
        with h5py.File(self.out) as file:
            np.testing.assert_array_equal(file["extra/ids"], np.arange(3))

    def test_what_is_no_golden(self):
        self.refused(["cannot be read as HDF5"], golden=self.folder / "none.h5")
        with h5py.File(self.folder / "other.h5", "w") as file:
            file["x"] = 1
        self.refused(["has no model/config_json"], golden=self.folder / "other.h5")


class Models(unittest.TestCase):
    def test_digest_is_that_of_the_goldens(self):
        for model, case in [("shakespeare-gpt2", "shakespeare-short"), ("gpt2-odd-a", "gpt2-odd-a")]:
            due = tc.Golden.read(GOLDENS / "cases" / f"{case}.h5").weights_sha256
            self.assertEqual(tc.Model(GOLDENS / "models" / model).weights_sha256, due)

    def test_a_file_that_is_cut_short(self):
        whole = (GOLDENS / "models" / "gpt2-odd-a" / "model.safetensors").read_bytes()
        config = (GOLDENS / "models" / "gpt2-odd-a" / "config.json").read_bytes()
        for length in [0, 7, 8, 100, len(whole) - 1]:
            with self.subTest(length), tempfile.TemporaryDirectory() as folder:
                Path(folder, "config.json").write_bytes(config)
                Path(folder, "model.safetensors").write_bytes(whole[:length])
                with self.assertRaises(tc.CaptureError):
                    tc.Model(folder)

    def test_a_tensor_that_is_not_there(self):
        with self.assertRaises(tc.CaptureError):
            tc.Model(GOLDENS / "models" / "gpt2-odd-a")["h.9.ln_1.weight"]

    def test_settings_have_defaults_and_other_names(self):
        fields = '"hidden_size": 12, "num_attention_heads": 3, "num_hidden_layers": 1, "vocab_size": 4, "n_inner": null'
        other = golden(config="{" + fields + "}")
        self.assertEqual((other.sizes["D"], other.sizes["H"], other.layers, other.sizes["F"]), (12, 3, 1, 48))
        self.assertEqual(other.setting("activation_function"), "gelu_new")
        with self.assertRaises(tc.CaptureError):
            other.setting("n_positions")


if __name__ == "__main__":
    unittest.main()
