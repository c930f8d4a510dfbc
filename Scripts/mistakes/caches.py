"""Mistakes of attention by tiles and of caches of keys and values."""

import numpy as np
from functions import F, softmax

from arithmetic import flash, float8, steps
from attention import LATE, TYPES, here
from draw import Plant, kind, put
from spoilt import joined_heads
from words import BFLOAT, HALF, QUANTISED, SHIFT, ZERO, moved, span, whole


def fused(m, fault, words):
    tile = m.pick([x for x in (2, 3, 4, 5, 6, 8) if 2 * x <= m.T])
    at = m.whole(1, (m.T - 1) // tile)
    n, path = m.block()
    drops = m.pick([(), tuple(path + x for x in ("attn_scores", "attn_capped", "attn_probs"))])
    change = lambda e, x: joined_heads(flash(e.scores, e.read[2], tile, fault, at))
    return Plant(
        {path + "attn_context": change},
        [path + "attn_context"],
        f"tiles of {tile} keys, from tile {at} on (key {at * tile}): {words[0]}"
        + (", nothing recorded within" if drops else ""),
        words[1],
        [[whole(at * tile)], [whole(tile)]],
        [r"\bvalues? \d[^;]*\bothers?\b"],  # it is their weights that are
        drops,
    )


def cached(m, change, told, says, part=(), never=(), only="kv", first=0):
    """Keys and values as attention reads them from a cache, in one block."""
    n, path = m.block(first)

    def read(e, q, k, v):
        return q, change(e, k, "k") if "k" in only else k, change(e, v, "v") if "v" in only else v

    return Plant(
        {path + "read": read},
        [path + x for x in (LATE if "k" in only else LATE[2:])],
        f"{told} (block {n})",
        says,
        list(part),
        list(never),
    )


@kind("tiles")
def values_not_rescaled(m):
    return fused(
        m,
        "values",
        ("what was summed of values is not rescaled", [["value|context|output|accum", "rescal|scaled again"]]),
    )


@kind("tiles")
def each_tile_by_itself(m):
    tile, (_, path) = m.pick([x for x in (2, 3, 4, 5, 6, 8) if 2 * x <= m.T]), m.block()

    def change(e, x):
        tiles = [e.scores[:, :, a : a + tile] for a in range(0, m.T, tile)]
        parts = [softmax(s) @ e.read[2][:, n * tile : n * tile + s.shape[2]] for n, s in enumerate(tiles)]
        counts = sum(np.isfinite(s).any(2, keepdims=True) for s in tiles)
        return joined_heads((sum(parts) / np.maximum(counts, 1)).astype(F))

    return Plant(
        {path + "attn_context": change},
        [path + "attn_context"],
        f"tiles of {tile} keys normalised each by itself, their mean",
        [[whole(tile), "tile|block|chunk"], ["tile|block|chunk", "normal|softmax|itself"]],
        [["tile|block"]],
    )


@kind("tiles")
def context_in_half(m):
    name, words, other, round = m.pick(TYPES)

    def change(e, x):
        p, v, y = e.made[e.path + "attn_probs"], e.read[2], 0
        for j in range(m.T):
            y = round(y + p[:, :, j, None] * v[:, j][:, None])
        return joined_heads(y)

    return here(m, "attn_context", change, f"context accumulated in {name}", [[words]], [], [other])


@kind("caches")
def row_of_another_token(m):
    a, b = (int(x) for x in m.rng.permutation(m.T - 1)[:2])
    w = m.pick("kv")
    return cached(
        m,
        lambda e, x, name: put(x, np.s_[:, a], x[:, b]),
        f"{w} of token {a} is that of token {b}",
        [[whole(a, b), "token|key|value|row"], ["before|next|after" if abs(a - b) == 1 else whole(a, b)]],
        [[whole(a)]],
        only=w,
    )


@kind("caches")
def ring_wrapped(m):
    n = m.whole(m.T // 2 + 1, m.T - 2)

    def change(e, x, name):
        x = np.array(x)
        x[:, : m.T - n] = x[:, n:]
        return x

    return cached(
        m,
        change,
        f"a cache of {n} places: keys and values of tokens 0 to {m.T - n - 1} are those of {n} on",
        [
            [whole(n), "cache|ring|place|wrap|overwrit|slot|those of"],
            [span(0, m.T - n, m.T), "overwrit|wrap|those of|replac"],
            [moved({i: i + n for i in range(m.T - n)}, np.flatnonzero(np.asarray(m.case.mask) == 0))],
        ],
        [[span(0, m.T - n, m.T)], [whole(m.T - n - 1)]],
    )


@kind("caches")
def cache_in_int8(m):
    axis, how = m.pick([(2, "row"), ((1, 2), "head"), ((0, 1, 2), "tensor")])
    return cached(m, lambda e, x, name: steps(x, axis), f"cache in int8 by {how}", [[QUANTISED]], [], [HALF, BFLOAT])


@kind("caches")
def cache_in_float8(m):
    return cached(
        m,
        lambda e, x, name: float8(x),
        "cache in float8 (e4m3)",
        [["float8|fp8|e4m3|4 bits|3 bits"]],
        [],
        [HALF, BFLOAT],
    )


@kind("caches")
def prefill_in_half(m):
    t, (name, words, other, round) = m.whole(2, m.T - 2), m.pick(TYPES)
    return cached(
        m,
        lambda e, x, which: put(x, np.s_[:, :t], round(x[:, :t])),
        f"keys and values of tokens before {t} kept in {name}",
        [[words, whole(t)], [words, whole(t - 1)]],
        [[words], [span(0, t, m.T)]],
        [other],
    )


@kind("caches")
def rows_late_by_one(m):
    t = m.whole(1, m.T - 2)

    def change(e, x, name):
        return np.concatenate([x[:, :t], x[:, t - 1 : -1]], axis=1)

    w = m.pick("kv")
    return cached(
        m,
        change,
        f"{w} from token {t} on stand one place late",
        [[whole(t), SHIFT], [span(t, m.T, m.T), span(t - 1, m.T - 1, m.T)], [SHIFT if t == 1 else "(?!)"]],
        [[whole(t)], [SHIFT]],
        only=w,
    )


@kind("caches")
def head_of_another_sign(m):
    h, w = m.whole(0, m.K - 1), m.pick("kv")
    return cached(
        m,
        lambda e, x, name: put(x, h, -x[h]),
        f"{w} of head {h} (of keys and values) has the other sign",
        [[whole(h), "sign|negat|minus|-1|−1"]],
        [[whole(h)], ["sign|negat"]],
        only=w,
    )


@kind("caches")
def values_zero_from_a_token(m):
    t = m.whole(1, m.T - 2)
    return cached(
        m,
        lambda e, x, name: put(x, np.s_[:, t:], 0),
        f"values from token {t} on are zero",
        [[span(t, m.T, m.T), ZERO, "value|token|row|key"], [whole(t), ZERO, "value|token|key"]],
        [[whole(t)]],
        only="v",
    )
