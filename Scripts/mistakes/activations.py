"""Mistakes of nonlinearities and gates."""

import re

import numpy as np
from functions import ACTS, F

from attention import TYPES
from draw import NoPlace, Plant, kind, put
from words import BFLOAT, HALF, number, span, whole


def activation(m, change, told, says, part=(), never=()):
    """change(x, right) of one nonlinearity."""
    path, reads = m.activation()
    return Plant(
        {path + "mlp_act": lambda e, y: change(e.made[path + reads], y)},
        [path + "mlp_act"],
        f"{told} ({path}mlp_act, {m.p['act']})",
        says,
        list(part),
        list(never),
    )


@kind("nonlinearities")
def another_function(m):
    other = m.pick(
        [
            x
            for x in ("tanh", "erf", "quick_gelu", "silu", "relu")
            if x != m.p["act"] and not {x, m.p["act"]} <= {"tanh", "gelu_fast", "bloom"}
        ]
    )
    words = {
        "tanh": "tanh|gelu_new",
        "erf": r"erf|\bis gelu\b",
        "quick_gelu": r"quick|1\.702|σ|sigmoid",
        "silu": "silu|swish|σ|sigmoid",
        "relu": "relu|max",
    }[other]
    return activation(m, lambda x, y: ACTS[other](x), f"{other} for {m.p['act']}", [[words]])


@kind("nonlinearities")
def table_in_half(m):
    name, words, other, round = m.pick(TYPES)
    return activation(
        m, lambda x, y: round(ACTS[m.p["act"]](round(x))), f"a table of {name} arguments", [[words]], [], [other]
    )


@kind("nonlinearities")
def arguments_clamped(m):
    path, reads = m.activation()
    by = round(float(np.quantile(m.base[path + reads], m.rng.uniform(0.7, 0.95))), 2)
    return Plant(
        {path + "mlp_act": lambda e, y: ACTS[m.p["act"]](np.minimum(e.made[path + reads], F(by)))},
        [path + "mlp_act"],
        f"arguments above {by} clamped ({path}{m.p['act']})",
        [[number(by, 0.02)], [number(float(ACTS[m.p["act"]](np.array([by], F))[0]), 0.02)]],
        [["clamp|clip|limit|satur|above|beyond"]],
    )


@kind("nonlinearities")
def straight_pieces(m):
    n = m.pick([17, 33, 65, 129])
    at = np.linspace(-8, 8, n).astype(F)
    pieces = lambda x: np.interp(x, at, ACTS[m.p["act"]](at)).astype(F)

    def off_there(text):
        """The error that is told is that of the place that is told."""
        told = re.search(r"off by at most ([\d.e-]+), at ([-−]?[\d.e-]+)", text)
        if not told:
            return False
        x = np.array([float(told[2].replace("−", "-"))], F)
        return abs(abs(pieces(x) - ACTS[m.p["act"]](x))[0] - float(told[1])) <= 0.2 * float(told[1])

    return activation(
        m,
        lambda x, y: pieces(x),
        f"straight between {n} points from -8 to 8",
        [["table|piece|linear|interpol|straight|points|approxim"]],
        [["another function", off_there]],
        [HALF, BFLOAT],
    )


@kind("nonlinearities")
def tail_not_activated(m):
    path, reads = m.activation()
    width = m.base[path + reads].shape[1]
    size = m.pick([x for x in (4, 8, 16) if width % x] or [3, 5, 7])
    n = width // size * size
    if n == width:
        raise NoPlace
    return Plant(
        {path + "mlp_act": lambda e, y: put(y, np.s_[:, n:], e.made[path + reads][:, n:])},
        [path + "mlp_act"],
        f"columns from {n} on are not activated",
        [[span(n, width, width)], [whole(n)]],
        [["tail|last|column"]],
    )


@kind("nonlinearities")
def leaks_where_negative(m):
    by = float(m.pick([0.01, 0.05, 0.1, 0.2]))
    return activation(
        m,
        lambda x, y: np.where(x > 0, y, F(by) * x),
        f"{by}x where x is negative",
        [[number(by, 0.02)]],
        [["negat|leak"]],
    )


@kind("nonlinearities")
def gate_and_up_exchanged(m):
    if not m.p["gated"]:
        raise NoPlace
    n, path = m.block()
    return Plant(
        {path + "mlp_act": lambda e, y: ACTS[m.p["act"]](e.made[path + "mlp_up"])},
        [path + "mlp_act"],
        "the nonlinearity reads mlp_up",
        [["up"]],
    )


@kind("nonlinearities")
def gate_multiplied_by_itself(m):
    if not m.p["gated"]:
        raise NoPlace
    n, path = m.block()
    what, words = m.pick([("mlp_gate", "gate"), ("mlp_act", "itself|square|act")])
    return Plant(
        {path + "mlp_gated": lambda e, y: e.made[path + "mlp_act"] * e.made[path + what]},
        [path + "mlp_gated"],
        f"multiplied by {what} instead of mlp_up",
        [[words]],
    )


@kind("nonlinearities")
def gate_in_sixteen_bits(m):
    if not m.p["gated"]:
        raise NoPlace
    name, words, other, round = m.pick(TYPES)
    n, path = m.block()
    return Plant(
        {path + "mlp_gated": lambda e, y: round(y)},
        [path + "mlp_gated"],
        f"the product with the gate stored in {name}",
        [[words]],
        [],
        [other],
    )
