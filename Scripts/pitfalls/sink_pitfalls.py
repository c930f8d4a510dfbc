"""Mistakes of heads with sinks (row 18), each as a change of a plan."""

import numpy as np
from experts import sigmoid
from functions import F, softmax
from router_pitfalls import HALF


def sinks(p):
    """Row 18."""
    shows = "attn_probs"
    z = lambda f: dict(sink=lambda z, p: f(z).astype(F))
    yield 18, "sinks forgotten", shows, z(lambda z: z * 0 - np.inf)
    yield 18, "sinks 0", shows, z(lambda z: z * 0)
    yield 18, "the first head's sink for all", shows, z(lambda z: np.full_like(z, z[0]))
    yield 18, "the mean of all sinks for all", shows, z(lambda z: np.full_like(z, z.mean()))
    yield 18, "sinks of the next head", shows, z(lambda z: np.roll(z, -1))
    yield 18, "sinks in reverse order", shows, z(lambda z: z[::-1])
    g = p["heads"] // p["kv"]
    if 1 < g < p["heads"]:
        yield 18, "a group's first sink for its heads", shows, z(lambda z: np.repeat(z[::g], g))
        yield 18, "sinks by [heads of a group, groups]", shows, z(lambda z: z.reshape(-1, g).T.ravel())
        yield 18, "sinks of the key heads", shows, z(lambda z: np.repeat(z[: p["kv"]], g))
    yield 18, "sinks negated", shows, z(lambda z: -z)
    yield 18, "sinks scaled with the scores", shows, z(lambda z: z * F(p["scale"]))
    yield 18, "sinks divided by the scale", shows, z(lambda z: z / F(p["scale"]))
    yield 18, "sinks twice", shows, z(lambda z: z + F(np.log(2)))
    yield 18, "sinks as exponentials already", shows, z(lambda z: np.log(np.abs(z)))
    yield 18, "sinks in powers of two", shows, z(lambda z: z * F(np.log(2)))
    yield 18, "sinks times log2(e)", shows, z(lambda z: z * F(np.log2(np.e)))
    for name, by in HALF.items():
        yield 18, f"sinks in {name}", shows, z(lambda z, by=by: by(z))
    if p["layers"] > 1:
        yield 18, "sinks of layer 0", shows, dict(sinks_of=0)
    m = lambda s: np.where(np.isfinite(s.max(2, keepdims=True)), s.max(2, keepdims=True), 0)
    e = lambda s: np.exp(s - m(s))
    log = lambda s: np.log(np.maximum(e(s).sum(2, keepdims=True), F(1e-30)))
    at = lambda s: np.arange(s.shape[2])
    tiles = lambda s: np.ceil(np.isfinite(s).sum(2, keepdims=True) / 4)
    share = lambda s, z: np.exp(z - m(s)) / (e(s).sum(2, keepdims=True) + np.exp(z - m(s)))
    ways = {
        "the sink's share dealt out to the keys": lambda s, z: softmax(s),
        "the greatest not taken from the sink": lambda s, z: e(s) / (e(s).sum(2, keepdims=True) + np.exp(z)),
        "e to the 0 of the greatest for the sink": lambda s, z: e(s) / (e(s).sum(2, keepdims=True) + 1),
        "the sink added to every score": lambda s, z: softmax(s + z),
        "the sink added to the sum as it is": lambda s, z: e(s) / (e(s).sum(2, keepdims=True) + z),
        "a gate of the sink behind softmax": lambda s, z: softmax(s) * sigmoid(z),
        "a gate of the sum and the sink with the wrong sign": lambda s, z: softmax(s) * sigmoid(z - m(s) - log(s)),
        "a gate of the sum without its greatest": lambda s, z: softmax(s) * sigmoid(log(s) - z),
        "a gate of the greatest alone": lambda s, z: softmax(s) * sigmoid(m(s) - z),
        "the sink added to the first key's score": lambda s, z: softmax(s + z * (at(s) == 0)),
        "the sink's weight subtracted from every weight": lambda s, z: np.where(np.isfinite(s), softmax(s) - share(s, z), 0),
        "the sink in every tile of four keys": lambda s, z: e(s) / np.maximum(
            e(s).sum(2, keepdims=True) + tiles(s) * np.exp(z - m(s)), F(1e-30)),
        "the sink in the place of the first key": first_replaced,
        "the first column dropped instead of the last": lambda s, z: softmax(np.concatenate([s, z], 2))[:, :, 1:],
    }
    for name, way in ways.items():
        yield 18, name, shows, dict(with_sinks=way)
    yield 18, "a row of values for the sink: the first key's", "attn_context", dict(sink_value=lambda v: v[:, :1])
    yield 18, "a row of values for the sink: ones", "attn_context", dict(sink_value=lambda v: F(1))
    yield 18, "a row of values for the sink: the mean", "attn_context", dict(sink_value=lambda v: v.mean(1, keepdims=True))
    yield 18, "a row of values for the sink: the last key's", "attn_context", dict(sink_value=lambda v: v[:, -1:])


def first_replaced(s, z):
    made = softmax(np.concatenate([z, s[:, :, 1:]], 2))
    return np.concatenate([made[:, :, :1] * 0, made[:, :, 1:]], 2)
