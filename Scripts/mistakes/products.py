"""Mistakes of matrix products."""

import numpy as np
from functions import F, bfloat16

from arithmetic import cut, half, product, steps, summed, tf32
from attention import TYPES
from draw import NoPlace, Plant, kind, put
from words import BFLOAT, HALF, QUANTISED, SHIFT, ZERO, moved_by, span, tail_if_told, whole

MISSING = r"missing|left out|lost|dropped|not (read|added|counted|summed)|without|zero|skip|only(?!.*\b(is|are) wrong)"
TWICE = r"twice|doubl|two times|again|\b2\b"


def changed(m, change, told, says, part=(), never=(), roles=("out", "down", "up", "gate"), drawn=None):
    """change(x, w, b) of one product."""
    n, path, role, name, w, b = drawn or m.product(roles)
    return Plant(
        {path + role + "*": change}, [path + name], f"{told} ({role} of block {n})", says, list(part), list(never)
    )


def biased(m):
    for _ in range(9):
        drawn = m.product()
        if drawn[5] is not None:
            return drawn
    raise NoPlace


@kind("terms")
def last_terms_dropped(m):
    drawn = m.product()
    K = drawn[4].shape[1]
    tile = m.pick([x for x in (4, 8, 16, 32) if x < K and K % x] or [x for x in (3, 5, 7) if K % x])
    first = K // tile * tile
    return changed(
        m,
        lambda x, w, b: product(x[:, :first], w[:, :first], b),
        f"terms {first} to {K - 1} dropped (K mod {tile})",
        [
            [span(first, K, K), MISSING],
            [whole(tile), MISSING],
            [whole(K - first), MISSING],
            ["last term |" + "|".join(rf"mod {x} terms" for x in range(2, K) if K % x == K - first), MISSING],
        ],
        [[whole(first)], ["tail|remainder|last"]],
        drawn=drawn,
    )


@kind("terms")
def part_of_a_rank_missing(m):
    drawn = m.product(("out", "down"))
    K = drawn[4].shape[1]
    ranks = m.pick([x for x in (2, 3, 4, 5) if K >= 2 * x])
    lost = m.whole(0, ranks - 1)
    a, b = K * lost // ranks, K * (lost + 1) // ranks
    keep = np.r_[0:a, b:K]
    return changed(
        m,
        lambda x, w, c: product(x[:, keep], w[:, keep], c),
        f"terms {a} to {b - 1} missing, rank {lost} of {ranks}",
        [[span(a, b, K), MISSING], [whole(lost, ranks)], [whole(ranks), "rank|part|shard", MISSING]],
        [[span(a, b, K)], ["rank|shard"]],
        drawn=drawn,
    )


@kind("terms")
def one_term_of_all_rows(m):
    drawn = m.product()
    K = drawn[4].shape[1]
    k = m.whole(0, K - 1)
    return changed(
        m,
        lambda x, w, b: product(put(x, np.s_[:, k], 0), w, b),
        f"term {k} missing",
        [[whole(k), MISSING]],
        [[whole(k)]],
        drawn=drawn,
    )


@kind("outputs")
def tile_of_columns_never_written(m):
    drawn = m.product()
    a, b = m.span(len(drawn[4]), 9)
    return changed(
        m,
        lambda x, w, c: put(product(x, w, c), np.s_[:, a:b], 0),
        f"columns {a} to {b - 1} are zero",
        [[span(a, b, len(drawn[4])), ZERO, tail_if_told(len(drawn[4]), a, b)]],
        [[span(a, b, len(drawn[4]))]],
        drawn=drawn,
    )


@kind("outputs")
def tile_of_columns_stale(m):
    drawn, earlier = m.product(), m.earlier()
    a, b = m.span(len(drawn[4]), 9)
    old = earlier[drawn[1] + drawn[3]]
    return changed(
        m,
        lambda x, w, c: put(product(x, w, c), np.s_[:, a:b], old[:, a:b]),
        f"columns {a} to {b - 1} are those of an earlier call",
        [[span(a, b, len(drawn[4]))]],
        [],
        drawn=drawn,
    )


@kind("outputs")
def last_rows_never_written(m):
    drawn = m.product()
    n = m.whole(1, 4)
    return changed(
        m,
        lambda x, w, c: put(product(x, w, c), np.s_[m.T - n :], 0),
        f"rows from {m.T - n} on are zero",
        [
            [span(m.T - n, m.T, m.T), ZERO],
            [whole(m.T - n), ZERO],
            [r"last (token|row|token.s row)\b" if n == 1 else whole(m.T - n), ZERO],
        ],
        [[whole(m.T - n)], [ZERO]],
        drawn=drawn,
    )


@kind("outputs")
def two_rows_exchanged(m):
    drawn = m.product()
    a, b = m.two(m.T)
    order = put(np.arange(m.T), [a, b], [b, a]).astype(int)
    return changed(
        m,
        lambda x, w, c: product(x, w, c)[order],
        f"rows {a} and {b} exchanged",
        [[whole(a, b)]],
        [[whole(a)], ["two (tokens|rows).*exchanged"]],
        drawn=drawn,
    )


@kind("outputs")
def square_matrix_transposed(m):
    drawn = m.product(("out",))
    if drawn[4].shape[0] != drawn[4].shape[1]:
        raise NoPlace
    return changed(
        m,
        lambda x, w, b: product(x, w.T, b),
        "the matrix is read transposed",
        [["transpos|\\[in, out\\]|rows (and|for) columns"]],
        drawn=drawn,
    )


@kind("outputs")
def column_of_another_sign(m):
    drawn = m.product()
    c = m.whole(0, len(drawn[4]) - 1)

    def change(x, w, b):
        y = product(x, w, b)
        return put(y, np.s_[:, c], -y[:, c])

    return changed(
        m, change, f"column {c} has the other sign", [[whole(c), "sign|negat|minus|-1|−1"]], [[whole(c)]], drawn=drawn
    )


@kind("biases")
def bias_missing(m):
    drawn = biased(m)
    return changed(
        m, lambda x, w, b: product(x, w, None), "no bias", [["bias", MISSING + r"|not|\bno\b"]], [["bias"]], drawn=drawn
    )


@kind("biases")
def bias_of_every_rank(m):
    drawn, n = biased(m), m.whole(2, 5)
    return changed(
        m,
        lambda x, w, b: product(x, w, b * F(n)),
        f"the bias is added {n} times",
        [["bias", whole(n)], ["bias", TWICE] if n == 2 else ["bias", whole(n)]],
        [["bias"]],
        drawn=drawn,
    )


@kind("biases")
def bias_shifted(m):
    drawn, by = biased(m), m.pick([-1, 1])
    return changed(
        m,
        lambda x, w, b: product(x, w, np.roll(b, by)),
        f"the bias is shifted by {by}",
        [["bias", SHIFT + "|rotat|order|permut"], ["bias", moved_by(by)]],
        [["bias"]],
        drawn=drawn,
    )


@kind("accumulators")
def accumulated_in_sixteen_bits(m):
    name, words, other, round = m.pick(TYPES)
    block = m.pick([1, 4, 8, 16])
    return changed(
        m,
        lambda x, w, b: summed(x, w, b, round, block),
        f"accumulated in {name} after every {block} terms",
        [[words]],
        [["accumul|partial"]],
        [other],
    )


@kind("accumulators")
def accumulator_cut(m):
    bits = m.whole(11, 20)
    return changed(
        m,
        lambda x, w, b: summed(x, w, b, lambda y: cut(y, bits + 8)),
        f"accumulators cut to {bits} bits",
        [["cut|trunc|towards? zero|chop"], [whole(bits), "bits"]],
        [["accumul"]],
    )


@kind("accumulators")
def inputs_in_few_bits(m):
    name, words, round = m.pick(
        [("float16", HALF, half), ("bfloat16", BFLOAT, bfloat16), ("tf32", r"tf32|11 bits|10 bits|" + HALF, tf32)]
    )
    return changed(m, lambda x, w, b: product(round(x), round(w), b), f"both factors in {name}", [[words]])


@kind("accumulators")
def inputs_in_int8(m):
    axis, how = m.pick([(1, "row"), (None, "tensor")])
    return changed(
        m, lambda x, w, b: product(steps(x, axis), w, b), f"inputs in int8 by {how}", [[QUANTISED]], [], [HALF, BFLOAT]
    )
