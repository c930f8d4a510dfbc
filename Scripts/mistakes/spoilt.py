"""The engine of Scripts/pitfalls with places where a kernel can be exchanged for one that has a mistake.

A mistake is a table of changes, by the place where each goes in:

    path of an activation       f(engine, right) -> what is stored and handed on
    path of a block + role "*"  f(x, W, b) -> y of a product, W [out, in]
    path of a block + role "~"  f(x, gain, bias, epsilon) -> y of a norm
    path of a block + "read"    f(engine, q, k, v) -> the three as attention reads them, after rotation, before heads share
    path of a block + "seen"    f(seen) -> which keys each query sees, [H, T, T]
    path of a block + "turn q"  f(positions) -> where the queries stand (and "turn k" of the keys)
    path of a block + "share"   f(share) -> which head of keys and values each head reads
"""

import numpy as np
from engine import Engine
from functions import F, rotate, softmax


class Spoilt(Engine):
    """One forward pass with `changes`; `made` has every activation, in the order in which they are computed."""

    def __init__(self, case, changes=None, tokens=None):
        tokens = case.tokens if tokens is None else tokens
        super().__init__(case.plan, case.names, case.weights, tokens, case.positions, case.mask)
        self.changes = changes or {}

    def change(self, place):
        return self.changes.get(self.path + place)

    def put(self, name, value):
        change = self.change(name)
        return super().put(name, change(self, np.asarray(value, F)) if change else value)

    def linear(self, x, role):
        change, weight, bias = self.change(role + "*"), self.weight(role), self.weight(role, "bias")
        if change:
            return np.asarray(change(x, weight, bias), F)
        return x @ weight.T if bias is None else x @ weight.T + bias

    def norm(self, x, role, joined=False):
        change = self.change(role + "~")
        if change is None or joined:
            return super().norm(x, role, joined)
        gain = F(self.p["plus"]) + self.w[f"{self.here}{self.n[role]}.weight"]
        return np.asarray(change(x, gain, self.w.get(f"{self.here}{self.n[role]}.bias"), self.p["epsilon"]), F)

    def head(self):
        """The matrix of the logits, [V, D]."""
        untied = next((self.w[name] for name in ("lm_head.weight", "embed_out.weight") if name in self.w), None)
        return self.w[f"{self.n['root']}{self.n['table']}.weight"] if untied is None else untied

    def seen(self, layer):
        """Which keys each query sees, [H, T, T]."""
        T, window = len(self.tokens), self.p["windows"][layer]
        seen = np.tril(np.ones((T, T), bool)) & self.mask[None, :]
        if window is not None:
            seen &= np.arange(T)[:, None] - np.arange(T)[None, :] < window
        seen = np.broadcast_to(seen, (self.p["heads"], T, T)).copy()
        change = self.change("seen")
        return change(seen) if change else seen

    def attention(self, x, layer):
        p = self.p
        q, k, v = (self.put(name, part) for name, part in zip("qkv", self.heads(x)))
        rope, joined = p["ropes"][layer], p["head_norm"] == "joined"
        if p["head_norm"]:
            q, k = (self.put(f"{w}_norm", self.norm(part, f"{w}_norm", joined)) for part, w in ((q, "q"), (k, "k")))
        if rope:
            stand = lambda w: (self.change(f"turn {w}") or np.asarray)(self.positions)
            q, k = (self.put(f"{w}_rope", rotate(part, rope, stand(w))) for part, w in ((q, "q"), (k, "k")))
        read = self.change("read")
        if read:
            q, k, v = read(self, q, k, v)
        share = np.arange(p["heads"]) * len(k) // p["heads"]
        share = self.change("share")(share) if self.change("share") else share
        k, v = k[share], v[share]
        scale = self.scale(layer)
        scores = (q @ k.swapaxes(1, 2)) * scale
        self.bias = self.made["embed/attn_bias"] if p["alibi"] else None
        scores = scores + self.bias if p["alibi"] else scores
        seen = self.seen(layer)
        masked = lambda s: np.where(seen, s, F(-np.inf))
        self.read = q, k, v, seen
        scores = self.put("attn_scores", masked(scores))
        if p["cap"]:
            scores = masked(F(p["cap"]) * np.tanh(scores / F(p["cap"])))
            scores = self.put("attn_capped", scores) if "attn_capped" in p["records"] else scores
        self.scores = scores
        probabilities = self.put("attn_probs", softmax(scores))
        context = self.put("attn_context", joined_heads(probabilities @ v))
        return self.put("attn_out", self.linear(context, "out"))

    def scale(self, layer):
        """What queries times keys are multiplied by."""
        return F(self.p["scale"] * self.p["m_on_scores"] / (layer + 1 if self.p["by_layer"] else 1))


def joined_heads(x):
    """[H, T, d] as [T, H·d]."""
    return x.transpose(1, 0, 2).reshape(x.shape[1], -1)
