"""Mistakes in the weights that products read."""

import numpy as np
from functions import F, bfloat16

from arithmetic import cut, float8, groups, half, product, steps
from draw import NoPlace, Plant, kind, put
from products import changed
from words import BFLOAT, HALF, QUANTISED, beside, layer, number, span, whole


def weights(m, change, told, says, part=(), never=()):
    """w changed in any product."""
    n, path, role, names, w = m.any_product()
    return Plant(
        {path + role + "*": lambda x, w, b: product(x, change(w), b)},
        names,
        f"{told} ({role} of block {n})",
        says,
        list(part),
        list(never),
    )


@kind("weights")
def weights_in_int8(m):
    axis, how = m.pick([(1, "row"), (None, "tensor"), (0, "column")])
    return weights(m, lambda w: steps(w, axis), f"weights in int8 by {how}", [[QUANTISED]], [], [HALF, BFLOAT])


@kind("weights")
def four_bits_zero_off(m):
    size, by = m.pick([8, 16, 32]), m.pick([-1, 1])
    return weights(
        m,
        lambda w: groups(w, size, lambda c, s, z: (c, s, z + by)),
        f"int4 in groups of {size}, zero point {by:+} off",
        [["4[- ]bit|int4|16 (levels|values|steps)|zero[- ]point|quanti"], [whole(size), "group|zero"]],
    )


@kind("weights")
def nibbles_exchanged(m):
    size = m.pick([8, 16, 32])

    def change(c, s, z):
        order = np.arange(c.shape[1]) ^ 1
        return (c[:, np.minimum(order, c.shape[1] - 1)], s, z)

    return weights(
        m,
        lambda w: groups(w, size, change),
        f"int4 in groups of {size}, the two of each byte exchanged",
        [["nibble|4[- ]bit|int4|neighbo|pairs|exchang|16 (levels|values)|quanti"], [whole(size), "group|pair|nibble"]],
    )


@kind("weights")
def matrix_rounded(m):
    name, words, round = m.pick(
        [("float16", HALF, half), ("bfloat16", BFLOAT, bfloat16), ("float8", "float8|fp8|e4m3|4 bits|3 bits", float8)]
    )
    return weights(m, round, f"weights kept in {name}", [[words]])


@kind("weights")
def matrix_cut(m):
    return weights(
        m,
        lambda w: cut(w, 16),
        "weights cut to the upper 16 bits",
        [["cut|trunc|upper|towards? zero|chop"]],
        [[BFLOAT]],
    )


@kind("weights")
def two_inputs_exchanged(m):
    drawn = m.product()
    a, b = m.two(drawn[4].shape[1])
    order = put(np.arange(drawn[4].shape[1]), [a, b], [b, a]).astype(int)
    return changed(
        m,
        lambda x, w, c: product(x, w[:, order], c),
        f"inputs {a} and {b} of the matrix exchanged",
        [[whole(a, b)]],
        [[whole(a)], [whole(b)]],
        drawn=drawn,
    )


@kind("weights")
def columns_of_another_block(m):
    drawn = m.product()
    a, b = m.span(len(drawn[4]), 12)
    other = m.pick([x for x in range(m.L) if x != drawn[0]])
    w2 = m.weight(drawn[2], other)
    return changed(
        m,
        lambda x, w, c: product(x, put(w, np.s_[a:b], w2[a:b]), c),
        f"outputs {a} to {b - 1} have the weights of block {other}",
        [[span(a, b, len(drawn[4])), layer(other) + rf"|\.{other}\.|another (block|layer)"]],
        [[span(a, b, len(drawn[4]))]],
        drawn=drawn,
    )


@kind("weights")
def matrix_of_another_block(m):
    n, path, role, names, w = m.any_product()
    other = m.pick([x for x in range(m.L) if x != n])
    w2 = m.weight(role, other)
    return Plant(
        {path + role + "*": lambda x, w, b: product(x, w2, b)},
        names,
        f"{role} of block {n} has the matrix of block {other}",
        [
            [layer(other) + rf"|\.{other}\."],
            ["another (block|layer)|neighbo|next|previous"],
            [beside(other, n)],
        ],
    )


@kind("weights")
def matrix_of_a_sister(m):
    if m.fused or m.K != m.H or not m.p["gated"] or "gate_up" in m.names:
        raise NoPlace
    n, path = m.block()
    a, b = m.pick([("k", "q"), ("q", "k"), ("v", "k"), ("gate", "up"), ("up", "gate")])
    w2 = m.weight(b, n)
    name = {"gate": "mlp_gate", "up": "mlp_up"}.get(a, a)
    return Plant(
        {path + a + "*": lambda x, w, c: product(x, w2, c)},
        [path + name],
        f"{a} has the matrix of {b}",
        [
            [
                {"q": r"quer|q_proj|\bq\b", "k": r"keys?\b|k_proj|\bk\b", "up": r"\bup|up_proj", "gate": "gate"}[b]
                + "|another product"
            ]
        ],
    )


@kind("weights")
def one_output_scaled(m):
    drawn = m.product()
    c, by = m.whole(0, len(drawn[4]) - 1), float(m.pick([0.5, 2.0, 0.25, 1.5, 0.9]))
    return changed(
        m,
        lambda x, w, b: product(x, put(w, c, w[c] * F(by)), b),
        f"the weights of output {c} are times {by}",
        [[whole(c), number(by)]],
        [[whole(c)]],
        drawn=drawn,
    )
