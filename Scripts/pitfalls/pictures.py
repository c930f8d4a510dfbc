"""The forward pass of what sees pictures, and of blocks that a condition modulates, in float32 NumPy."""

import numpy as np
from functions import F, softmax
from picture_plan import picked
from stacks import Stacks


class Pictures(Stacks):
    """ViT and the pictures' half of CLIP: patches as tokens behind a learned row."""

    def norm(self, x, name):
        return x if name in self.p["unnormed"] else super().norm(x, name)

    def patches(self, name):
        """[C, h, w] as [patches, D]."""
        p, pixels, filters = self.p, self.p["pixels"](self.i["pixels"]), self.p["filters"](self.w[name + ".weight"])
        (rows, columns), (height, width) = p["grid"], p["patch"]
        corners = [(p["corner"][0] + i * p["stride"][0], p["corner"][1] + j * p["stride"][1]) for i in range(rows) for j in range(columns)]
        cut = np.stack([pixels[:, top : top + height, left : left + width].ravel() for top, left in corners])
        y = cut @ filters.reshape(len(filters), -1).T
        has = name + ".bias" in self.w and name not in p["dropped"]
        return p["in_order"](y + self.w[name + ".bias"] if has else y)

    def see(self, s):
        p, put, names = self.p, self.put, s["names"]
        width = p["width"]
        patches = put("embed/patches", self.patches(s["root"] + names["patches"]))
        x = put("embed/token", p["tokens"](self.w[s["root"] + names["row"]].reshape(1, width), patches))
        x = put("embed/sum", x + put("embed/position", p["places"](self.w[s["root"] + names["places"]].reshape(-1, width))))
        return put("embed/ln", self.norm(x, s["root"] + names["table_norm"])) if "table_norm" in names else x

    def run(self):
        p = self.p
        s = self.stack = p["stacks"][0]
        x = self.see(s) if "patches" in s["names"] else self.i["hidden"]
        for layer in range(s["layers"]):
            self.here, self.path = s["root"] + s["names"]["block"].format(layer), f"layers/{layer:03}/"
            x = self.block(x, layer, None, self.i["mask"])
        self.path = ""
        self.read_out(x)
        return self.made

    def read_out(self, x):
        p, put, s = self.p, self.put, self.stack
        name = s["root"] + s["names"]["ln_f"]
        if p["is_row_normed"]:
            x = put("final/ln_f", self.norm(put("final/pool_row", picked(x)[p["picks"]]), name))
            if p["is_shared"]:
                put("final/projected", p["projects"](self.project(x, "visual_projection")))
            return
        normed = put("final/ln_f", self.norm(x, name))
        row = put("final/pool_row", picked(x if p.get("before_norm") else normed)[p["picks"]])
        if p["pooler"]:
            put("final/pooled", p["pooler"](put("final/pool_pre", self.project(row, s["root"] + s["names"]["pooler"]))))
        else:
            put("final/probs", softmax(put("final/logits", self.project(row, "classifier"))))


class Modulated(Pictures):
    """adaLN-Zero: six parts of a condition are the shift, scale and gate of attention, then those of the feed-forward half."""

    def norm(self, x, name):
        if name in self.p["unnormed"]:
            return x
        if self.p["norm"] == "ln":
            x = x - x.mean(axis=-1, keepdims=True)
        return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + F(self.p["epsilon"])) * self.p.get("gain", F(1))

    def block(self, x, layer, source, mask):
        p, put = self.p, self.put
        x = put("resid_in", x)
        if p.get("one_condition"):
            self.here = self.stack["root"] + self.stack["names"]["block"].format(0)
        made = put("cond", self.linear(put("cond_act", p["condition"](self.i["condition"])), "cond"))
        self.here = self.stack["root"] + self.stack["names"]["block"].format(layer)
        parts = p["parts"](made)
        shift, scale, gate, later_shift, later_scale, later_gate = (parts[i] for i in p["order"])
        y = put("ln_1_mod", p["modulates"][0](put("ln_1", self.norm(x, "ln_1")), scale, shift))
        y = self.own_attention(y, layer, mask)
        first, x = x, put("resid_mid", p["summed"](x, y, put("attn_gated", p["gates"][0](y, gate)), gate))
        y = put("ln_2", self.norm(first if p.get("is_parallel") else x, "ln_2"))
        y = self.feed_forward(put("ln_2_mod", p["modulates"][1](y, later_scale, later_shift)))
        return put("resid_out", p["summed"](x, y, put("mlp_out_gated", p["gates"][1](y, later_gate)), later_gate))

    def read_out(self, x):
        """Nothing stands behind the blocks."""
