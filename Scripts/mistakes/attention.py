"""Mistakes of scores and softmax."""

import re

import numpy as np
from functions import F, bfloat16

from arithmetic import by_heads, half
from draw import NoPlace, Plant, kind, put
from seen import Seen
from spoilt import joined_heads
from words import BFLOAT, HALF, ZERO, number, whole

TYPES = [("float16", HALF, BFLOAT, half), ("bfloat16", BFLOAT, HALF, bfloat16)]
LATE = ["attn_scores", "attn_probs", "attn_context"]
SCALED = "scale|√|divid|times|multipl|factor|instead"


def here(m, name, change, told, says, part=(), never=(), first=0, drops=()):
    n, path = m.block(first)
    return Plant({path + name: change}, [path + name], f"{told} (block {n})", says, list(part), list(never), drops)


def context(m, change, told, says, part=(), never=(), **more):
    return here(
        m, "attn_context", lambda e, x: joined_heads(change(e, by_heads(x, m.H))), told, says, part, never, **more
    )


@kind("scale")
def another_scale(m):
    name, by = m.pick(
        [
            ("1/√D", m.D**-0.5),
            ("1/d", 1 / m.d),
            ("1/√T", m.T**-0.5),
            ("1/√(d + 1)", (m.d + 1) ** -0.5),
            ("1/√H", m.H**-0.5),
        ]
    )

    def change(e, x):
        q, k, v, seen = e.read
        x = (q @ k.swapaxes(1, 2)) * F(by) + (e.bias if e.bias is not None else 0)
        return np.where(seen, x, F(-np.inf))

    if abs(by - m.p["scale"]) < 1e-3 * by:
        raise NoPlace
    return here(
        m,
        "attn_scores",
        change,
        f"scores times {name}",
        [
            [number(by), SCALED],
            [number(by / m.p["scale"]), SCALED],
            [number(m.p["scale"] / by), SCALED],
            [re.escape(name.split("/")[1])],
            [r"√\(D/H\)" if abs(m.D / m.H * by**2 - 1) < 1e-6 else "√" + name],
        ],
    )


@kind("scale")
def scale_rounded(m):
    by = bfloat16(F(m.p["scale"]))
    if by == F(m.p["scale"]) or m.p["by_layer"]:
        raise NoPlace

    def change(e, x):
        q, k, v, seen = e.read
        x = (q @ k.swapaxes(1, 2)) * by + (e.bias if e.bias is not None else 0)
        return np.where(seen, x, F(-np.inf))

    return here(
        m,
        "attn_scores",
        change,
        "the scale rounded to bfloat16",
        [[BFLOAT + ("|" + HALF if by == half(F(m.p["scale"])) else ""), "scale|√|factor"], [number(float(by), 1e-4)]],
    )


@kind("scores")
def scores_in_sixteen_bits(m):
    name, words, other, round = m.pick(TYPES)
    return here(m, "attn_scores", lambda e, x: round(x), f"scores stored in {name}", [[words]], [], [other])


@kind("scores")
def own_key_not_yet_written(m):
    n, path = m.block()
    i = np.arange(m.T)
    change = lambda e, x: put(x, np.s_[:, i, i], e.bias[:, i, i] if e.bias is not None else 0)
    changes = {path + "attn_scores": change}
    return Plant(
        changes,
        [path + "attn_scores"],
        "each query reads its own key before it is written (zero)",
        [["own|itself|diagonal|current|same (token|position)", ZERO]],
        [["own|itself|diagonal|current"], [Seen(m, path, changes).a_part]],
    )


@kind("softmax")
def one_more_in_the_sum(m):
    def change(e, x):
        top = np.maximum(e.scores.max(2, keepdims=True), 0)
        s = np.exp(e.scores - top)
        return s / (s.sum(2, keepdims=True) + np.exp(-top))

    return here(
        m,
        "attn_probs",
        change,
        "softmax with one more in its sum",
        [["\\+ ?1|one more|extra|sink|off by one|starts at 1|a score of 0|another (key|term)"]],
        [["sum|denominator"]],
    )


@kind("softmax")
def dropped_out(m):
    rate = float(m.pick([0.1, 0.2, 0.25, 0.3]))
    keep = m.rng.random((m.H, m.T, m.T)) >= rate
    return here(
        m,
        "attn_probs",
        lambda e, x: np.where(keep, x / F(1 - rate), 0),
        f"dropout of {rate}",
        [["drop"], [number(1 / (1 - rate)), ZERO], [number(rate), ZERO]],
        [[number(1 / (1 - rate))]],
    )


@kind("softmax")
def greatest_alone(m):
    n = m.whole(2, 5)

    def change(e, x):
        least = np.sort(x, 2)[:, :, -n][:, :, None]
        x = np.where(x >= least, x, 0)
        return x / np.maximum(x.sum(2, keepdims=True), F(1e-30))

    block, path = m.block()
    changes = {path + "attn_probs": change}
    return Plant(
        changes,
        [path + "attn_probs"],
        f"the {n} greatest probabilities alone (block {block})",
        [[whole(n), "great|top|large|high"]],
        [["great|top|large"], [Seen(m, path, changes).a_part]],
    )


@kind("softmax")
def probabilities_in_sixteen_bits(m):
    name, words, other, round = m.pick(TYPES)
    return here(m, "attn_probs", lambda e, x: round(x), f"probabilities stored in {name}", [[words]], [], [other])


@kind("softmax")
def exponential_by_a_polynomial(m):
    def exp(x):
        n = np.floor(x / F(np.log(2)))
        r = x - n * F(np.log(2))
        return np.ldexp(1 + r * (1 + r * F(0.5)), n.astype(int))

    def change(e, x):
        z = np.maximum(e.scores - e.scores.max(2, keepdims=True), -80)
        s = np.where(np.isfinite(e.scores), exp(z.astype(F)), 0)
        total = s.sum(2, keepdims=True)
        return s / np.where(total == 0, 1, total)  # a row that sees no key

    return here(
        m,
        "attn_probs",
        change,
        "exp by a polynomial of the second degree",
        [["exp", "polynom|approxim|series|coarse|table|degree|inexact"]],
        [["exp"]],
    )
