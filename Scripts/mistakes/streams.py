"""Mistakes of sums and of what is handed on."""

import numpy as np
from functions import F

from arithmetic import cut
from attention import TYPES
from draw import NoPlace, Plant, kind, put
from seen import left_there
from words import BFLOAT, SHIFT, ZERO, layer, number, span, whole

SUMS = {"resid_mid": ("resid_in", "attn_out"), "resid_out": ("resid_mid", "mlp_out")}


def add(m, change, told, says, part=(), never=(), first=0):
    """change(e, x, y, right) of a sum of the stream x and a half y of a block."""
    n, path = m.block(first)
    if m.p["block"] != "pre" or m.p["stream"] != "resid":
        raise NoPlace
    name = m.pick(list(SUMS))
    a, b = SUMS[name]
    return Plant(
        {path + name: lambda e, s: change(e, e.made[path + a], e.made[path + b], s)},
        [path + name],
        f"{told} ({path}{name})",
        says,
        list(part),
        list(never),
    )


def anywhere(m):
    path = m.pick(
        [
            p
            for p in m.base
            if p.startswith("layers") and not p.endswith(("attn_scores", "attn_probs", "attn_capped", "resid_in"))
        ]
    )
    return path, m.base[path].shape


@kind("sums")
def norm_for_the_stream(m):
    n, path = m.block()
    if m.p["block"] != "pre" or m.p["stream"] != "resid":
        raise NoPlace
    return Plant(
        {path + "resid_mid": lambda e, s: e.made[path + "ln_1"] + e.made[path + "attn_out"]},
        [path + "resid_mid"],
        "the residual is ln_1, not resid_in",
        [["ln_1|norm"]],
    )


@kind("sums")
def half_of_it(m):
    by, which = float(m.pick([0.5, 0.7071, 0.9, 1.1, 0.1])), m.pick("xy")
    return add(
        m,
        lambda e, x, y, s: F(by) * x + y if which == "x" else x + F(by) * y,
        f"{'the stream' if which == 'x' else 'the half'} times {by}",
        [
            [number(by)],
            ["half"] if by == 0.5 else [number(by)],
            ["layers" if abs(by - (2 * m.L) ** -0.5) < 1e-3 else number(by)],
        ],
        [["factor|times|scaled"]],
    )


@kind("sums")
def added_in_sixteen_bits(m):
    name, words, other, round = m.pick(TYPES)
    return add(m, lambda e, x, y, s: round(s), f"stored in {name}", [[words]], [], [other])


@kind("sums")
def not_added_in_columns(m):
    a, b = m.span(m.D, 8)
    plant = add(
        m,
        lambda e, x, y, s: put(s, np.s_[:, a:b], x[:, a:b]),
        f"columns {a} to {b - 1} lack the half of the block",
        [[span(a, b, m.D), ZERO + "|lack"]],
        [[span(a, b, m.D)]],
    )
    plant.says.append([span(a, b, m.D), left_there(m, plant.changes, plant.begins[0])])
    return plant


@kind("sums")
def stream_of_the_block_before(m):
    n, path = m.block(1)
    if m.p["block"] != "pre" or m.p["stream"] != "resid":
        raise NoPlace
    return Plant(
        {path + "resid_mid": lambda e, s: e.made[f"layers/{n - 1:03}/resid_mid"] + e.made[path + "attn_out"]},
        [path + "resid_mid"],
        f"the residual is resid_mid of block {n - 1}",
        [[layer(n - 1)], ["of resid_mid|is resid_mid|another (block|layer)|previous|before|earlier"]],
    )


@kind("sums")
def taken_away(m):
    return add(m, lambda e, x, y, s: x - y, "the half is subtracted", [["subtract|sign|minus|negat|-1|−1"]])


@kind("sums")
def half_of_the_row_before(m):
    by = m.pick([1, -1])
    return add(
        m,
        lambda e, x, y, s: x + np.roll(y, by, 0),
        f"each row is given the half of the row {by} before",
        [["row|token", SHIFT + "|another|rotat|permut|order|those of"]],
    )


@kind("sums")
def handed_on_wrongly(m):
    n, path = m.block(1)
    a, b = m.span(m.D, 8)
    return Plant(
        {path + "resid_in": lambda e, s: put(s, np.s_[:, a:b], 0)},
        [path + "resid_in"],
        f"columns {a} to {b - 1} are lost between blocks",
        [[span(a, b, m.D)]],
    )


@kind("sums")
def block_skipped(m):
    n, path = m.block(1)
    before = f"layers/{n - 1:03}/resid_in"
    return Plant(
        {path + "resid_in": lambda e, s: e.made[before]},
        [path + "resid_in"],
        f"block {n} reads what block {n - 1} read",
        [[layer(n - 1)], ["skip|resid_in|block before|previous|left out"]],
    )


@kind("values")
def cut_where_stored(m):
    path, shape = anywhere(m)
    return Plant(
        {path: lambda e, x: cut(x, 16)},
        [path],
        f"{path} cut to the upper 16 bits",
        [["cut|trunc|towards? zero|chop|upper"]],
        [[BFLOAT]],
    )


@kind("values")
def not_a_number(m):
    path, shape = anywhere(m)
    at = tuple(m.whole(0, n - 1) for n in shape)
    value = m.pick([np.nan, np.inf])
    return Plant(
        {path: lambda e, x: put(x, at, value)},
        [path],
        f"{value} at {list(at)} of {path}",
        [["nan|not finite|inf|not a number"]],
        [[whole(*at)]],
    )


@kind("values")
def garbage_in_a_row(m):
    path, shape = anywhere(m)
    t = m.whole(0, m.T - 1)
    garbage = m.rng.normal(size=shape[-1]).astype(F) * 100
    return Plant(
        {path: lambda e, x: put(x, np.s_[..., t, :], garbage)}, [path], f"row {t} of {path} holds garbage", [[whole(t)]]
    )


@kind("values")
def copy_of_another_activation(m):
    path, shape = anywhere(m)
    before = list(m.base)[: list(m.base).index(path)]
    other = m.pick(
        [
            p
            for p in before
            if m.base[p].shape == shape and p[:11] == path[:11] and not np.array_equal(m.base[p], m.base[path])
        ]
    )
    return Plant(
        {path: lambda e, x: e.made[other]},
        [path],
        f"{path} is {other}",
        [
            [other.split("/")[-1] + "|" + "|".join(p for p in before if np.array_equal(m.base[p], m.base[other]))],
            [
                {
                    "ln_1": "left out",
                    "ln_2": "left out",
                    "mlp_up": "another product",
                    "k": "another product",
                    "v": "another product",
                    "q_rope": "not rotated|nothing is rotated",
                    "k_rope": "not rotated|nothing is rotated",
                }.get(path.split("/")[-1], other)
            ],
        ],
    )
