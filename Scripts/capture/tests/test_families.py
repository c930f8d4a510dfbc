"""The tables of families against the goldens: no engine is needed, since a golden says which activations there are."""

import json
import tempfile
import types
import unittest
from pathlib import Path

import touchstone_capture as tc
from touchstone_capture.embedded import write_folder
from touchstone_capture.families import FAMILIES
from touchstone_capture.names import FUSED

from .samples import GOLDENS

CASES = sorted((GOLDENS / "cases").glob("*.h5"))

#: What configuration classes say where a `config.json` does not.
DEFAULTS = {
    "use_parallel_residual": True, "new_decoder_architecture": False, "parallel_attn": True,
    "do_layer_norm_before": True, "_remove_final_layer_norm": False, "word_embed_proj_dim": None,
}  # fmt: skip
SOFT_CAP = {"gemma2": 30.0}


def configuration(golden):
    """What a table reads of a model's configuration."""
    found = {**DEFAULTS, "final_logit_softcapping": SOFT_CAP.get(golden.family), **golden.config}
    found["word_embed_proj_dim"] = found["word_embed_proj_dim"] or found.get("hidden_size")
    return types.SimpleNamespace(**found)


def names_of(golden):
    """Every name that a table leads to, and those that are made of what attention does."""
    family = FAMILIES[golden.family](configuration(golden))
    found = {"final/probs"} | ({"embed/attn_bias"} if family.bias else set())
    for name in family.taps:
        found |= {name.format(i=f"{i:03}") for i in range(golden.layers)} if "{i}" in name else {name}
    inside = ["attn_scores", "attn_probs", *family.reads]
    inside += (
        ["attn_capped"] if any(one["output"].endswith("attn_capped") for one in golden.operations("softCap")) else []
    )
    for i in range(golden.layers):
        block = f"layers/{i:03}"
        found |= {f"{block}/{part}" for part in inside}
        for fused, parts in FUSED.items():
            if f"{block}/{fused}" in found:
                found = (found - {f"{block}/{fused}"}) | {f"{block}/{part}" for part in parts}
    return found


class Tables(unittest.TestCase):
    def test_every_golden_is_of_a_family_that_has_a_table(self):
        self.assertGreater(len(CASES), 40)
        self.assertEqual({tc.Golden.read(path).family for path in CASES}, set(FAMILIES))

    def test_a_table_has_every_name_of_its_goldens_and_no_other(self):
        for path in CASES:
            golden = tc.Golden.read(path)
            with self.subTest(path.stem):
                self.assertEqual(names_of(golden), set(golden.shapes))

    def test_each_tap_has_the_axes_of_what_is_written_of_it(self):
        for path in CASES:
            golden = tc.Golden.read(path)
            for name, tap in FAMILIES[golden.family](configuration(golden)).taps.items():
                with self.subTest(path.stem, name=name):
                    self.assertTrue(tap.laid_out(name.format(i="000")).startswith("B"))


class Goldens(unittest.TestCase):
    def test_extents_follow_from_a_configuration_that_says_them_as_from_the_activations(self):
        checked = 0
        for path in CASES:
            golden = tc.Golden.read(path)
            needed = {"qwen2": 1, "qwen3": 2, "mistral": 1, "gemma": 2, "gemma2": 2, "gemma3_text": 2, "starcoder2": 1}
            said = sum(field in golden.config for field in ("num_key_value_heads", "head_dim"))
            if said < needed.get(golden.family, 0):
                continue  # the class has a number of its own
            bare = tc.Golden(golden.place, golden.config_json, golden.token_ids, golden.position_ids)
            with self.subTest(path.stem):
                self.assertEqual((bare.sizes, bare.layers), (golden.sizes, golden.layers))
            checked += 1
        self.assertGreater(checked, 30)

    def test_the_folder_of_a_goldens_own_weights_has_its_digest(self):
        checked = 0
        for path in CASES:
            golden = tc.Golden.read(path)
            with self.subTest(path.stem), tempfile.TemporaryDirectory() as folder:
                try:
                    write_folder(golden, folder)
                except tc.CaptureError as error:
                    self.assertIn("holds no weights", str(error))
                    continue
                self.assertEqual(tc.Model(folder).weights_sha256, golden.weights_sha256)
                self.assertEqual(json.loads(Path(folder, "config.json").read_text()), golden.config)
                checked += 1
        self.assertGreater(checked, 40)


if __name__ == "__main__":
    unittest.main()
