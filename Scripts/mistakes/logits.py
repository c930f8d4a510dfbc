"""Mistakes of logits and probabilities."""

import numpy as np
from functions import F, softmax

from arithmetic import steps
from attention import TYPES
from draw import Plant, kind, put
from words import BFLOAT, HALF, QUANTISED, SHIFT, ZERO, number, span, whole

LOGITS = ["final/logits_raw", "final/logits"]


def stream(e):
    return e.made.get("final/projected", e.made["final/ln_f"])


def logits(m, change, told, says, part=(), never=()):
    """change(e, y) of the logits, before they are capped where that is recorded."""
    name = LOGITS[0] if LOGITS[0] in m.base else LOGITS[1]
    return Plant({name: change}, [name], told, says, list(part), list(never))


def bias(e):
    return e.w.get("lm_head.bias", F(0))


@kind("logits")
def logits_scaled(m):
    by = float(m.pick([0.5, 2.0, m.D**-0.5, 0.9, 1.25]))
    return logits(
        m,
        lambda e, y: y * F(by),
        f"logits times {by:g}",
        [[number(by)], [number(1 / by)], ["√D" if by == m.D**-0.5 else number(by)]],
        [["scale|times|factor"]],
    )


@kind("logits")
def temperature(m):
    by = float(m.pick([0.5, 0.7, 0.8, 1.3, 2.0]))
    return Plant(
        {"final/probs": lambda e, p: softmax(e.made["final/logits"] / F(by))},
        ["final/probs"],
        f"probabilities at temperature {by}",
        [[number(by)], [number(1 / by)]],
        [["temperature"]],
    )


@kind("logits")
def shard_missing(m):
    ranks = m.pick([2, 3, 4])
    r = m.whole(0, ranks - 1)
    a, b = m.V * r // ranks, m.V * (r + 1) // ranks
    return logits(
        m,
        lambda e, y: put(y, np.s_[:, a:b], 0),
        f"logits {a} to {b - 1} are zero (shard {r} of {ranks})",
        [[span(a, b, m.V), ZERO]],
        [[span(a, b, m.V)]],
    )


@kind("logits")
def shards_exchanged(m):
    ranks = m.pick([2, 3, 4])
    size = m.V // ranks
    a, b = m.two(ranks)
    order = np.arange(m.V)
    order[a * size : a * size + size], order[b * size : b * size + size] = (
        np.arange(b * size, b * size + size),
        np.arange(a * size, a * size + size),
    )
    return logits(
        m,
        lambda e, y: y[:, order],
        f"shards of {size} logits at {a * size} and {b * size} exchanged",
        [[whole(a * size, b * size)], [whole(a * size), "exchang|permut|order|those of"], [whole(size)]],
        [["exchang|permut|order"]],
    )


@kind("logits")
def logits_shifted(m):
    a, by = m.whole(0, m.V - 3), m.pick([1, 2])
    return logits(
        m,
        lambda e, y: np.concatenate([y[:, :a], np.roll(y[:, a:], by, 1)], 1),
        f"logits from {a} on stand {by} too far",
        [[whole(a), SHIFT + "|too far|rotat|permut|order|those of"], [whole(a), whole(a + by)]],
        [[whole(a)], ["shift|order|permut|rotat"]],
    )


@kind("logits")
def head_in_sixteen_bits(m):
    name, words, other, round = m.pick(TYPES)
    return logits(
        m, lambda e, y: stream(e) @ round(e.head()).T + bias(e), f"the head's matrix in {name}", [[words]], [], [other]
    )


@kind("logits")
def head_in_int8(m):
    axis = m.pick([1, None])
    return logits(
        m,
        lambda e, y: stream(e) @ steps(e.head(), axis).T + bias(e),
        f"the head's matrix in int8 by {'row' if axis else 'tensor'}",
        [[QUANTISED]],
        [],
        [HALF, BFLOAT],
    )


@kind("logits")
def penalty_of_repetition(m):
    by = float(m.pick([1.1, 1.2, 1.3, 1.5]))

    def change(e, y):
        y = np.array(y)
        for t in range(m.T):
            ids = np.unique(m.case.tokens[: t + 1])
            y[t, ids] = np.where(y[t, ids] > 0, y[t, ids] / F(by), y[t, ids] * F(by))
        return y

    return logits(
        m,
        change,
        f"logits of ids that were seen are divided by {by} (times, where negative)",
        [["repet|penal|seen|occur"], [number(by)], [number(1 / by)]],
    )


@kind("logits")
def ids_forbidden(m):
    ids = sorted(int(x) for x in m.rng.choice(m.V, 2, replace=False))
    return logits(
        m,
        lambda e, y: put(y, np.s_[:, ids], -1e4),
        f"logits of ids {ids} are -10000",
        [[whole(*ids)], [number(1e4)]],
        [[whole(ids[0])], [whole(ids[1])]],
    )
