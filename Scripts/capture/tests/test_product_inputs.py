"""What a capture of a GGUF file says of the inputs of its products."""

import importlib.util
import pathlib
import tempfile
import unittest

from .samples import CHECKOUT

FOLDER = CHECKOUT / "Tests/TouchstoneCheckpointsTests/Fixtures/gguf"


@unittest.skipUnless(importlib.util.find_spec("gguf"), "gguf is not installed")
class ProductInputsTests(unittest.TestCase):
    def test_matrices_in_half_precision_have_their_inputs_in_it(self):
        from touchstone_capture.product_inputs import declared

        for name in ["llama", "gpt2", "phi3", "falcon-40b"]:
            self.assertEqual(declared(str(FOLDER / name / "model.gguf")), "float16")

    def test_exceptions_are_named(self):
        import gguf
        import numpy as np

        from touchstone_capture.product_inputs import declared

        with tempfile.TemporaryDirectory() as folder:
            path = str(pathlib.Path(folder, "model.gguf"))
            made = gguf.GGUFWriter(path, "llama")
            types = {"token_embd": "F32", "blk.0.attn_q": "Q8_0", "blk.0.attn_k": "Q8_0", "blk.0.ffn_up": "Q4_1"}
            for name, kind in types.items():
                kind = gguf.GGMLQuantizationType[kind]
                made.add_tensor(
                    f"{name}.weight", gguf.quants.quantize(np.ones((2, 32), np.float32), kind), raw_dtype=kind
                )
            made.write_header_to_file()
            made.write_kv_data_to_file()
            made.write_tensors_to_file()
            made.close()
            said = declared(path)
        self.assertIn("layers/000/q = q8_0", said)
        self.assertTrue(said.startswith("q8_1"))
        self.assertIn("final/logits = recorded", said)
