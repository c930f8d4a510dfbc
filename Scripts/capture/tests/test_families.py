"""The tables of families against the goldens: no engine is needed, since a golden says which activations there are."""

import functools
import json
import tempfile
import types
import unittest
from pathlib import Path

import touchstone_capture as tc
from touchstone_capture import fused, names
from touchstone_capture.embedded import write_folder
from touchstone_capture.families import FAMILIES, LEFT_OUT
from touchstone_capture.families.decoders import DECODERS

from .samples import CHECKOUT, GOLDENS

CASES = sorted((GOLDENS / "cases").glob("*.h5"))

#: Tiny models of families that are not among the goldens yet, as transformers computes them.
FIXTURES = sorted((CHECKOUT / "Tests/TouchstoneFamiliesTests/Fixtures/families").glob("*/float64.h5"))

#: What configuration classes say where a `config.json` does not.
DEFAULTS = {
    "use_parallel_residual": True, "new_decoder_architecture": False, "parallel_attn": True,
    "do_layer_norm_before": True, "_remove_final_layer_norm": False, "word_embed_proj_dim": None,
    "scale_embedding": False, "tie_word_embeddings": True,
}  # fmt: skip
SOFT_CAP = {"gemma2": 30.0}


read = functools.lru_cache(maxsize=None)(tc.Golden.read)


def configuration(golden):
    """What a table reads of a model's configuration."""
    found = {**DEFAULTS, "final_logit_softcapping": SOFT_CAP.get(golden.family), **golden.config}
    found["word_embed_proj_dim"] = found["word_embed_proj_dim"] or found.get("hidden_size")
    return types.SimpleNamespace(**found)


def table(golden):
    return FAMILIES[golden.family](configuration(golden))


def blocks(golden, name):
    """The indices of the blocks that a name is repeated in."""
    return range(golden.layers_of(names.stack(name))) if "{i}" in name else [0]


def names_of(golden):
    """Every name that a table leads to, and those that are made of what attention and experts do."""
    family = table(golden)
    found = {"embed/attn_bias"} if family.bias else set()
    for name, tap in family.taps.items():
        found |= {name.format(i=f"{i:03}") for i in (blocks(golden, name) if tap.only is None else tap.only)}
    found |= {"final/probs"} & set(golden.shapes) if "final/logits" in found else set()
    found |= {"features/log_mel"} if "audio" in golden.other_inputs else set()
    has_cap = golden.family == "gemma2" and golden.config.get("attn_logit_softcapping", 50) is not None
    for attention in family.attentions:
        for i in blocks(golden, attention.name):
            name = attention.name.format(i=f"{i:03}")
            found |= {f"{name}_{part}" for part in ("scores", "probs", *(["capped"] if has_cap else []))}
            block = name.rpartition("/")[0]
            found |= {f"{block}/{part}" for part in attention.reads}
            found |= {f"{block}/k_shared_rope"} if attention.shared else set()
            for whole, parts in names.FUSED.items():
                if f"{block}/{whole}" in found:
                    found = (found - {f"{block}/{whole}"}) | {f"{block}/{part}" for part in parts}
    for i in family.experts.only if family.experts else ():
        group = f"layers/{i:03}/experts/"
        chosen = {name[len(group) :].split("/")[0] for name in golden.shapes if name.startswith(group)}
        found |= {f"{group}{expert}/{part}" for expert in chosen for part in names.IN_EXPERTS}
    return found


class Tables(unittest.TestCase):
    def test_every_golden_is_of_a_family_that_has_a_table_or_says_why_not(self):
        self.assertGreater(len(CASES), 40)
        self.assertGreater(len(FIXTURES), 40)
        families = {read(path).family for path in [*CASES, *FIXTURES]}
        self.assertEqual(families, {*FAMILIES, *LEFT_OUT})
        self.assertEqual(set(FAMILIES) & set(LEFT_OUT), set())

    def test_a_table_has_every_name_of_its_goldens_and_no_other(self):
        for path in [*CASES, *FIXTURES]:
            golden = read(path)
            if golden.family in LEFT_OUT:
                continue
            with self.subTest(path.stem if path in CASES else path.parent.name):
                self.assertEqual(names_of(golden), set(golden.shapes))

    def test_each_tap_has_the_axes_of_what_is_written_of_it(self):
        for path in [*CASES, *FIXTURES]:
            golden = read(path)
            for name, tap in table(golden).taps.items() if golden.family in FAMILIES else ():
                with self.subTest(path.stem, name=name):
                    due = names.axes(name) if names.is_known(name) else fused.whole(tap.laid_out(name))
                    letters = set(tap.laid_out(name)) - set("()")
                    self.assertEqual(letters - {"B"}, set(due) - set("()") - ({"B"} & set(due)))

    def test_names_of_every_family_are_known(self):
        for path in [*CASES, *FIXTURES]:
            golden = read(path)
            with self.subTest(path.stem):
                self.assertEqual([names.canonical(name, golden) for name in golden.shapes], list(golden.shapes))


class Goldens(unittest.TestCase):
    def test_extents_follow_from_a_configuration_that_says_them_as_from_the_activations(self):
        checked = 0
        for path in CASES:
            golden = read(path)
            needed = {"qwen2": 1, "qwen3": 2, "mistral": 1, "gemma": 2, "gemma2": 2, "gemma3_text": 2, "starcoder2": 1}
            said = sum(field in golden.config for field in ("num_key_value_heads", "head_dim"))
            if said < needed.get(golden.family, 0) or golden.family not in DECODERS:
                continue  # the class has a number of its own, or widths are those of single activations
            bare = tc.Golden(golden.place, golden.config_json, golden.token_ids, golden.position_ids)
            with self.subTest(path.stem):
                self.assertEqual((bare.sizes, bare.layers), (golden.sizes, golden.layers))
            checked += 1
        self.assertGreater(checked, 30)

    def test_the_folder_of_a_goldens_own_weights_has_its_digest(self):
        checked = 0
        for path in CASES:
            golden = read(path)
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
