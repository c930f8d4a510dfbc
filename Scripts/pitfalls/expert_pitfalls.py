"""Mistakes that ports of decoders with experts and of heads with sinks really make, each as a change of a plan."""

import numpy as np
from experts import sigmoid, weigh
from functions import ACTS, F, softmax
from latent_pitfalls import latent_pitfalls
from pitfalls import attention, norms, positions_of, rotations, streams
from router_pitfalls import choices, counted
from sink_pitfalls import sinks


def expert_pitfalls(p, n, weights, tokens, config, positions, mask):
    """(row, mistake, where it shows, changes of the plan) for every mistake that this model has a place for."""
    if p["latent"]:
        yield from latent_pitfalls(p, n, weights)
    else:
        yield from rotations(p, n, config)
        yield from norms(p, n, weights)
        yield from attention(p, n, tokens)
        for role in ("q", "k", "v", "out"):
            shows = "attn_out" if role == "out" else role
            yield 3, f"{role} read as [in, out] for [out, in] or the reverse", shows, dict(reread=(role,))
            if f"{n['root']}{n['block'].format(0)}{n[role]}.bias" in weights:
                yield 14 if role in "qkv" else 24, f"bias of {role} dropped", shows, dict(dropped=(role,))
    yield from streams(p, n)
    yield from positions_of(p, n, tokens, positions, mask)
    yield from choices(p)
    yield from counted(p)
    yield from matrices(p, n)
    yield from gates(p)
    yield from mixtures(p, len(tokens))
    if p["shared_experts"]:
        yield from shared(p)
    if p["sinks"]:
        yield from sinks(p)
    yield from right(p)


def right(p):
    """Row 0: what right engines do, of which nothing may be flagged."""
    r = p["route"]
    changed = lambda **more: dict(route=r | more)
    own = lambda s, ids: np.take_along_axis(s, ids, 1)
    f = F(r["factor"])
    if r["function"] == "softmax" and r["normalise"]:
        yield 0, "softmax over the chosen logits", (), changed(weigh=lambda s, ids, r, x, c: softmax(own(x, ids)) * f)
    if r["function"] == "logits":
        yield 0, "softmax over all, divided by the sum of the chosen", (), changed(
            weigh=lambda s, ids, r, x, c: own(softmax(x), ids) / own(softmax(x), ids).sum(1, keepdims=True))
    if r["normalise"]:
        yield 0, "the factor before the quotient", (), changed(
            weigh=lambda s, ids, r, x, c: own(s, ids) * f / own(s, ids).sum(1, keepdims=True))
        yield 0, "times the inverse of the sum", (), changed(
            weigh=lambda s, ids, r, x, c: own(s, ids) * (f / own(s, ids).sum(1, keepdims=True)))
        yield 0, "the sum not less than 2**-14", (), changed(
            weigh=lambda s, ids, r, x, c: own(s, ids) / np.maximum(own(s, ids).sum(1, keepdims=True), F(2.0**-14)) * f)
        yield 0, "divided by the sum + 1e-9", (), changed(epsilon=1e-9)
    if r["function"] == "sigmoid":
        yield 0, "logistic functions by tanh", (), changed(
            weigh=lambda s, ids, r, x, c: weigh(F(0.5) * (np.tanh(F(0.5) * x) + 1), ids, r, x))
    yield 0, "experts by ascending number", (), changed(ids=lambda ids, E: np.sort(ids, 1))
    yield 0, "the last choice first", (), changed(ids=lambda ids, E: ids[:, ::-1])
    if p["sinks"]:
        e = lambda s: np.exp(s - greatest(s))
        total = lambda s: e(s).sum(2, keepdims=True)
        yield 0, "a gate of the sum and the sink", (), dict(
            with_sinks=lambda s, z: softmax(s) * sigmoid(greatest(s) + np.log(np.maximum(total(s), F(1e-30))) - z))
        yield 0, "the sink in the sum, not among the greatest", (), dict(
            with_sinks=lambda s, z: e(s) / (total(s) + np.exp(z - greatest(s))))
        yield 0, "exponentials of base 2", (), dict(with_sinks=powers_of_two)
    if p["limit"] is not None:
        L, a = F(p["limit"]), F(p["alpha"])
        yield 0, "up * act + act", (), dict(
            gated_function=lambda g, u, put: plus_act(put("mlp_act", clamped(g, L, a)), np.clip(u, -L, L)))
    if p["shared_experts"]:
        yield 0, "the shared expert before the others", (), dict(added=lambda y, s, e: s + y)


def greatest(s):
    m = s.max(2, keepdims=True)
    return np.where(np.isfinite(m), m, 0)


def powers_of_two(s, z):
    by = F(np.log2(np.e))
    s, z = s * by, z * by
    m = np.maximum(greatest(s), z)
    e = np.exp2(s - m)
    return e / (e.sum(2, keepdims=True) + np.exp2(z - m))


def plus_act(act, up):
    return up * act + act


def matrices(p, n):
    """Rows 3, 17, 24 and 34: what experts are made of."""
    stacked = "expert_gate_up" in n
    shows = dict(gate="mlp_gate", up="mlp_up", down="mlp_out", joined="mlp_gate")
    for role in ("joined", "down") if stacked else ("gate", "up", "down"):
        yield 3, f"experts' {role} read as [in, out] for [out, in] or the reverse", shows[role], dict(reread=(role,))
    yield 17, "weights of gate and up exchanged", "mlp_gate", dict(as_role=dict(gate="up", up="gate"))
    yield 17, "gate for both", "mlp_up", dict(as_role=dict(up="gate"))
    yield 17, "up for both", "mlp_gate", dict(as_role=dict(gate="up"))
    if stacked:
        halves = lambda y, up: np.split(y, 2, axis=-1)[int(up)]
        alternate = lambda y, which: y[..., which::2]
        yield 17, "halves for interleaved", "mlp_gate", dict(part=halves)
        yield 17, "matrices in halves, biases interleaved", "mlp_gate", dict(part=halves, bias_part=alternate)
        yield 17, "biases in halves, matrices interleaved", "mlp_gate", dict(bias_part=halves)
        yield 17, "halves, up first", "mlp_gate", dict(part=lambda y, up: np.split(y, 2, axis=-1)[1 - int(up)])
        yield 17, "up first, biases in order", "mlp_gate", dict(part=lambda y, up: y[..., 1 - up :: 2], bias_part=alternate)
        none = lambda which: lambda role, b, e: b * 0 if role in which else b
        yield 24, "experts' biases forgotten", "mlp_gate", dict(expert_bias=none(("gate", "up", "down")))
        for role in ("gate", "up", "down"):
            yield 24, f"experts' bias of {role} forgotten", shows[role], dict(expert_bias=none((role,)))
            yield 24, f"experts' bias of {role} twice", shows[role], dict(
                expert_bias=lambda role, b, e, which=role: 2 * b if role == which else b)
        for name, times in (("not weighted", lambda w: 1), ("weighted twice", lambda w: w * w), ("left out", lambda w: 0)):
            yield 24, f"bias of down {name} in the mixture", "mlp_out", dict(
                mixed=lambda y, rows, out, w, b, f=times: np.add.at(y, rows, (out - b) * w + b * f(w)))
    gate = ("mlp_gate", "input")
    yield 34, "experts counted from 1: weights of the next", gate, dict(weights_of=lambda e, E: (e + 1) % E)
    yield 34, "weights of the expert before", gate, dict(weights_of=lambda e, E: (e - 1) % E)
    yield 34, "experts in reverse order", gate, dict(weights_of=lambda e, E: E - 1 - e)
    yield 34, "expert 0 for all", gate, dict(weights_of=lambda e, E: 0)
    yield 34, "the last expert for all", gate, dict(weights_of=lambda e, E: E - 1)
    if len(p["sparse"]) > 1:
        layers = len(p["sparse"])
        yield 34, "experts of the layer before", gate, dict(weights_of_layer=lambda i: (i - 1) % layers)
        yield 34, "experts of the first layer that has some", gate, dict(weights_of_layer=lambda i: p["sparse"].index(True))


def gates(p):
    """Rows 17 and 19: what passes the gate."""
    act = "mlp_act"
    if p["limit"] is None:
        for other in ("tanh", "erf", "quick_gelu", "relu", "relu2"):
            yield 19, f"{p['act']} computed as {other}", act, dict(act=other)
        silu = ACTS[p["act"]]
        made = lambda f, g: lambda gate, up, put: put("mlp_act", f(gate)) * g(up)
        yield 17, "the function applied to up", act, dict(
            gated_function=lambda gate, up, put: put("mlp_act", silu(up)) * gate)
        yield 17, "up + 1", "mlp_gated", dict(gated_function=made(silu, lambda u: u + 1))
        yield 17, "no gate", "mlp_gated", dict(gated_function=lambda gate, up, put: put("mlp_act", silu(gate)))
        yield 17, "the gate clipped at 1", act, dict(
            gated_function=lambda gate, up, put: put("mlp_act", silu(np.minimum(gate, 1))) * up)
        yield 17, "up clipped at 1", "mlp_gated", dict(gated_function=made(silu, lambda u: np.clip(u, -1, 1)))
        yield 17, "alpha 1.702", act, dict(act="quick_gelu")
        return
    L, inf, a = p["limit"], np.inf, F(p["alpha"])
    yield 17, "no clamp", act, dict(clips_gate=(-inf, inf), clips_up=(-inf, inf))
    yield 17, "gate not clamped", act, dict(clips_gate=(-inf, inf))
    yield 17, "gate clamped on both sides", act, dict(clips_gate=(-L, L))
    yield 17, "up not clamped", "mlp_gated", dict(clips_up=(-inf, inf))
    yield 17, "up clamped above alone", "mlp_gated", dict(clips_up=(-inf, L))
    yield 17, "up clamped below alone", "mlp_gated", dict(clips_up=(-L, inf))
    yield 17, "up clamped after adding 1", "mlp_gated", dict(
        gated_function=lambda g, u, put: put("mlp_act", clamped(g, L, a)) * np.clip(u + 1, -F(L), F(L)))
    yield 17, "clamped behind the function", act, dict(
        clips_gate=(-inf, inf), clamped_act=lambda z: np.minimum(z * sigmoid(a * z), F(L)))
    for limit in (7.0, 10.0, 1.0):
        if limit != L:
            yield 17, f"limit {limit:g}", (act, "mlp_gated"), dict(clips_gate=(-inf, limit), clips_up=(-limit, limit))
    for alpha in (1.0, 1.7, 1.072, 2.0):
        yield 17, f"alpha {alpha:g}", act, dict(alpha=alpha)
    for other in ("tanh", "erf", "relu"):
        yield 19, f"gate computed as {other}", act, dict(clamped_act=ACTS[other])
    yield 17, "the logistic function of the gate that is not clamped", act, dict(
        clips_gate=(-inf, inf), clamped_act=lambda z: np.minimum(z, F(L)) * sigmoid(a * z))
    yield 17, "1 not added to up", "mlp_gated", dict(plus_up=0.0)
    yield 17, "1 added to the gate", "mlp_gated", dict(
        gated_function=lambda g, u, put: (put("mlp_act", clamped(g, L, a)) + 1) * np.clip(u, -F(L), F(L)))
    yield 17, "1 taken from up", "mlp_gated", dict(plus_up=-1.0)
    yield 17, "the function applied to up", act, dict(
        gated_function=lambda g, u, put: put("mlp_act", clamped(u, L, a)) * (np.clip(g, -F(L), F(L)) + 1))


def clamped(z, L, a):
    z = np.minimum(z, F(L))
    return z * sigmoid(a * z)


def mixtures(p, T):
    """Row 34: what experts are given, and how their results come together."""
    whole = "experts_out" if p["shared_experts"] else "mlp_out"
    yield 34, "weights on the experts' input", "input", dict(
        given=lambda y, w: y * w, mixed=lambda y, rows, out, w, b: np.add.at(y, rows, out))
    yield 34, "not weighted", whole, dict(mixed=lambda y, rows, out, w, b: np.add.at(y, rows, out))
    yield 34, "weighted twice", whole, dict(mixed=lambda y, rows, out, w, b: np.add.at(y, rows, out * w * w))
    yield 34, "the stream before its norm given to experts", "input", dict(experts_read="resid_mid")
    yield 34, "ln_1 given to experts", "input", dict(experts_read="ln_1")
    yield 34, "rows of the tokens behind", "input", dict(rows=lambda rows: np.minimum(rows + 1, T - 1))
    yield 34, "rows in reverse order", "input", dict(rows=lambda rows: rows[::-1])
    yield 34, "the first rows", "input", dict(rows=lambda rows: np.arange(len(rows)))
    yield 34, "the mixture divided by K", whole, dict(whole=lambda y, w: y / w.shape[1])
    adds_up = p["route"]["function"] == "logits" or p["route"]["normalise"] and p["route"]["factor"] == 1
    if not adds_up:
        yield 34, "the mixture divided by the sum of weights", whole, dict(whole=lambda y, w: y / w.sum(1, keepdims=True))
    yield 34, "an expert overwrites those before", whole, dict(mixed=overwrite)
    yield 34, "at most two tokens to an expert", whole, dict(
        mixed=lambda y, rows, out, w, b: np.add.at(y, rows[:2], (out * w)[:2]))
    yield 34, "the last token not sent", whole, dict(
        mixed=lambda y, rows, out, w, b: np.add.at(y, rows[rows < len(y) - 1], (out * w)[rows < len(y) - 1]))
    yield 34, "results at the first tokens", whole, dict(
        mixed=lambda y, rows, out, w, b: np.add.at(y, np.arange(len(rows)), out * w))
    yield 34, "1 added to the mixture", whole, dict(whole=lambda y, w: y + 1)
    if p["route"]["K"] > 1:
        yield 34, "the best expert alone", whole, dict(seen=lambda ids, w: (ids, w * (np.arange(w.shape[1]) == 0)))
        yield 34, "the last choice left out", whole, dict(
            seen=lambda ids, w: (ids, w * (np.arange(w.shape[1]) < w.shape[1] - 1)))
        yield 34, "choices with each other's weights", whole, dict(seen=lambda ids, w: (ids, w[:, ::-1]))
        yield 34, "the mean of experts", whole, dict(seen=lambda ids, w: (ids, np.full_like(w, 1 / w.shape[1])))
        if not adds_up:
            yield 34, "normalised once more", whole, dict(seen=lambda ids, w: (ids, w / w.sum(1, keepdims=True)))
    yield 34, "one expert silent", whole, dict(seen=lambda ids, w: (ids, w * (ids != ids[0, 0])))


def overwrite(y, rows, out, w, b):
    y[rows] = out * w


def shared(p):
    """Row 35: the expert of all tokens."""
    out = "mlp_out"
    f = p["route"]["factor"]
    yield 35, "shared expert forgotten", out, dict(no_shared=True)
    yield 35, "shared expert not added", out, dict(added=lambda y, s, e: y)
    yield 35, "shared expert alone", out, dict(added=lambda y, s, e: s)
    yield 35, "shared expert twice", out, dict(added=lambda y, s, e: y + 2 * s)
    yield 35, "shared expert subtracted", out, dict(added=lambda y, s, e: y - s)
    yield 35, "the mean of shared and routed", out, dict(added=lambda y, s, e: (y + s) / 2)
    if f != 1:
        yield 35, "factor on the shared expert too", out, dict(added=lambda y, s, e: y + F(f) * s)
        yield 35, "factor on the shared expert alone", out, dict(added=lambda y, s, e: y / F(f) + F(f) * s)
        yield 35, "factor once more on the experts", out, dict(added=lambda y, s, e: y * F(f) + s)
    yield 35, "shared expert behind a gate", out, dict(
        added=lambda y, s, e: y + s * sigmoid(e.made[e.path + "router_logits"][:, :1]))
    yield 35, "shared expert by the best expert's weight", out, dict(
        added=lambda y, s, e: y + s * e.made[e.path + "router_weights"][:, :1])
    yield 35, "shared expert divided by K + 1", out, dict(added=lambda y, s, e: y + s / (p["route"]["K"] + 1))
    yield 35, "shared expert given the stream", "mlp_gate", dict(shared_reads="resid_mid")
    yield 35, "shared expert given what the experts made", "mlp_gate", dict(shared_reads="experts_out")
    yield 35, "shared expert's gate and up exchanged", "mlp_gate", dict(shared_exchanged=True)
