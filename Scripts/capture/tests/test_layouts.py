"""Every layout comes out as the format's; what can be read in two ways is asked for."""

import tempfile
import unittest
from pathlib import Path

import h5py
import numpy as np

import touchstone_capture as tc
from touchstone_capture.transformer_lens import HOOKS
from touchstone_capture.transformer_lens import tensors as from_lens

from .samples import CONFIG, SHARED, activations, golden, laid_out, pair

HEADS = ["HTd", "THd", "T(Hd)", "BHTd", "BTHd", "BT(Hd)", "(HT)d", "dTH", "(TH)d", "H(Td)"]
ROWS = {"TD": ["TD", "BTD", "DT", "BDT"], "TF": ["TF", "BTF", "FT"], "TV": ["TV", "BTV", "VT"]}


class Layouts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = Path(folder.name) / "capture.h5"
        self.golden = golden()
        self.due = activations(self.golden)

    def written(self, tensors, **options):
        tc.write(options.pop("golden", self.golden), tensors, self.out, replace=True, **options)
        with h5py.File(self.out) as file:
            return {name: file[name][()] for name in self._names(file)}

    def _names(self, file):
        found = []
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
        return [name for name in found if not name.startswith("inputs")]

    def check(self, written, names=None):
        for name in names or written:
            np.testing.assert_array_equal(written[name], self.due[name], name)

    def refused(self, words, tensors, **options):
        self.out.unlink(missing_ok=True)
        with self.assertRaises(tc.CaptureError) as caught:
            tc.write(options.pop("golden", self.golden), tensors, self.out, **options)
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertFalse(self.out.exists())

    def test_the_formats_own_layout_needs_no_word(self):
        written = self.written(self.due)
        self.assertEqual(sorted(written), sorted(self.due))
        self.check(written)

    def test_heads_in_every_layout(self):
        name = "layers/001/k"
        for layout in HEADS:
            with self.subTest(layout):
                given = laid_out(self.due[name], "HTd", layout, self.golden.sizes)
                self.check(self.written({name: given}, layouts={"k": layout}))

    def test_usual_layouts_are_seen_from_the_shape(self):
        for layout in ["HTd", "THd", "T(Hd)", "BHTd", "BTHd", "BT(Hd)"]:
            with self.subTest(layout):
                given = laid_out(self.due["layers/001/k"], "HTd", layout, self.golden.sizes)
                self.check(self.written({"layers/001/k": given}))

    def test_rows_in_every_layout(self):
        names = {"TD": "layers/000/ln_1", "TF": "layers/000/mlp_act", "TV": "final/logits"}
        for axes, layouts in ROWS.items():
            for layout in layouts:
                with self.subTest(layout):
                    given = laid_out(self.due[names[axes]], axes, layout, self.golden.sizes)
                    self.check(self.written({names[axes]: given}, layouts={names[axes]: layout}))

    def test_context_with_its_heads_apart(self):
        name = "layers/000/attn_context"
        for layout in ["HTd", "THd", "BTHd", "BHTd"]:
            with self.subTest(layout):
                given = laid_out(self.due[name], "T(Hd)", layout, self.golden.sizes)
                self.check(self.written({name: given}))

    def test_fused_projection_in_every_layout(self):
        names = [f"layers/000/{part}" for part in "qkv"]
        joined = np.stack([self.due[name] for name in names])
        for layout in ["T(3Hd)", "T(H3d)", "BT(3Hd)", "BT(H3d)", "3HTd", "T3Hd", "TH3d", "3T(Hd)", "T3D", "T(3D)"]:
            with self.subTest(layout):
                given = laid_out(
                    joined, "3HTd", layout.replace("(3D)", "(3Hd)").replace("D", "(Hd)"), self.golden.sizes
                )
                self.check(self.written({"layers/000/qkv": given}, layouts={"qkv": layout}), names)

    def test_fused_projection_is_never_guessed(self):
        self.refused(["T(3Hd)", "T(H3d)", "layouts="], {"layers/000/qkv": np.zeros((5, 36), np.float32)})

    def test_shared_keys_in_every_layout(self):
        shared = golden(config=SHARED)
        due = activations(shared)
        for name in ["layers/001/k", "layers/001/k_rope", "layers/001/v_cache"]:
            given = due.setdefault(name, due["layers/001/v"])
            for layout in ["KTd", "TKd", "T(Kd)", "BKTd", "BTKd", "BT(Kd)"]:
                with self.subTest(layout):
                    array = laid_out(given, "KTd", layout, shared.sizes)
                    for said in [{}, {name: layout}, {name: layout.replace("K", "H")}]:
                        written = self.written({name: array}, golden=shared, layouts=said)
                        np.testing.assert_array_equal(written[name], given)

    def test_fused_projections_with_shared_keys(self):
        shared = golden(config=SHARED)
        due = activations(shared)
        q, k, v = (due[f"layers/000/{part}"] for part in "qkv")
        beside = np.concatenate([part.transpose(1, 0, 2).reshape(5, -1) for part in (q, k, v)], 1)
        groups = [np.concatenate([q[2 * i : 2 * i + 2], k[i : i + 1], v[i : i + 1]]) for i in range(2)]
        grouped = np.stack(groups).transpose(2, 0, 1, 3).reshape(5, -1)
        for layout, given in [("T(Nd)", beside), ("BT(Nd)", beside[None]), ("T(KGd)", grouped), ("TKGd", grouped)]:
            with self.subTest(layout):
                given = given.reshape(5, 2, 4, 3) if layout == "TKGd" else given
                written = self.written({"layers/0/qkv": given}, golden=shared, layouts={"qkv": layout})
                for part in "qkv":
                    np.testing.assert_array_equal(written[f"layers/000/{part}"], due[f"layers/000/{part}"])
        self.refused(["T(Nd)", "T(KGd)", "layouts="], {"layers/0/qkv": beside}, golden=shared)
        self.refused(["lacks or adds"], {"layers/0/qkv": beside}, golden=shared, layouts={"qkv": "T(3Hd)"})
        one = golden(config=SHARED.replace('"num_key_value_heads": 2', '"num_key_value_heads": 1'))
        self.assertEqual(len(self.written({"layers/0/qkv": beside[:, :18]}, golden=one)), 3)  # one group: no doubt

    def test_stacks_have_sizes_of_their_own_and_a_source_its_tokens(self):
        of, random = pair(), np.random.default_rng(3)
        due = {
            "encoder/embed/token": (4, 12), "encoder/layers/000/q": (2, 4, 6), "encoder/layers/000/mlp_act": (4, 8),
            "encoder/layers/000/attn_probs": (2, 4, 4), "decoder/layers/001/q": (3, 5, 4),
            "decoder/layers/001/cross_k": (3, 4, 4), "decoder/layers/001/cross_scores": (3, 5, 4),
            "decoder/layers/001/cross_context": (5, 12), "decoder/layers/001/mlp_act": (5, 7), "final/logits": (5, 11),
        }  # fmt: skip
        given = {name: random.standard_normal(shape).astype(np.float32) for name, shape in due.items()}
        written = self.written({name: array[None] for name, array in given.items()}, golden=of)
        for name, array in given.items():
            np.testing.assert_array_equal(written[name], array, name)
        beside = given["decoder/layers/001/cross_k"].swapaxes(0, 1).reshape(4, 12)
        written = self.written({"decoder/layers/1/cross_k": beside}, golden=of)
        np.testing.assert_array_equal(written["decoder/layers/001/cross_k"], given["decoder/layers/001/cross_k"])
        self.refused(["encoder of the model has 1 layers"], {"encoder/layers/1/q": beside}, golden=of)
        self.refused(["holds 3 keys"], {"decoder/layers/0/cross_probs": np.zeros((3, 5, 3), np.float32)}, golden=of)
        self.refused(["did you mean decoder/layers/000/cross_k"], {"decoder/layers/0/crossk": beside}, golden=of)
        self.refused(["did you mean", "is not a name"], {"layers/0/crosss_k": beside})

    def test_steps_of_a_decoder_with_a_source(self):
        of, random = pair(), np.random.default_rng(4)
        name, once = "decoder/layers/000/cross_probs", "decoder/layers/000/cross_v"
        probabilities = random.random((3, 5, 4)).astype(np.float32)
        values = random.random((3, 4, 4)).astype(np.float32)
        steps = {name: [probabilities[:, :3], probabilities[:, 3:4], probabilities[:, 4:]], once: [values]}
        written = self.written(steps, golden=of)
        np.testing.assert_array_equal(written[name], probabilities)
        np.testing.assert_array_equal(written[once], values)

    def test_experts_have_as_many_rows_as_tokens_chose_them(self):
        ids = np.array([[1, 0], [0, 2], [1, 2], [0, 1], [2, 0]], np.int32)
        rows = np.arange(36, dtype=np.float32).reshape(3, 12) / 7
        given = {
            "layers/0/expert_ids": ids, "layers/0/router_weights": np.full((5, 2), 0.3, np.float32),
            "layers/0/experts/2/input": rows, "layers/0/experts/2/mlp_act": rows[:, :7],
            "layers/0/shared/mlp_out": np.full((5, 12), 0.1, np.float32),
            "layers/0/k_shared": np.ones((1, 5, 2), np.float32),
        }  # fmt: skip
        written = self.written(given)
        np.testing.assert_array_equal(written["layers/000/expert_ids"], ids)
        self.assertEqual(written["layers/000/expert_ids"].dtype, np.int32)
        np.testing.assert_array_equal(written["layers/000/experts/002/input"], rows)
        steps = [{name: array[:1] for name, array in given.items() if "experts/" in name}] * 2
        np.testing.assert_array_equal(self.written(steps)["layers/000/experts/002/input"], rows[[0, 0]])
        self.refused(["is not a name"], {"layers/0/experts/2/q": rows})
        self.refused(["is not a name"], {"layers/0/shared/q": rows})

    def test_a_gate_and_what_it_lets_through_in_one_tensor(self):
        gate, up = (self.due[f"layers/000/mlp_{part}"] for part in ("gate", "up"))
        for layout, given in [
            ("T(2F)", np.concatenate([gate, up], 1)),
            ("T(F2)", np.stack([gate, up], 2).reshape(5, -1)),
        ]:
            with self.subTest(layout):
                written = self.written({"layers/0/gate_up": given}, layouts={"gate_up": layout})
                self.check(written, ["layers/000/mlp_gate", "layers/000/mlp_up"])
        self.refused(["T(2F)", "T(F2)"], {"layers/0/gate_up": given})

    def test_a_table_that_is_narrower_than_the_model(self):
        narrow = golden(config=CONFIG[:-1] + ', "word_embed_proj_dim": 5}')
        rows = np.random.default_rng(2).standard_normal((5, 5)).astype(np.float32)
        self.written({"embed/token": rows, "final/projected": rows}, golden=narrow)
        self.written({"embed/token": rows[None]}, golden=narrow, layouts={"embed/token": "BTD"})
        self.refused(["TE [5, 5] is due"], {"embed/token": np.ones((5, 12), np.float32)}, golden=narrow)

    def test_as_many_tokens_as_heads_are_asked_for(self):
        three = golden(3)
        q = np.random.default_rng(1).standard_normal((3, 3, 4)).astype(np.float32)
        self.refused(["HTd [3, 3, 4]", "THd [3, 3, 4]", "layouts={'q'"], {"layers/0/q": q}, golden=three)
        written = self.written({"layers/0/q": q}, golden=three, layouts={"q": "THd"})
        np.testing.assert_array_equal(written["layers/000/q"], q.swapaxes(0, 1))

    def test_readings_that_agree_are_not_asked_for(self):
        one = golden(1)
        due = activations(one)
        for layout in ["HTd", "THd", "T(Hd)"]:
            given = laid_out(due["layers/000/q"], "HTd", layout, one.sizes)
            np.testing.assert_array_equal(
                self.written({"layers/0/q": given}, golden=one)["layers/000/q"], due["layers/000/q"]
            )

    def test_a_row_of_a_batch(self):
        given = {name: np.stack([tensor * 2, tensor]) for name, tensor in self.due.items()}
        self.check(self.written(given, row=1))
        self.refused(["batch of 2", "row="], given)
        self.refused(["no row 2"], given, row=2)

    def test_padding_on_either_side(self):
        for side in ["left", "right"]:
            given = {}
            for name, tensor in self.due.items():
                tokens = tc.names.axes(name).replace("(Hd)", "D").index("T")
                width = [(0, 0)] * tensor.ndim
                width[tokens] = (2, 0) if side == "left" else (0, 2)
                if tc.names.axes(name).endswith("S"):
                    width[-1] = width[tokens]
                fill = (
                    -np.inf
                    if name.endswith(("attn_scores", "attn_capped", "attn_bias"))
                    else 0
                    if name.endswith("attn_probs")
                    else 7
                )
                given[name] = np.pad(tensor, width, constant_values=fill)
            with self.subTest(side):
                self.check(self.written(given, padding=side))
                self.refused(["padding="], {"layers/000/ln_1": given["layers/000/ln_1"]})

    def test_keys_behind_the_last_token_only_where_they_are_masked(self):
        name = "layers/000/attn_scores"
        wide = np.pad(self.due[name], [(0, 0), (0, 0), (0, 3)], constant_values=-np.inf)
        self.check(self.written({name: wide}))
        wide[1, 2, 6] = 0.5
        self.refused(["holds 8 keys"], {name: wide})

    def test_columns_behind_the_vocabulary(self):
        wide = np.pad(self.due["final/logits"], [(0, 0), (0, 5)])
        self.refused(["[5, 16]", "padded_vocabulary=True"], {"final/logits": wide})
        self.check(self.written({"final/logits": wide}, padded_vocabulary=True))
        self.refused(["TV [5, any]"], {"final/logits": wide[:, :8, None]}, padded_vocabulary=True)

    def test_too_few_columns_are_no_padding(self):
        self.refused(["holds 8 columns"], {"final/logits": self.due["final/logits"][:, :8]}, padded_vocabulary=True)

    def test_decode_steps_are_put_together(self):
        parts = [slice(0, 3), slice(3, 4), slice(4, 5)]
        steps = []
        for part in parts:
            step = {}
            for name, tensor in self.due.items():
                axes = tc.names.axes(name).replace("(Hd)", "D")
                index = [slice(None)] * tensor.ndim
                index[axes.index("T")] = part
                if axes.endswith("S"):
                    index[-1] = slice(0, part.stop)
                step[name] = tensor[tuple(index)][None]
            steps.append(step)
        self.check(self.written(steps))
        self.check(self.written({name: [step[name] for step in steps] for name in self.due}))
        self.refused(["holds 4 tokens"], {"final/ln_f": [step["final/ln_f"] for step in steps[:2]]})
        self.refused(["is in 2 of 3 steps"], [*steps[:2], {"final/logits": steps[2]["final/logits"]}])

    def test_activations_of_transformer_lens(self):
        for output in ["hook_normalized", "hook_out"]:  # HookedTransformer, TransformerBridge
            cache = {}
            for name, (hook, layout) in HOOKS.items():
                for i in range(2) if "{i}" in name else (0,):
                    path = name.format(i=f"{i:03}")
                    axes = tc.names.axes(path)
                    place = hook.format(i=i)
                    if output == "hook_out" and place.endswith("hook_normalized"):
                        cache[place] = np.zeros((1, 5, 12), np.float32)
                        place = place.replace("hook_normalized", output)
                    cache[place] = laid_out(self.due[path], axes, layout, self.golden.sizes)
            tensors, layouts = from_lens(cache, self.due["final/logits"][None])
            self.due["embed/sum"] = self.due["layers/000/resid_in"]
            written = self.written(tensors, layouts=layouts)
            hooks = {name.format(i=f"{i:03}") for name in HOOKS for i in range(2)} | {"embed/sum", "final/logits"}
            self.assertEqual(set(written), hooks)
            self.check(written)

    def test_an_encoder_of_transformer_lens_is_refused(self):
        for hook in ["encoder.0.hook_resid_pre", "blocks.0.hook_normalized_resid1"]:
            with self.assertRaises(tc.NotSupported) as caught:
                from_lens({hook: np.zeros((1, 5, 12), np.float32)})
            self.assertIn("encoders", str(caught.exception))

    def test_a_layout_that_is_none(self):
        for layout in ["BTX", "TT", "T(3Hd", "", "TH)d"]:
            with self.subTest(layout):
                self.refused(["layout"], {"layers/000/q": self.due["layers/000/q"]}, layouts={"q": layout})
        self.refused(["lacks or adds"], {"layers/000/q": self.due["layers/000/q"]}, layouts={"q": "TDF"})
        self.refused(["is not THd [5, 3, 4]"], {"layers/000/q": self.due["layers/000/q"]}, layouts={"q": "THd"})


if __name__ == "__main__":
    unittest.main()
