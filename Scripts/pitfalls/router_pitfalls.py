"""Mistakes of routers: which experts a token goes to, and what they count, each as a change of a plan."""

import numpy as np
from experts import SCORES, choose, sigmoid, weigh
from functions import F, bfloat16, softmax

HALF = dict(bfloat16=bfloat16, float16=lambda x: np.asarray(x, F).astype(np.float16).astype(F))


def choices(p):
    """Rows 15 and 16: which experts."""
    r = p["route"]
    changed = lambda **more: dict(route=r | more)
    E, K = r["E"], r["K"]
    ids = "expert_ids"
    top = lambda f: lambda s, c, r: np.argsort(-f(s, c, r), axis=1, kind="stable")[:, : r["K"]]
    plain = lambda s, c, r: s if c is None else s + c
    logits = "router_logits"
    for name, by in HALF.items():
        yield 16, f"router in {name}", logits, changed(store=by)
    if r["function"] == "logits":
        yield 16, "router's bias forgotten", logits, changed(no_bias=True)
    yield 16, "router reads the stream before its norm", logits, changed(reads="resid_mid")
    yield 16, "router reads ln_1", logits, changed(reads="ln_1")
    yield 16, "router's matrix read as [in, out]", logits, changed(reread=True)
    layers = len(p["sparse"])
    if layers > 1:
        yield 16, "router of the layer before", logits, changed(of_layer=lambda i: (i - 1) % layers)
        yield 16, "router of layer 0", logits, changed(of_layer=lambda i: p["sparse"].index(True))
    if K > 1:
        yield 15, "K - 1 experts", ids, changed(K=K - 1)
        yield 15, "K - 1 experts beside one that is never written", ids, changed(
            ids=lambda ids, E: np.concatenate([ids[:, :-1], ids[:, :1] * 0], 1))
        yield 15, "only one expert of each token", ids, changed(K=1)
    if K < E:
        yield 15, "K + 1 experts", ids, changed(K=K + 1)
        yield 15, "the K lowest", ids, changed(choose=top(lambda s, c, r: -plain(s, c, r)))
        yield 15, "the best passed over", ids, changed(
            choose=lambda s, c, r: choose(s, c, r | dict(K=K + 1, groups=None))[:, 1:])
        yield 15, "experts at random", ids, changed(
            ids=lambda ids, E: np.argsort(np.random.default_rng(5).random((len(ids), E)), axis=1)[:, :K])
        yield 15, "the first K experts", ids, changed(ids=lambda ids, E: np.broadcast_to(np.arange(K), ids.shape))
        yield 15, "a token's experts for all tokens", ids, changed(ids=lambda ids, E: np.broadcast_to(ids[:1], ids.shape))
        yield 15, "the last token's experts for all", ids, changed(ids=lambda ids, E: np.broadcast_to(ids[-1:], ids.shape))
        yield 15, "experts of the mean over tokens", ids, changed(
            choose=lambda s, c, r: choose(np.broadcast_to(s.mean(0), s.shape), c, r))
        yield 15, "experts counted from 1", ids, changed(ids=lambda ids, E: (ids + 1) % E)
        yield 15, "experts counted backwards", ids, changed(ids=lambda ids, E: E - 1 - ids)
        yield 15, "a token shares the expert of the token before", ids, changed(
            ids=lambda ids, E: np.concatenate([ids[:1], ids[:-1]]))
        if E > 10:
            order = np.array(sorted(range(E), key=str))
            yield 34, "experts in alphabetical order", ("mlp_gate", "input"), dict(weights_of=lambda e, E: order[e])
    yield 15, "ids recorded from 1", ids, changed(recorded_ids=lambda ids: ids + 1)
    if K > 1:
        yield 15, "the best expert K times", ids, changed(ids=lambda ids, E: np.broadcast_to(ids[:, :1], ids.shape))
        yield 15, "ids sorted, the weights not", (ids, "router_weights"), changed(recorded_ids=lambda ids: np.sort(ids, 1))
    if r["correction"]:
        yield 16, "bias forgotten", ids, changed(correction=None)
        yield 16, "bias subtracted", ids, changed(choose=lambda s, c, r: choose(s, -c, r))
        yield 16, "bias added to the logits", ids, changed(
            chosen_by="logits", choose=lambda s, c, r: choose(sigmoid(s + c), None, r))
        yield 16, "bias multiplied", ids, changed(choose=lambda s, c, r: choose(s * c, None, r))
        yield 16, "bias of the experts reversed", ids, changed(choose=lambda s, c, r: choose(s, c[::-1], r))
        yield 16, "bias twice", ids, changed(choose=lambda s, c, r: choose(s, 2 * c, r))
        for name, by in HALF.items():
            yield 16, f"bias stored in {name}", ids, changed(choose=lambda s, c, r, by=by: choose(s, by(c), r))
        yield 16, "chosen by softmax beside the bias", ids, changed(chosen_by="softmax")
        yield 16, "chosen by the logits beside the bias", ids, changed(chosen_by="logits")
        with_bias = lambda s, ids, r, x, c: weigh(s + c, ids, r, x)
        yield 16, "bias counts in the weights", "router_weights", changed(weigh=with_bias)
        yield 16, "bias counts in the sum that divides", "router_weights", changed(
            weigh=lambda s, ids, r, x, c: np.take_along_axis(s, ids, 1) * F(r["factor"])
            / np.take_along_axis(s + c, ids, 1).sum(1, keepdims=True))
        yield 16, "bias added and taken away again", "router_weights", changed(
            weigh=lambda s, ids, r, x, c: weigh(F(s + c * F(1)) - c, ids, r, x))
        yield 16, "a big bias added and taken away again", "router_weights", changed(
            weigh=lambda s, ids, r, x, c: weigh((s + (c + F(30))) - (c + F(30)), ids, r, x))
    if r["groups"] and r["groups"] > 1:
        G, best = r["groups"], r["best"]
        each = E // G
        if r["kept"] < G:
            yield 16, "groups ignored", ids, changed(groups=None)
            yield 16, "other groups 0 for -inf", ids, changed(others=0.0)
            yield 16, "groups that alternate", ids, changed(choose=lambda s, c, r: alternating(s, c, r, G))
            yield 16, "a group more", ids, changed(kept=r["kept"] + 1)
            yield 16, "the worst groups", ids, changed(
                choose=lambda s, c, r: choose(s, c, r, best=lambda x: -x[:, :, : r["best"]].sum(2)))
            yield 16, "groups by their mean", ids, changed(choose=lambda s, c, r: choose(s, c, r, best=lambda x: x.mean(2)))
            yield 16, "the first groups", ids, changed(
                choose=lambda s, c, r: choose(s, c, r, best=lambda x: -np.broadcast_to(np.arange(G), x.shape[:2])))
            for other, name in ((1, "best"), (2, "two best"), (3, "three best")):
                if other != best and other <= each:
                    yield 16, f"groups by their {name}", ids, changed(best=other)
            if r["kept"] > 1 and each * (r["kept"] - 1) >= K:
                yield 16, "a group less", ids, changed(kept=r["kept"] - 1)
            if r["correction"]:
                yield 16, "groups by scores without the bias", ids, changed(choose=without_bias)
        if G != E // G and E % (E // G) == 0 and E // G > 1:
            yield 16, "number and size of groups exchanged", ids, changed(groups=E // G, kept=min(r["kept"], E // G))


def alternating(s, c, r, G):
    order = np.arange(s.shape[1]).reshape(-1, G).T.ravel()
    return order[choose(s[:, order], None if c is None else c[order], r)]


def without_bias(s, c, r):
    runs = np.sort(s.reshape(len(s), r["groups"], -1), axis=2)[:, :, ::-1]
    of_groups = runs[:, :, : r["best"]].sum(2)
    return choose(s, c, r, best=lambda x: of_groups)


def counted(p):
    """Rows 15 and 35: what the chosen experts count."""
    r, shows = p["route"], "router_weights"
    changed = lambda **more: dict(route=r | more)
    K, f = r["K"], r["factor"]
    own = lambda s, ids: np.take_along_axis(s, ids, 1)
    if r["function"] == "logits":
        yield 15, "softmax over all, not normalised", shows, changed(weigh=lambda s, ids, r, x, c: own(softmax(x), ids))
        yield 15, "the logits themselves", shows, changed(weigh=lambda s, ids, r, x, c: own(x, ids))
        yield 15, "logistic functions", shows, changed(weigh=lambda s, ids, r, x, c: own(sigmoid(x), ids))
        yield 15, "logistic functions, normalised", shows, changed(weigh=lambda s, ids, r, x, c: unit(own(sigmoid(x), ids)))
    else:
        if K > 1 or r["function"] == "softmax" or not r["normalise"]:
            yield 15, "normalised" if not r["normalise"] else "not normalised", shows, changed(normalise=not r["normalise"])
        other = "sigmoid" if r["function"] == "softmax" else "softmax"
        yield 15, f"weighed by {other} for {r['function']}", shows, changed(
            weigh=lambda s, ids, r, x, c: weigh(sigmoid(x) if other == "sigmoid" else softmax(x), ids, r, x))
        yield 15, f"weighed by {other}, other normalisation", shows, changed(
            weigh=lambda s, ids, r, x, c: weigh(
                sigmoid(x) if other == "sigmoid" else softmax(x), ids, r | dict(normalise=not r["normalise"]), x))
        yield 15, "softmax over the chosen logits", shows, changed(weigh=lambda s, ids, r, x, c: softmax(own(x, ids)) * F(f))
        yield 15, "softmax over the chosen scores", shows, changed(weigh=lambda s, ids, r, x, c: softmax(own(s, ids)) * F(f))
        yield 15, "the logits themselves", shows, changed(weigh=lambda s, ids, r, x, c: own(x, ids))
    if r["normalise"] or r["function"] == "logits":
        for e in (1e-2, 1e-3, 1e-6):
            yield 15, f"divided by the sum + {e:g}", shows, changed(
                weigh=lambda s, ids, r, x, c, e=e: plus(weigh, e)(s, ids, r, x))
        if r["function"] != "logits":
            yield 15, "divided by the sum of all", shows, changed(
                weigh=lambda s, ids, r, x, c: own(s, ids) / s.sum(1, keepdims=True) * F(f))
            yield 15, "divided by the greatest", shows, changed(
                weigh=lambda s, ids, r, x, c: own(s, ids) / own(s, ids).max(1, keepdims=True) * F(f))
            yield 15, "divided by the length", shows, changed(
                weigh=lambda s, ids, r, x, c: own(s, ids) / np.sqrt((own(s, ids) ** 2).sum(1, keepdims=True)) * F(f))
            yield 15, "the sum not less than 1", shows, changed(
                weigh=lambda s, ids, r, x, c: own(s, ids) / np.maximum(own(s, ids).sum(1, keepdims=True), 1) * F(f))
        if K < r["E"]:
            more = lambda s, ids, r, x, c: weigh(s, choose(s, c, r | dict(K=K + 1, groups=None)), r, x)[:, :K]
            yield 15, "normalised over K + 1", shows, changed(weigh=more)
    yield 15, "all weights 1", shows, changed(edit=lambda w, ids: np.ones_like(w))
    if K > 1 or r["function"] == "softmax" and not r["normalise"]:
        yield 15, "all weights 1/K", shows, changed(edit=lambda w, ids: np.full_like(w, 1 / K))
    yield 15, "all weights the first token's", shows, changed(edit=lambda w, ids: np.broadcast_to(w[:1], w.shape))
    yield 15, "weights of the token before", shows, changed(edit=lambda w, ids: np.concatenate([w[:1], w[:-1]]))
    yield 15, "square roots of the weights", shows, changed(edit=lambda w, ids: np.sqrt(w))
    yield 15, "weights squared", shows, changed(edit=lambda w, ids: w * w)
    for name, by in HALF.items():
        yield 15, f"weights in {name}", shows, changed(edit=lambda w, ids, by=by: by(w))
    yield 15, "softmax at a temperature of 2", shows, changed(
        weigh=lambda s, ids, r, x, c: weigh(SCORES[r["function"]](x / 2), ids, r, x))
    if K > 1:
        yield 15, "weights in the other order", shows, changed(edit=lambda w, ids: w[:, ::-1])
        yield 15, "weights one on", shows, changed(edit=lambda w, ids: np.roll(w, 1, 1))
        yield 15, "weights by ascending ids", shows, changed(edit=lambda w, ids: np.take_along_axis(w, np.argsort(ids, 1), 1))
        yield 15, "weights [K, T] read as [T, K]", shows, changed(edit=lambda w, ids: w.T.reshape(w.shape))
    if f != 1:
        yield 35, "factor forgotten", shows, changed(factor=1.0)
        yield 35, "factor twice", shows, changed(factor=f * f)
        yield 35, "divided by the factor", shows, changed(factor=1 / f)
    else:
        yield 35, "a factor of 2.5", shows, changed(factor=2.5)
    if f != 1 and r["normalise"]:
        yield 35, "factor before the sum that divides", shows, changed(
            weigh=lambda s, ids, r, x, c: unit(weigh(s, ids, r | dict(normalise=False), x)))


def unit(w):
    return w / w.sum(1, keepdims=True)


def plus(weigh, e):
    def weights(s, ids, r, x, c=None):
        if r["function"] == "logits":
            own = np.exp(np.take_along_axis(x, ids, 1) - x.max(1, keepdims=True))
            return own / (own.sum(1, keepdims=True) + F(e))
        return weigh(s, ids, r | dict(epsilon=e), x)
    return weights
