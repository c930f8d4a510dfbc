"""The forward pass of a decoder with experts, heads with sinks, or latent attention, in float32 NumPy."""

import numpy as np
from engine import Engine
from functions import ACTS, F, rotate, softmax


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


SCORES = {"softmax": softmax, "sigmoid": sigmoid, "logits": lambda x: x}


def choose(scores, correction, r, best=None):
    """The K experts of each token, best first; of groups those that stay."""
    choice = scores if correction is None else scores + correction
    if r["groups"]:
        runs = choice.reshape(len(choice), r["groups"], -1)
        ordered = np.sort(runs, axis=2)[:, :, ::-1]
        of_groups = (best or (lambda x: x[:, :, : r["best"]].sum(axis=2)))(ordered)
        kept = np.argsort(-of_groups, axis=1, kind="stable")[:, : r["kept"]]
        stays = (np.arange(r["groups"]) == kept[:, :, None]).any(axis=1)
        choice = np.where(stays[:, :, None], runs, F(r.get("others", -np.inf))).reshape(choice.shape)
    return np.argsort(-choice, axis=1, kind="stable")[:, : r["K"]]


def weigh(scores, ids, r, logits, correction=None):
    """What the chosen experts count."""
    own = np.take_along_axis(scores, ids, 1)
    if r["function"] == "logits":
        own = softmax(own)
    if r["normalise"]:
        own = own / (own.sum(axis=1, keepdims=True) + F(r["epsilon"]))
    return own * F(r["factor"])


class Experts(Engine):
    """One forward pass; mistakes are functions in the plan that change a matrix, a choice, a weight."""

    def attention(self, x, layer):
        self.layer = layer
        return self.latent_attention(x, layer) if self.p["latent"] else super().attention(x, layer)

    # Sinks

    def softmax(self, scores):
        if not self.p["sinks"]:
            return softmax(scores)
        p = self.p
        there = self.here if p.get("sinks_of") is None else self.n["root"] + self.n["block"].format(p["sinks_of"])
        z = p.get("sink", lambda z, p: z)(self.w[there + "self_attn.sinks"], p)[:, None, None]
        self.sink = np.broadcast_to(z, (*scores.shape[:2], 1)).astype(F)
        return p.get("with_sinks", lambda s, z: softmax(np.concatenate([s, z], 2))[:, :, :-1])(scores, self.sink)

    def gather(self, probabilities, v):
        context = probabilities @ v
        if "sink_value" in self.p:
            context = context + (1 - probabilities.sum(2, keepdims=True)) * self.p["sink_value"](v)
        return context

    # Latent attention

    def latent_norm(self, x, role):
        p = self.p
        if role in p.get("without", ()):
            return x
        gain = self.w[f"{self.here}{self.n[p.get('gain_of', {}).get(role, role)]}.weight"]
        joined = p.get("over", {}).get(role)
        squares = (x if joined is None else joined) ** 2
        return x / np.sqrt(squares.mean(axis=-1, keepdims=True) + F(p["latent_epsilon"])) * (F(p["latent_plus"]) + gain)

    def latent_attention(self, x, layer):
        p, c, put, T = self.p, self.p["latent"], self.put, len(x)
        H, own, turning = p["heads"], c["nope"], c["rope"]
        if c["queries"]:
            short = put("q_latent", self.linear(x, "q_a"))
            normed = put("q_latent_norm", self.latent_norm(short, "q_a_norm"))
            q = self.linear(short if p.get("q_of_short") else normed, "q_b")
        else:
            q = self.linear(x, "q")
        q = p.get("q_rows", lambda q, c: q.reshape(T, H, -1))(q, c).transpose(1, 0, 2)
        both = self.linear(x, "kv_a")
        parts = both[:, : c["rank"]], both[:, c["rank"] :]
        if p.get("shared_first"):
            parts = both[:, turning:], both[:, :turning]
        short, shared = put("kv_latent", parts[0]), put("k_shared", parts[1][None])
        if p.get("norm_of_both"):
            self.p = p = p | dict(over=dict(kv_a_norm=both))
        normed = put("kv_latent_norm", self.latent_norm(short, "kv_a_norm"))
        up = self.linear(short if p.get("kv_of_short") else normed, "kv_b")
        k, v = p.get("kv_rows", lambda y, H, c: np.split(y.reshape(T, H, -1), [c["nope"]], axis=2))(up, H, c)
        if p.get("v_of_short"):
            v = self.linear(short, "kv_b").reshape(T, H, -1)[:, :, own:]
        q, k, v = put("q", q), put("k", k.transpose(1, 0, 2)), put("v", v.transpose(1, 0, 2))
        rope = p["ropes"][layer]
        turn = lambda part, first, which: rotate(part, rope | dict(first=first) | p.get(f"{which}_rope", {}), self.positions)
        if p.get("q_rope_of_first"):
            q = np.concatenate([turn(q, 0, "q")[:, :, :turning], q[:, :, turning:]], 2)
        else:
            q = turn(q, own, "q")
        q = put("q_rope", q)
        shared = put("k_shared_rope", shared if p.get("shared_unturned") else turn(shared, 0, "k"))
        k = put("k_rope", p.get("join", lambda k, s: np.concatenate([k, s], 2))(k, np.broadcast_to(shared, (H, T, turning))))
        return self.attend(q, k, v, layer)

    # Experts

    def tensor(self, expert, role):
        """A matrix of an expert, [out, in], and its bias or None."""
        p, n, w = self.p, self.n, self.w
        expert = p.get("weights_of", lambda e, E: e)(expert, p["route"]["E"])
        here = self.here
        if "weights_of_layer" in p and p["sparse"][p["weights_of_layer"](self.layer)]:
            here = n["root"] + n["block"].format(p["weights_of_layer"](self.layer))
        role = p.get("as_role", {}).get(role, role)
        stacked = "expert_gate_up" in n
        if stacked and role != "down":
            joined, bias = w[here + n["expert_gate_up"]][expert], w[here + n["expert_gate_up"] + "_bias"][expert]
            if "joined" in p.get("reread", ()):
                joined = joined.reshape(joined.shape[::-1]).T
            part = p.get("part", lambda y, which: y[..., which::2])
            matrix, bias = part(joined, role == "up").T, p.get("bias_part", part)(bias, role == "up")
        elif stacked:
            stored, bias = w[here + n["expert_down"]][expert], w[here + n["expert_down"] + "_bias"][expert]
            matrix = stored.reshape(stored.shape[::-1]) if role in p.get("reread", ()) else stored.T
        else:
            matrix, bias = w[f"{here}{n['expert'].format(expert)}{n['expert_' + role]}.weight"], None
        if role in p.get("reread", ()) and not stacked:
            matrix = matrix.reshape(matrix.shape[::-1]).T
        if bias is not None:
            bias = p.get("expert_bias", lambda role, b, e: b)(role, bias, expert)
        return matrix, bias

    def product(self, x, expert, role):
        matrix, bias = self.tensor(expert, role)
        y = x @ matrix.T
        return y if bias is None else y + bias

    def gated(self, gate, up):
        """What passes the gate."""
        p, put = self.p, self.put
        gate, up = put("mlp_gate", gate), put("mlp_up", up)
        if p.get("gated_function"):
            return put("mlp_gated", p["gated_function"](gate, up, put))
        if p["limit"] is None:
            act, other = ACTS[p["act"]], up
            return put("mlp_gated", put("mlp_act", act(gate)) * other)
        low, high = p["clips_gate"]
        z = np.clip(gate, F(low), F(high))
        act = p.get("clamped_act", lambda z: z * sigmoid(F(p["alpha"]) * z))(z)
        low, high = p["clips_up"]
        return put("mlp_gated", put("mlp_act", act) * (np.clip(up, F(low), F(high)) + F(p["plus_up"])))

    def run_expert(self, x, expert):
        gated = self.gated(self.product(x, expert, "gate"), self.product(x, expert, "up"))
        return self.put("mlp_out", self.product(gated, expert, "down"))

    def route(self, x):
        """Ids and weights of the experts of each token."""
        p, r = self.p, self.p["route"]
        there = self.here
        if r.get("of_layer"):
            other = r["of_layer"](self.layer)
            there = self.n["root"] + self.n["block"].format(other) if p["sparse"][other] else there
        x = self.made[self.path + r["reads"]] if r.get("reads") else x
        matrix, bias = self.w[there + self.n["router"] + ".weight"], self.w.get(there + self.n["router"] + ".bias")
        if r.get("reread"):
            matrix = matrix.reshape(matrix.shape[::-1]).T
        store = r.get("store", lambda y: y)
        logits = store(store(x) @ store(matrix).T + (0 if bias is None or r.get("no_bias") else bias)).astype(F)
        self.put("router_logits", logits)
        correction = self.w[there + r["correction"]] if r["correction"] else None
        scores = SCORES[r["function"]](logits)
        ids = r.get("choose", choose)(SCORES[r.get("chosen_by", r["function"])](logits), correction, r)
        ids = r.get("ids", lambda ids, E: ids)(ids, r["E"])
        weights = r.get("weigh", weigh)(scores, ids, r, logits, correction).astype(F)
        weights = r.get("edit", lambda w, ids: w)(weights, ids)
        self.put("expert_ids", r.get("recorded_ids", lambda ids: ids)(ids))
        return ids, self.put("router_weights", weights)

    def feed_forward(self, x):
        p, path = self.p, self.path
        if not p["sparse"][self.layer]:
            return super().feed_forward(x)
        if p["early_shared"]:
            self.shared(x)
        ids, weights = self.route(x)
        ids, weights = p.get("seen", lambda ids, w: (ids, w))(ids, weights)
        y = np.zeros_like(x)
        reads = self.made[path + p["experts_read"]] if p.get("experts_read") else x
        for expert in range(p["route"]["E"]):
            rows, slots = np.nonzero(ids == expert)
            if len(rows) == 0:
                continue
            order = np.unique(rows)
            self.path = f"{path}experts/{expert:03}/"
            given = p.get("rows", lambda rows: rows)(order)
            given = self.put("input", p.get("given", lambda y, w: y)(reads[given], weights[rows, slots][:, None]))
            out = self.run_expert(given, expert)
            place = np.searchsorted(order, rows)
            self.scatter(y, rows, out[place], weights[rows, slots][:, None], expert)
            self.path = path
        y = p.get("whole", lambda y, w: y)(y, weights).astype(F)
        if not p["shared_experts"]:
            return self.put("mlp_out", y)
        y = self.put("experts_out", y)
        if p.get("no_shared"):
            return self.put("mlp_out", y)
        s = self.shared(x)
        return self.put("mlp_out", p.get("added", lambda y, s, e: y + s)(y, s, self))

    def scatter(self, y, rows, out, weights, expert):
        """Adds what an expert made to its tokens."""
        self.p.get("mixed", lambda y, rows, out, w, bias: np.add.at(y, rows, out * w))(
            y, rows, out, weights, self.tensor(expert, "down")[1])

    def shared(self, x):
        path, self.path = self.path, self.path + "shared/"
        x = self.made[path + self.p["shared_reads"]] if self.p.get("shared_reads") else x
        names = {role: self.n["shared"] + self.n["expert_" + role] for role in ("gate", "up", "down")}
        if self.p.get("shared_exchanged"):
            names |= dict(gate=names["up"], up=names["gate"])
        product = lambda x, role: x @ self.w[f"{self.here}{names[role]}.weight"].T
        y = self.put("mlp_out", product(self.gated(product(x, "gate"), product(x, "up")), "down"))
        self.path = path
        return y
