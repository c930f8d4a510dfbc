"""Mistakes with ids, tables and positions."""

import numpy as np
from functions import F, bfloat16, frequencies

from arithmetic import half
from draw import NoPlace, Plant, kind, put
from words import BFLOAT, HALF, SHIFT, ZERO, number, span, whole

# The rows that are read are named one by one, without the rule.
MAPPED = ["rows are those of|instead of"]
TOKEN = ["embed/token", "embed/scaled"]


def read(m, ids):
    """What the table gives for other ids."""
    factor = m.p["table_factor"] if m.p["table_factor"] is not None and "embed/scaled" not in m.p["records"] else None
    rows = m.table[np.asarray(ids)]
    return {"embed/token": lambda e, right: right if right.shape != rows.shape else rows if factor is None else rows}


def standing(m, positions, told, says, part=(), only="qk", first=0):
    """Other positions: of rows of a table, or of what turns."""
    if "places" in m.names:
        table = m.w[f"{m.names['root']}{m.names['places']}.weight"]
        rows = table[np.clip(np.asarray(positions) + m.p["offset"], 0, len(table) - 1)]
        return Plant({"embed/position": lambda e, x: rows}, ["embed/position"], told, says, list(part))
    if not m.p["ropes"][0]:
        raise NoPlace
    changes = {f"layers/{n:03}/turn {w}": lambda p: np.asarray(positions) for n in range(first, m.L) for w in only}
    return Plant(changes, ["q_rope", "k_rope"], told, says, list(part))


def turned(m, name, change, told, says, part=(), first=0):
    if not m.p["ropes"][0]:
        raise NoPlace
    n, path = m.block()
    return Plant({path + name: change}, [path + name], told, says, list(part))


@kind("ids")
def one_row_of_another_id(m):
    t, other = m.whole(0, m.T - 1), m.whole(0, m.V - 1)
    ids = put(m.case.tokens, t, other).astype(int)
    return Plant(
        read(m, ids),
        TOKEN,
        f"token {t} reads row {other} of the table for id {m.case.tokens[t]}",
        [[whole(t, other)], [whole(t if t == m.T - 1 else -1, other - int(m.case.tokens[t]))]],
        [[whole(t)]],
    )


@kind("ids")
def ids_one_late(m):
    t = m.whole(1, m.T - 2)
    ids = np.concatenate([m.case.tokens[:t], m.case.tokens[t - 1 : -1]])
    others = np.flatnonzero(ids != m.case.tokens)
    if not len(others):
        raise NoPlace
    first = int(others[0])  # where the id before is another
    return Plant(
        read(m, ids),
        TOKEN,
        f"tokens from {t} on read the id of the token before",
        [
            [whole(t), SHIFT],
            [whole(first), SHIFT],
            [span(t, m.T, m.T), span(t - 1, m.T - 1, m.T)],
            [SHIFT if t == 1 else whole(t, t - 1)],
        ],
        [[whole(t)]],
    )


@kind("ids")
def ids_read_with_few_bits(m):
    bits = m.pick([b for b in (4, 5, 6, 8) if (m.case.tokens >= 2**b).any()])
    return Plant(
        read(m, m.case.tokens % 2**bits),
        TOKEN,
        f"ids read with {bits} bits, modulo {2**bits}",
        [[whole(2**bits)], [whole(bits), "bit"], [whole(2**bits - 1)]],
        [MAPPED],
    )


@kind("ids")
def ids_clamped(m):
    top = m.pick(sorted(set(m.case.tokens.tolist()))[:-1])
    return Plant(
        read(m, np.minimum(m.case.tokens, top)), TOKEN, f"ids above {top} read row {top}", [[whole(top)]], [MAPPED]
    )


@kind("ids")
def every_id_off(m):
    by = m.pick([-2, -1, 1, 2, 3])
    return Plant(
        read(m, (m.case.tokens + by) % m.V),
        TOKEN,
        f"every id is {by:+} off",
        [[whole(by), "id|row|table"], ["id|row|table", SHIFT] if abs(by) == 1 else [whole(by)]],
        [MAPPED],
    )


@kind("ids")
def stale_row(m):
    t, earlier = m.whole(0, m.T - 1), m.earlier()["embed/token"]
    return Plant(
        {"embed/token": lambda e, x: put(x, t, earlier[t])},
        TOKEN,
        f"token {t} has the row of an earlier call",
        [[whole(t)]],
    )


@kind("ids")
def columns_never_read(m):
    a, b = m.span(m.D, 8)
    return Plant(
        {"embed/token": lambda e, x: put(x, np.s_[:, a:b], 0)},
        TOKEN,
        f"columns {a} to {b - 1} of rows read are zero",
        [[span(a, b, m.D), ZERO]],
        [[span(a, b, m.D)]],
    )


@kind("ids")
def an_id_taken_for_padding(m):
    one = m.pick(m.case.tokens.tolist())
    rows = [int(x) for x in np.flatnonzero(m.case.tokens == one)]
    return Plant(
        {"embed/token": lambda e, x: put(x, rows, 0)},
        TOKEN,
        f"id {one} (tokens {rows}) is given zeros",
        [[whole(one), ZERO], [whole(*rows), ZERO]],
        [[whole(one)], [whole(*rows)]],
    )


@kind("positions")
def restart_after_prefill(m):
    t, old = m.whole(1, m.T - 2), np.array(m.case.positions)
    new = np.concatenate([old[:t], np.arange(m.T - t)])
    return standing(
        m,
        new,
        f"positions start again at 0 from token {t} on",
        [[whole(t), r"restart|again|anew|\b0\b|zero|begin|start"], [whole(t), number(t)]],
        [[whole(t)]],
    )


@kind("positions")
def positions_off_from_a_token(m):
    t, by, old = m.whole(1, m.T - 2), m.pick([-2, -1, 1, 2, 5]), np.array(m.case.positions)
    new = np.maximum(np.where(np.arange(m.T) >= t, old + by, old), 0)
    if "places" in m.names and new.max() + m.p["offset"] >= len(m.w[f"{m.names['root']}{m.names['places']}.weight"]):
        raise NoPlace
    return standing(
        m,
        new,
        f"positions from token {t} on are {by:+} off",
        [[whole(t), whole(by)], [whole(t), whole(int(old[t]), int(old[t]) + by)], [whole(t), SHIFT]],
        [[whole(t)]],
    )


@kind("positions")
def positions_stretched(m):
    if "places" in m.names:
        raise NoPlace
    by = float(np.round(m.rng.uniform(0.3, 2.5), 2))
    return standing(m, np.array(m.case.positions) * by, f"positions times {by}", [[number(by)], [number(1 / by)]])


@kind("positions")
def one_position(m):
    t, old = m.whole(0, m.T - 1), np.array(m.case.positions)
    other = m.pick([x for x in range(m.T) if x != old[t]])
    return standing(
        m,
        put(old, t, other).astype(int),
        f"token {t} stands at {other}, not {old[t]}",
        [[whole(t, other)]],
        [[whole(t)]],
    )


@kind("positions")
def positions_frozen(m):
    t, old = m.whole(1, m.T - 2), np.array(m.case.positions)
    return standing(
        m, np.minimum(old, old[t]), f"positions stay at {old[t]} from token {t} on", [[whole(t)], [whole(int(old[t]))]]
    )


@kind("positions")
def one_head_not_turned(m):
    w = m.pick("qk")
    h, source = m.whole(0, (m.H if w == "q" else m.K) - 1), f"{w}_norm" if m.p["head_norm"] else w
    return turned(
        m,
        f"{w}_rope",
        lambda e, x: put(x, h, e.made[e.path + source][h]),
        f"head {h} of {w} is not turned",
        [[whole(h)]],
    )


@kind("positions")
def angles_in_half(m):
    name, words, other, round = m.pick([("float16", HALF, BFLOAT, half), ("bfloat16", BFLOAT, HALF, bfloat16)])

    def made(e, x):
        r = m.p["ropes"][int(e.path.split("/")[1])]
        source = e.made[e.path + ("q_norm" if m.p["head_norm"] else "q")]
        n = r["width"] // 2
        angle = np.asarray(e.positions, float)[:, None] * frequencies(r, max(e.positions) + 1)
        c, s = round(F(r["m"]) * np.cos(angle)), round(F(r["m"]) * np.sin(angle))
        i = np.arange(n)
        a, b = (i, i + n) if r["style"] == "half" else (2 * i, 2 * i + 1)
        y = source.copy()
        y[..., a], y[..., b] = source[..., a] * c - source[..., b] * s, source[..., b] * c + source[..., a] * s
        return y

    return turned(
        m,
        "q_rope",
        made,
        f"cosine and sine in a table of {name}",
        [[words]],
        [],
    )
