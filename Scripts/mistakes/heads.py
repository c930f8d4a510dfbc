"""Mistakes with heads, and with groups that share keys and values."""

import numpy as np

from arithmetic import by_heads
from attention import LATE, context, here
from draw import NoPlace, Plant, kind, put
from words import SHIFT, ZERO, head, moved, span, whole


@kind("heads")
def heads_exchanged(m):
    if m.H < 3:
        raise NoPlace
    a, b = m.two(m.H)
    order = put(np.arange(m.H), [a, b], [b, a]).astype(int)
    return context(
        m,
        lambda e, x: x[order],
        f"heads {a} and {b} of the context exchanged",
        [
            [head(a, m.d), head(b, m.d), "exchang|swap|those of|order|permut|head"],
            ["reverse" if (a, b, m.H) == (0, 2, 3) else f"heads {a} and {b}"],
        ],
        [[whole(a)]],
    )


@kind("heads")
def head_never_written(m):
    h = m.whole(0, m.H - 1)
    return context(
        m,
        lambda e, x: put(x, h, 0),
        f"head {h} of the context is zero",
        [[whole(h), ZERO, "head"], [span(h * m.d, h * m.d + m.d, m.H * m.d), ZERO]],
        [[whole(h)], [span(h * m.d, h * m.d + m.d, m.H * m.d)]],
    )


@kind("heads")
def head_repeated(m):
    if m.H < 2:
        raise NoPlace
    a, b = (int(x) for x in m.rng.permutation(m.H)[:2])
    return context(
        m,
        lambda e, x: put(x, b, x[a]),
        f"head {b} of the context is head {a}'s",
        [[head(a, m.d), head(b, m.d)]],
        [[whole(b)]],
    )


@kind("heads")
def heads_move_on(m):
    if m.H < 3:
        raise NoPlace
    by = m.whole(1, m.H - 1)
    return context(
        m,
        lambda e, x: np.roll(x, by, 0),
        f"each head of the context is that of {by} heads before",
        [["head", SHIFT + "|rotat|permut|cycl|those of|order"], [moved({i: (i - by) % m.H for i in range(m.H)})]],
    )


@kind("heads")
def merged_without_transposing(m):
    if m.H < 2:
        raise NoPlace

    def change(e, x):
        return by_heads(np.ascontiguousarray(by_heads(x, m.H)).reshape(m.T, -1), m.H)

    return here(
        m,
        "attn_context",
        lambda e, x: np.ascontiguousarray(by_heads(x, m.H)).reshape(m.T, -1),
        "heads merged without transposing",
        [["transpos|merge|reshap|\\[H, T|order|axes|permut|layout"]],
    )


@kind("heads")
def one_head_reads_another_group(m):
    if m.K == 1:
        raise NoPlace
    h = m.whole(0, m.H - 1)
    right = h * m.K // m.H
    g, (_, path) = m.pick([x for x in range(m.K) if x != right]), m.block()
    return Plant(
        {path + "share": lambda s: put(s, h, g).astype(int)},
        [path + x for x in LATE],
        f"head {h} reads keys and values {g}, not {right}",
        [[whole(h, g), "head", "read|key|value|group"], ["heads share"]],
        [[whole(h)]],
    )


@kind("heads")
def queries_of_another_head(m):
    if m.H < 2:
        raise NoPlace
    a, b = (int(x) for x in m.rng.permutation(m.H)[:2])
    n, path = m.block()
    alike = a * m.K // m.H == b * m.K // m.H  # both read the same keys, and so have the same scores
    return Plant(
        {path + "read": lambda e, q, k, v: (put(q, a, q[b]), k, v)},
        [path + x for x in LATE],
        f"head {a} scores the queries of head {b}",
        [[whole(a, b), "head", "quer|those of|exchang|instead"], [moved({a: b}) if alike else "(?!)"]],
        [[whole(a)]],
    )


@kind("heads")
def tile_of_a_head(m):
    a, b = m.span(m.T, 6)
    if m.H < 2:
        raise NoPlace
    h, g = (int(x) for x in m.rng.permutation(m.H)[:2])
    w = m.pick("qkv")
    if w != "q" and m.K < 2:
        raise NoPlace
    if w != "q":
        h, g = (int(x) for x in m.rng.permutation(m.K)[:2])
    n = m.H if w == "q" else m.K
    orders = {
        "reverse order": n - 1 - h,
        "each head is the next one": h + 1,
        "each head is the one before": h - 1,
        "every head is the first": 0,
        "last head repeats the one before": n - 2 if h == n - 1 else None,
    }
    order = "|".join(words for words, head in orders.items() if head == g) or "(?!)"
    return here(
        m,
        w,
        lambda e, x: put(x, np.s_[h, a:b], x[g, a:b]),
        f"rows {a} to {b - 1} of head {h} are those of head {g}",
        [[whole(h, g), span(a, b, m.T)], [whole(h, g)], [order, whole(h), span(a, b, m.T)]],
        [[whole(h)], [span(a, b, m.T)]],
    )
