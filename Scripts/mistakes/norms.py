"""Mistakes of norms."""

import numpy as np
from functions import F

from attention import TYPES
from draw import NoPlace, Plant, kind, put
from seen import left_there
from words import SHIFT, moved_by, number, span, whole


def norm(m, change, told, says, part=(), never=(), drawn=None, if_ln=None):
    """change(x, g, b, ε) of one norm."""
    if if_ln is not None and (m.p["norm"] == "ln") != if_ln:
        raise NoPlace
    role, path, name, gain, bias, n = drawn or m.norm()
    return Plant({path + role + "~": change}, [name], f"{told} ({role} of block {n})", says, list(part), list(never))


def plain(m, x, g, b, e, center=True, mean=None, root=lambda v, e: np.sqrt(v + F(e)), square=None):
    """A norm with its parts to be exchanged."""
    mean = mean or (lambda x: x.mean(-1, keepdims=True))
    d = x - mean(x) if center and m.p["norm"] == "ln" else x
    y = d / root((square or mean)(d * d), e) * g
    return (y if b is None else y + b).astype(F)


@kind("norms")
def unbiased(m):
    return norm(
        m,
        lambda x, g, b, e: plain(m, x, g, b, e, square=lambda s: s.sum(-1, keepdims=True) / F(s.shape[-1] - 1)),
        "the variance divided by n - 1",
        [["unbiased|[nD] ?[-−] ?1|Bessel"], [whole(m.D - 1)]],
    )


@kind("norms")
def mean_not_subtracted(m):
    return norm(
        m,
        lambda x, g, b, e: plain(m, x, g, b, e, center=False),
        "the mean is not subtracted",
        [["mean.*subtract|subtract.*mean|RMS|centr|center"]],
        if_ln=True,
    )


@kind("norms")
def mean_subtracted(m):
    def change(x, g, b, e):
        d = x - x.mean(-1, keepdims=True)
        return plain(m, d, g, b, e)

    return norm(
        m,
        change,
        "the mean is subtracted (LayerNorm for RMSNorm)",
        [["mean.*subtract|subtract.*mean|LayerNorm|centr|center"]],
        if_ln=False,
    )


@kind("norms")
def input_in_sixteen_bits(m):
    name, words, other, round = m.pick(TYPES)
    return norm(m, lambda x, g, b, e: plain(m, round(x), g, b, e), f"its input in {name}", [[words]], [], [other])


@kind("norms")
def gain_missing(m):
    return norm(
        m,
        lambda x, g, b, e: plain(m, x, np.ones_like(g), b, e),
        "no gain",
        [["gain|weight|γ", "missing|left out|not|without|no |ones|1"]],
        [["gain"]],
    )


@kind("norms")
def gain_shifted(m):
    by = m.pick([-1, 1, 4])
    return norm(
        m,
        lambda x, g, b, e: plain(m, x, np.roll(g, by), b, e),
        f"the gain is shifted by {by}",
        [["gain|weight", SHIFT + "|rotat|order|permut|column"], ["gain|weight", moved_by(by)]],
        [["gain|weight"]],
    )


@kind("norms")
def epsilon_outside(m):
    if m.p["epsilon"] < 1e-4:
        raise NoPlace
    return norm(
        m,
        lambda x, g, b, e: plain(m, x, g, b, e, root=lambda v, e: np.sqrt(v) + F(e)),
        "ε is added to the root",
        [["ε|epsilon", "outside|after|root|deviation|√|behind"], [number(m.p["epsilon"] ** 2, 0.05)]],
        [["ε|epsilon"]],
    )


@kind("norms")
def first_half_counted(m):
    n = m.D // 2
    return norm(
        m,
        lambda x, g, b, e: plain(m, x, g, b, e, mean=lambda x: x[..., :n].mean(-1, keepdims=True)),
        f"mean and mean square of the first {n} columns",
        [["half|first|part|only", "mean|varian|stat|column|sum"], [whole(n)], [span(n, m.D, m.D)]],
    )


@kind("norms")
def halves_by_themselves(m):
    n = m.D // 2

    def change(x, g, b, e):
        return np.concatenate(
            [plain(m, x[:, s], g[s], None if b is None else b[s], e) for s in (slice(n), slice(n, None))], 1
        )

    return norm(
        m,
        change,
        f"columns before {n} and from {n} on are normalised by themselves",
        [["half|halves|group|itself|block"], [whole(n)]],
    )


@kind("norms")
def statistics_of_the_row_before(m):
    late = lambda s: np.concatenate([s[:1], s[:-1]])
    return norm(
        m,
        lambda x, g, b, e: plain(m, x, g, b, e, square=lambda s: late(s.mean(-1, keepdims=True))),
        "each row is divided by the deviation of the row before",
        [["row|token", SHIFT + "|another|other"]],
        [["row"]],
    )


@kind("norms")
def statistics_of_all_rows(m):
    return norm(
        m,
        lambda x, g, b, e: plain(m, x, g, b, e, square=lambda s: np.broadcast_to(s.mean(), (m.T, 1))),
        "one mean square for all rows",
        [["all (rows|tokens)|whole|every row|one (varian|deviation|mean|scale|stat)|same|batch"]],
    )


@kind("norms")
def one_row_not_normalised(m):
    t = m.whole(0, m.T - 1)

    def change(x, g, b, e):
        return put(plain(m, x, g, b, e), t, x[t])

    plant = norm(
        m, change, f"row {t} is not normalised", [[whole(t), "normal|as read|input|copied|handed|not|left out"]], [[whole(t)]]
    )
    plant.says.append([whole(t), left_there(m, plant.changes, plant.begins[0])])
    return plant


@kind("norms")
def deviation_not_its_root(m):
    return norm(
        m,
        lambda x, g, b, e: plain(m, x, g, b, e, root=lambda v, e: v + F(e)),
        "divided by the variance, not by its root",
        [
            [
                "(not|without|no).*root|by the varian|instead of .*(deviation|root)|root.*(missing|left out|not)|variance itself"
            ]
        ],
    )


@kind("norms")
def bias_missing_from_a_norm(m):
    drawn = m.norm()
    if drawn[4] is None or not np.any(drawn[4]):
        raise NoPlace
    return norm(
        m,
        lambda x, g, b, e: plain(m, x, g, None, e),
        "no bias",
        [["bias|β", "missing|left out|not|without|no "]],
        [["bias"]],
        drawn=drawn,
    )
