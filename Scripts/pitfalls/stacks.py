"""The forward pass of encoders, and of encoders with decoders, in float32 NumPy, every activation under its name."""

import numpy as np
from functions import ACTS, F, rotate, softmax


class Stacks:
    """One forward pass; `made` has every activation."""

    def __init__(self, plan, weights, inputs):
        self.p, self.w, self.i, self.made = plan, weights, inputs, {}
        self.path, self.here, self.stack = "", "", None

    def put(self, name, value):
        self.made[self.path + name] = np.asarray(value, F)
        return self.made[self.path + name]

    def tensor(self, name):
        """A matrix by its whole name, [out, in]."""
        value = self.w[name + ".weight"]
        return value.reshape(value.shape[::-1]).T if name in self.p["reread"] else value

    def project(self, x, name, bias=True):
        y = x @ self.tensor(name).T
        has = bias and name + ".bias" in self.w and name not in self.p["dropped"]
        return y + self.w[name + ".bias"] if has else y

    def linear(self, x, role, bias=True):
        names = self.stack["names"]
        y = self.project(x, self.here + names[role], bias)
        if role == "k" and self.p.get("lent_bias"):
            y = y + self.w[self.here + names["q"] + ".bias"]
        return y

    def norm(self, x, name):
        p = self.p
        name = p["as_norm"].get(name, name)
        if p["norm"] == "ln":
            x = x - x.mean(axis=-1, keepdims=True)
        y = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + F(p["epsilon"])) * self.w[name + ".weight"]
        return y + self.w[name + ".bias"] if name + ".bias" in self.w else y

    def block_norm(self, x, role):
        return self.put(role, self.norm(x, self.here + self.stack["names"][role]))

    def heads(self, x):
        return x.reshape(len(x), self.stack["heads"], -1).transpose(1, 0, 2)

    def attend(self, q, k, v, prefix, seen, bias=None):
        p = self.p
        scale = F(q.shape[-1] ** -0.5 if p["scale"] is None else p["scale"])
        scores = (q @ k.swapaxes(1, 2)) * scale
        if bias is not None:
            scores = scores + bias
        scores = self.put(prefix + "_scores", np.where(seen, scores, F(-np.inf)))
        context = self.put(prefix + "_probs", softmax(scores)) @ v
        context = self.put(prefix + "_context", context.transpose(1, 0, 2).reshape(q.shape[1], -1))
        return self.put(prefix + "_out", self.linear(context, "out" if prefix == "attn" else "cross_out"))

    def own_attention(self, x, layer, mask):
        p, s = self.p, self.stack
        if "qkv" in s["names"]:
            parts = np.split(self.linear(x, "qkv"), 3, axis=1)
            if p.get("thirds") == "heads":
                y = self.linear(x, "qkv").reshape(len(x), s["heads"], 3, -1)
                parts = [y[:, :, i].reshape(len(x), -1) for i in range(3)]
        else:
            parts = [self.linear(x, r, r != "k" or p["key_bias"]) for r in "qkv"]
        q, k, v = (self.put(name, self.heads(part)) for name, part in zip("qkv", parts))
        if p["rope"]:
            q, k = (self.put(f"{w}_rope", rotate(y, p["rope"][layer], self.i["positions"])) for w, y in (("q", q), ("k", k)))
        T = len(x)
        seen = np.broadcast_to(mask, (T, T))
        if s["causal"]:
            seen = seen & np.tril(np.ones((T, T), bool))
        if s["windows"][layer] is not None:
            apart = np.abs(np.arange(T)[:, None] - np.arange(T)[None, :])
            seen = seen & (apart <= s["windows"][layer])
        has = p["buckets"] and (layer == 0 or not p.get("first_layer_alone"))
        return self.attend(q, k, v, "attn", seen, self.made[s["path"] + "embed/attn_bias"] if has else None)

    def cross(self, x, source, mask):
        p = self.p
        from_q, from_k = ("cross_k", "cross_q") if p.get("crossed") else ("cross_q", "cross_k")
        q = self.put("cross_q", self.heads(self.linear(x, from_q)))
        k = self.put("cross_k", self.heads(self.linear(source, from_k, p["key_bias"])))
        v = self.put("cross_v", self.heads(self.linear(source, "cross_v")))
        both = p.get("cross_both_ways", False)
        bias = self.distances(len(x), len(source), "decoder", both) if p["cross_bias"] else None
        return self.attend(q, k, v, "cross", np.broadcast_to(mask, (len(x), len(source))), bias)

    def feed_forward(self, x):
        p, function = self.p, ACTS[self.p["act"]]
        if not p["gated"]:
            return self.put("mlp_out", self.linear(self.put("mlp_act", function(self.put("mlp_pre", self.linear(x, "up")))), "down"))
        if "gate_up" in self.stack["names"]:
            gate, up = np.split(self.linear(x, "gate_up"), 2, axis=1)
        else:
            gate, up = self.linear(x, "gate"), self.linear(x, "up")
        if p.get("swapped"):
            gate, up = up, gate
        gate, up = self.put("mlp_gate", gate), self.put("mlp_up", up)
        return self.put("mlp_out", self.linear(self.put("mlp_gated", self.put("mlp_act", function(gate)) * up), "down"))

    def block(self, x, layer, source, mask):
        p, put, norm = self.p, self.put, self.block_norm
        source_mask = self.i["source_mask"] if p.get("source_mask", True) else np.ones_like(self.i["source_mask"])
        x = put("resid_in", x)
        if p["form"] == "pre":
            first = x if layer == 0 and not p["norms_first"] else norm(x, "ln_1")
            x = put("resid_mid", x + self.own_attention(first, layer, mask))
            if source is not None:
                x = put("resid_cross", x + self.cross(norm(x, "ln_cross"), source, source_mask))
            return put("resid_out", x + self.feed_forward(norm(x, "ln_2")))
        x = norm(put("resid_mid", x + self.own_attention(x, layer, mask)), "ln_1")
        if source is not None:
            x = norm(put("resid_cross", x + self.cross(x, source, source_mask)), "ln_cross")
        return put("resid_out", norm(put("resid_mlp", x + self.feed_forward(x)), "ln_2"))

    def bucket(self, by, both_ways):
        """Of a distance key − query, as T5 counts."""
        p = self.p
        count, first = p["buckets"], 0
        if both_ways:
            count //= 2
            first, by = (count if by > 0 else 0), abs(by)
        else:
            by = max(-by, 0)
        exact = count // 2
        if by < exact:
            return first + by
        far = exact + int(np.log(by / exact) / np.log(p["distance"] / exact) * (count - exact) + 1e-9)
        return first + min(far, count - 1)

    def distances(self, queries, keys, name, both_ways):
        table = self.w[f"{name}.{self.stack['names']['distances']}.weight"]
        sign = -1 if self.p.get("turned") else 1
        ids = [[self.bucket(sign * (j - i), both_ways) for j in range(keys)] for i in range(queries)]
        return table[np.array(ids)].transpose(2, 0, 1)

    def waves(self, places, width):
        p = self.p
        half = (width + 1) // 2
        column = np.arange(width)
        neighbours = p.get("waves") == "neighbours"
        pair, is_cosine = (column // 2, column % 2 == 1) if neighbours else (column % half, column >= half)
        step = p.get("wave_step", -2 / width)
        angle = np.asarray(places, np.float64)[:, None] * 10000.0 ** (step * pair)
        return np.where(is_cosine, np.cos(angle), np.sin(angle)).astype(F)

    def embed(self, s, ids, places):
        """The first vectors of a stack of tokens."""
        p, w, put, names = self.p, self.w, self.put, s["names"]
        own = f"{s['root']}{names.get('table', 'embed_tokens')}.weight"
        x = put("embed/token", w[own if own in w else "shared.weight" if "shared.weight" in w else "model.shared.weight"][ids])
        if p["factor"]:
            x = put("embed/scaled", x * F(p["factor"])) if self.p["records_scaled"] else put("embed/token", x * F(p["factor"]))
        if "types" in names and f"{s['root']}{names['types']}.weight" in w:
            x = x + put("embed/token_type", w[f"{s['root']}{names['types']}.weight"][p.get("types", self.i["types"])])
        return self.place(s, x, places)

    def place(self, s, x, places):
        p, w, put, names = self.p, self.w, self.put, s["names"]
        if p["positions"] == "waves":
            x = put("embed/sum", x + put("embed/position", self.waves(places + p["offset"], x.shape[1])))
        elif p["positions"] == "learned":
            table = w[f"{s['root']}{names['places']}.weight"]
            rows = table[np.clip(places + p["offset"], 0, len(table) - 1)]
            if p.get("recomputed") and s["path"] == "encoder/":
                rows = self.waves(places, x.shape[1])
            x = put("embed/sum", x + put("embed/position", rows))
        name = s["root"] + names.get("table_norm", "-")
        return put("embed/ln", self.norm(x, name)) if name + ".weight" in w else x

    def run_stack(self, s, x, source, mask):
        self.stack, self.path = s, s["path"]
        if self.p["buckets"]:
            both = self.p.get("both_ways", {}).get(s["path"], s["path"] == "encoder/")
            self.put("embed/attn_bias", self.distances(len(x), len(x), s["path"][:-1], both))
        for layer in range(s["layers"]):
            self.here, self.path = s["root"] + s["names"]["block"].format(layer), f"{s['path']}layers/{layer:03}/"
            x = self.block(x, layer, source, mask)
        self.path = s["path"] if s["path"] == "encoder/" else ""
        name = s["root"] + s["names"].get("ln_f", "-")
        if name + ".weight" not in self.w:
            return x
        y = self.put("final/ln_f", self.norm(x, name))
        return x if self.p.get("before_norm") and s["path"] == "encoder/" else y

    def convolved(self, name, x, stride):
        """[in, F] under filters [out, in, 3], padded by 1."""
        p, filters = self.p, self.w[name + ".weight"]
        filters = filters[:, :, ::-1] if p.get("turned_filters") else filters
        padded = np.pad(x, ((0, 0), p.get("padded", {}).get(name[-1], (1, 1))))
        count = (padded.shape[1] - 3) // stride + 1
        y = np.stack([np.tensordot(filters, padded[:, j * stride : j * stride + 3], 2) for j in range(count)], 1)
        return y + self.w[name + ".bias"][:, None]

    def hear(self, s):
        p, put = self.p, self.put
        self.path = ""
        x = self.i["features"] if self.i.get("features") is not None else put("features/log_mel", log_mel(self.i, p))
        self.path = s["path"]
        act = ACTS[p.get("convolved_act", "erf")]
        for n, stride in ((1, 1), (2, 2)):
            x = put(f"embed/conv_{n}", self.convolved(f"{s['root']}conv{n}", x, stride))
            x = put(f"embed/conv_{n}_act", act(x))
        x = put("embed/frames", x.T if not p.get("unturned") else x.reshape(x.shape[::-1]))
        return self.place(s, x, np.arange(len(x)))

    def run(self):
        p, i, source = self.p, self.i, None
        for s in p["stacks"]:
            self.stack, self.path, self.here = s, s["path"], ""
            reads = s["path"] == "encoder/"
            if reads and p["features"]:
                x, mask = self.hear(s), np.ones(len(i["source_mask"]), bool)
            else:
                ids, places = (i["source"], i["source_positions"]) if reads else (i["tokens"], i["positions"])
                mask = i["source_mask"] if reads else i["mask"]
                if p["pad"] is not None:
                    known = ids != p["pad"]
                    places = np.where(known, np.cumsum(known) + p["pad"] + p.get("pad_offset", 0), p["pad"])
                    if p.get("pad_counted") is not None:
                        places = np.arange(len(ids)) + p["pad_counted"]
                x = self.embed(s, ids, p.get("places", places))
            mask = mask if p.get("own_mask", True) else np.ones_like(mask)
            source = x = self.run_stack(s, x, source, mask)
        self.read_out(x)
        return self.made

    def read_out(self, x):
        p, w, put = self.p, self.w, self.put
        s = p["stacks"][-1]
        self.path = ""
        if p["ends"] is not None:
            row = put("final/pool_row", x[self.end() : self.end() + 1])
            if "text_projection.weight" in w:
                put("final/projected", row @ self.tensor("text_projection").T)
            return
        if p["pooling"]:
            picked = dict(first=x[:1], last=x[-1:], mean=x.mean(axis=0, keepdims=True), greatest=x.max(axis=0, keepdims=True))
            pre = put("final/pool_pre", self.project(put("final/pool_row", picked[p["pooling"]]), s["root"] + "pooler.dense"))
            pooled = put("final/pooled", pre if p.get("unbent") else np.tanh(pre))
            if "cls.seq_relationship.weight" in w:
                put("final/nsp_logits", self.project(pooled, "cls.seq_relationship"))
        if len(p["stacks"]) == 1:
            head = p["head"]
            if head is None:
                return
            x = put("final/head_act", ACTS[p.get("head_act", head["act"])](put("final/head_dense", self.project(x, head["dense"]))))
            x = put("final/head_ln", self.norm(x, head["norm"]))
        if p["readout_factor"]:
            x = put("final/scaled", x * F(p["readout_factor"])) if p["records_readout"] else x * F(p["readout_factor"])
        own = [n for n in ("lm_head", "proj_out") if n + ".weight" in w]
        table = [s["root"] + s["names"].get("table", "embed_tokens"), "shared", "model.shared"]
        logits = x @ next(w[n + ".weight"] for n in own + table if n + ".weight" in w).T
        for bias in ("final_logits_bias", p["head"]["bias"] if p["head"] else "-"):
            if bias in w and bias not in p["dropped"]:
                logits = logits + w[bias].reshape(-1)
        put("final/probs", softmax(put("final/logits", logits)))

    def end(self):
        ids, rule = self.i["tokens"], self.p["ends"]
        found = np.flatnonzero(ids == rule) if isinstance(rule, int) else []
        if isinstance(rule, int) or rule == "first of":
            return int(found[0]) if len(found) else 0
        return {"greatest": int(np.argmax(ids)), "last": len(ids) - 1, "first": 0,
                "last greatest": len(ids) - 1 - int(np.argmax(ids[::-1]))}[rule]  # fmt: skip


def log_mel(i, p):
    """Features of samples, [mels, F], in float64."""
    N, hop, frames = i["n_fft"], i["hop"], i["frames"]
    x = np.zeros(frames * hop)
    x[: len(i["audio"])] = i["audio"]
    mode = p.get("ends_of_sound", "reflect")
    x = np.pad(x, N // 2, mode=mode)
    n = np.arange(N)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / (N - 1 if p.get("symmetric") else N))
    window = np.ones(N) if p.get("windowless") else window
    first = 1 if p.get("last_frames") else 0
    cut = np.stack([x[(f + first) * hop : (f + first) * hop + N] * window for f in range(frames)])
    power = np.abs(np.fft.rfft(cut, axis=1)) ** p.get("power", 2)
    band = np.maximum(power @ i["filters"], 1e-10).T
    level = dict(log10=np.log10, ln=np.log, db=lambda x: 10 * np.log10(x), log2=np.log2)[p["features"]](band)
    if p.get("floor", 8):
        greatest = level.max(axis=1, keepdims=True) if p.get("each_band") else level.max()
        level = np.maximum(level, greatest - p.get("floor", 8))
    return level if p.get("unscaled") else (level + 4) / 4
