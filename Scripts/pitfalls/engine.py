"""The forward pass of a plan in float32 NumPy, every activation under the name that Docs/Format.md gives it."""

import numpy as np
from functions import ACTS, F, bfloat16, rotate, slopes, softmax


class Engine:
    """One forward pass; `made` has every activation."""

    def __init__(self, plan, names, weights, tokens, positions, mask):
        self.p, self.n, self.w, self.made, self.path = plan, names, weights, {}, ""
        self.tokens, self.positions, self.mask = tokens, positions, np.asarray(mask, bool)
        self.here = ""

    def put(self, name, value):
        self.made[self.path + name] = np.asarray(value, F)
        return self.made[self.path + name]

    def weight(self, role, kind="weight"):
        """A tensor of the block by its role, in [out, in]; None where the model has none."""
        name = f"{self.here}{self.n[role]}.{kind}"
        if kind == "bias" and (role in self.p["dropped"] or name not in self.w):
            return None
        value = self.w[name]
        if kind == "weight" and value.ndim == 2 and role in self.p.get("reread", ()):
            value = value.reshape(value.shape[::-1]).T  # the buffer read as if its two extents were exchanged
        return value.T if kind == "weight" and self.p["transposed"] and value.ndim == 2 and self.path else value

    def norm(self, x, role, joined=False):
        p = self.p | self.p.get("norms", {}).get(role, {})
        gain = self.w.get(f"{self.here}{self.n[p.get('as', role)]}.weight")
        bias = self.w.get(f"{self.here}{self.n[p.get('as', role)]}.bias")
        if p.get("joined", joined) and x.ndim == 3:
            y = self.normed(x.transpose(1, 0, 2).reshape(x.shape[1], -1), p)
            y = y.reshape(x.shape[1], x.shape[0], -1).transpose(1, 0, 2)
        else:
            y = self.normed(x, p)
        if joined:  # a gain for every column of all heads
            gain = gain.reshape(x.shape[0], 1, x.shape[2])
        y = y * (F(p["plus"]) + gain)
        return y if bias is None else y + bias

    def normed(self, x, p):
        if p["norm"] == "ln":
            x = x - x.mean(axis=-1, keepdims=True)
        return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + F(p["epsilon"]))

    def linear(self, x, role):
        y, bias = x @ self.weight(role).T, self.weight(role, "bias")
        return y if bias is None else y + bias

    def heads(self, x):
        """q, k and v, [H, T, d]."""
        p = self.p
        H, K, d, T = p["heads"], p["kv"], p["d"], len(x)
        if p["layout"] == "apart":
            y = [self.linear(x, role).reshape(T, -1, d) for role in "qkv"]
        else:
            flat = self.linear(x, "qkv") if "qkv" not in p["dropped"] else x @ self.weight("qkv").T
            if p["layout"] == "sides":
                y = np.split(flat.reshape(T, -1, d), [H, H + K], axis=1)
            elif p["layout"] == "keys last":
                y = [flat.reshape(T, -1, d)[:, rows] for rows in (slice(H), slice(H + K, None), slice(H, H + K))]
            elif p["layout"] == "columns first":  # [d, 3, H]: the last axis is the head
                y = list(flat.reshape(T, d, 3, H).transpose(2, 0, 3, 1))
            else:
                y = np.split(flat.reshape(T, K, H // K + 2, d), [H // K, H // K + 1], axis=2)
                y = [part.reshape(T, -1, d) for part in y]
        if p["clip"]:
            y = [np.clip(part, -p["clip"], p["clip"]) for part in y]
        y = [part.transpose(1, 0, 2) for part in y]
        if "permuted" in p:  # rows of each head of queries and keys in the order of the other style of rotation
            r = p["ropes"][0]
            order = np.arange(d)
            order[: r["width"]] = p["permuted"](r["width"])
            y[:2] = [part[:, :, order] for part in y[:2]]
        return y

    def attention(self, x, layer):
        p = self.p
        q, k, v = (self.put(name, part) for name, part in zip("qkv", self.heads(x)))
        rope, joined = p["ropes"][layer], p["head_norm"] == "joined"
        turn = lambda part, which: rotate(part, p.get(f"{which}_rope", rope), self.positions)
        if p["norm_after_rotation"]:
            q, k = (self.norm(turn(part, w), f"{w}_norm", joined) for part, w in ((q, "q"), (k, "k")))
            for w, part in (("q", q), ("k", k)):
                turned = turn(self.made[self.path + w], w)
                last, first = (part, turned) if p["norm_after_rotation"] == "in order" else (turned, part)
                self.put(f"{w}_norm", first), self.put(f"{w}_rope", last)
        else:
            if p["head_norm"]:
                q, k = (self.put(f"{w}_norm", self.norm(part, f"{w}_norm", joined)) for part, w in ((q, "q"), (k, "k")))
            if rope:
                q, k = (self.put(f"{w}_rope", turn(part, w)) for part, w in ((q, "q"), (k, "k")))
        return self.attend(q, k, v, layer)

    def softmax(self, scores):
        return softmax(scores)

    def gather(self, probabilities, v):
        return probabilities @ v

    def attend(self, q, k, v, layer):
        """What heads make of turned queries and keys."""
        p, T = self.p, q.shape[1]
        share = np.arange(p["heads"]) * len(k) // p["heads"]
        k, v = k[share], v[share]
        scale = F(p["scale"] * p["m_on_scores"] / (layer + 1 if p["by_layer"] else 1))
        scores = (q @ k.swapaxes(1, 2)) * scale
        if p["alibi"]:
            bias = self.made["embed/attn_bias"]
            scores = scores + (bias * scale if p["bias_inside_scale"] else bias)
        window = p["windows"][layer]
        at = np.array(self.positions) if p.get("window_by_position") else np.arange(T)
        visible = np.tril(np.ones((T, T), bool)) & self.mask[None, :]
        if window is not None:
            visible &= (at[:, None] - at[None, :]) < window
        masked = lambda s: np.where(visible, s, F(-np.inf))
        capped = lambda s: F(p["cap"]) * np.tanh(s / F(p["cap"]))
        self.put("attn_scores", masked(scores))
        if p["cap"]:
            scores = capped(masked(scores)) if p["cap_after_mask"] else masked(capped(scores))
            if "attn_capped" in p["records"]:
                self.put("attn_capped", scores)
        probabilities = self.put("attn_probs", self.softmax(scores if p["cap_after_mask"] else masked(scores)))
        context = self.gather(probabilities, v).transpose(1, 0, 2).reshape(T, -1)
        return self.put("attn_out", self.linear(self.put("attn_context", context), "out"))

    def feed_forward(self, x):
        p, act = self.p, ACTS[self.p["act"]]
        if not p["gated"]:
            return self.put("mlp_out", self.linear(self.put("mlp_act", act(self.put("mlp_pre", self.linear(x, "up")))), "down"))
        if "gate_up" in self.n:
            both = self.linear(x, "gate_up")
            gate, up = (both[:, 0::2], both[:, 1::2]) if p["swapped"] == "interleaved" else np.split(both, 2, axis=1)
        else:
            gate, up = self.linear(x, "gate"), self.linear(x, "up")
        if p["swapped"] == "weights":
            gate, up = up, gate
        gate, up = self.put("mlp_gate", gate), self.put("mlp_up", up)
        if p["swapped"] == "function":
            gate, up = up, gate
        return self.put("mlp_out", self.linear(self.put("mlp_gated", self.put("mlp_act", act(gate)) * up), "down"))

    def run(self):
        p, w, n = self.p, self.w, self.n
        root = self.here = n["root"]
        x = self.put("embed/token", w[f"{root}{n['table']}.weight"][self.tokens])
        if p["table_factor"] is not None:
            x = x * F(p["table_factor"])
            if "embed/scaled" in p["records"]:
                self.put("embed/scaled", x)
            else:
                self.put("embed/token", x)
        if f"{root}{n.get('project_in')}.weight" in w:
            x = self.put("embed/projected", self.linear(x, "project_in"))
        if "places" in n:
            places = w[f"{root}{n['places']}.weight"]
            rows = np.clip(np.array(self.positions) + p["offset"], 0, len(places) - 1)
            x = self.put("embed/sum", x + self.put("embed/position", places[rows]))
        if "table_norm" in n:
            x = self.put("embed/ln", self.norm(x, "table_norm"))
        if p["alibi"]:
            self.put("embed/attn_bias", self.biases())
        for layer in range(p["layers"]):
            self.here, self.path = root + n["block"].format(layer), f"layers/{layer:03}/"
            x = self.block(self.put("resid_in", x), layer)
        self.here, self.path = root, ""
        if f"{root}{n['ln_f']}.weight" in w:
            x = self.put("final/ln_f", self.norm(x, "ln_f"))
        if f"{root}{n.get('project_out')}.weight" in w:
            x = self.put("final/projected", self.linear(x, "project_out"))
        head = next((w[name] for name in ("lm_head.weight", "embed_out.weight") if name in w), None)
        head = w[f"{root}{n['table']}.weight"] if head is None else head
        x = x @ head.T
        if "lm_head.bias" in w and "head" not in p["dropped"]:
            x = x + w["lm_head.bias"]
        if p["logit_cap"]:
            if "final/logits_raw" in p["records"]:
                x = self.put("final/logits_raw", x)
            x = F(p["logit_cap"]) * np.tanh(x / F(p["logit_cap"]))
        self.put("final/probs", softmax(self.put("final/logits", x)))
        return self.made

    def biases(self):
        """[H, T, T]."""
        p, T = self.p, len(self.tokens)
        counted = (np.cumsum(self.mask) - 1) * self.mask
        key = counted if p["alibi"] == "bloom" else np.arange(T) - T + 1 if p["alibi"] == "mpt" else np.arange(T)
        slope = np.array(slopes(p["heads"], p.get("slopes", "right")), F) * F(p.get("slope_factor", 1))
        if p.get("slopes") == "bfloat16":
            bias = bfloat16(bfloat16(slope)[:, None] * key.astype(F))
        else:
            bias = slope[:, None] * key.astype(F)
        return np.broadcast_to(bias[:, None, :], (p["heads"], T, T))

    def block(self, x, layer):
        p, put = self.p, self.put
        kind = p["block"]
        first = lambda x: put("ln_1", self.norm(x, "ln_1"))
        second = lambda x: put("ln_2", self.norm(x, "ln_2"))
        if p.get("outside"):
            middle = put("resid_mid", self.norm(x + self.attention(first(x) if kind == "sandwich" else x, layer), "post_1"))
            out = self.feed_forward(second(middle) if kind == "sandwich" else middle)
            return put("resid_out", self.norm(middle + out, "post_2"))
        if p.get("without_post"):
            middle = put("resid_mid", x + self.attention(first(x) if kind == "sandwich" else x, layer))
            return put("resid_out", middle + self.feed_forward(second(middle) if kind == "sandwich" else middle))
        if p.get("before"):
            middle = put("resid_mid", x + self.attention(self.norm(x, "post_1"), layer))
            return put("resid_out", middle + self.feed_forward(self.norm(middle, "post_2")))
        if kind == "after":
            middle = put("resid_mid", x + put("attn_post_norm", self.norm(self.attention(x, layer), "post_1")))
            return put("resid_out", middle + put("mlp_post_norm", self.norm(self.feed_forward(middle), "post_2")))
        if kind == "sandwich":
            out = self.attention(first(x), layer)
            middle = put("resid_mid", x + put("attn_post_norm", self.norm(out, "post_1")))
            out = self.feed_forward(second(middle))
            return put("resid_out", middle + put("mlp_post_norm", self.norm(out, "post_2")))
        if kind == "post":
            middle = first(put("resid_mid", x + self.attention(x, layer)))
            return put("resid_out", second(put("resid_mlp", middle + self.feed_forward(middle))))
        if kind in ("one norm", "two norms"):
            attended = self.attention(first(x), layer)
            reads = p.get("feed_reads", "ln_1" if kind == "one norm" else "ln_2")
            thought = x + attended if p.get("in_sequence") else x
            if kind == "two norms":
                thought = second(thought)
            elif p.get("in_sequence"):
                thought = self.norm(thought, "ln_1")
            if reads == "ln_1" and not p.get("in_sequence"):
                thought = self.made[self.path + "ln_1"]
            return put("resid_out", x + attended + self.feed_forward(thought))
        normed = first(x)
        attended = self.attention(normed, layer)
        middle = put("resid_mid", (normed if p["stream"] == "norm" else x) + attended)
        after = second(x if p.get("side_by_side") else middle)
        if p.get("feed_reads") == "ln_1":
            after = normed
        return put("resid_out", (after if p["stream"] == "norm" else middle) + self.feed_forward(after))
