"""Mistakes that ports of latent attention really make, each as a change of a plan."""

import numpy as np
from functions import F
from pitfalls import each


def latent_pitfalls(p, n, weights):
    """(row, mistake, where it shows, changes of the plan)."""
    yield from short_vectors(p, n, weights)
    yield from layouts(p)
    yield from turning(p)
    yield from scales(p)
    for role in ("q_a", "q_b", "q", "kv_a", "kv_b", "out"):
        if f"{n['root']}{n['block'].format(0)}{n[role]}.weight" in weights:
            shows = dict(q_a="q_latent", q_b="q", q="q", kv_a="kv_latent", kv_b="k", out="attn_out")[role]
            yield 3, f"{role} read as [in, out] for [out, in] or the reverse", shows, dict(reread=(role,))


def short_vectors(p, n, weights):
    """Norms of the short vectors, and who reads them."""
    queries = p["latent"]["queries"]
    roles = ["q_a_norm", "kv_a_norm"] if queries else ["kv_a_norm"]
    normed = dict(q_a_norm="q_latent_norm", kv_a_norm="kv_latent_norm")
    for role in roles:
        yield 36, f"{role} left out", normed[role], dict(without=(role,))
    for epsilon in {1e-5, 1e-3, 1e-8, 1e-12, p["epsilon"]} - {1e-6}:
        yield 29, f"epsilon {epsilon:g} of the latent norms", tuple(normed.values()), dict(latent_epsilon=epsilon)
    yield 36, "gain 1 + w of the latent norms", tuple(normed.values()), dict(latent_plus=1.0)
    yield 36, "norm over the shared key too", "kv_latent_norm", dict(norm_of_both=True)
    yield 36, "keys and values of the short vector before its norm", "k", dict(kv_of_short=True)
    yield 36, "values of the short vector before its norm", "v", dict(v_of_short=True)
    if queries:
        yield 36, "queries of the short vector before its norm", "q", dict(q_of_short=True)
        here = n["root"] + n["block"].format(0)
        if weights[f"{here}{n['q_a_norm']}.weight"].shape == weights[f"{here}{n['kv_a_norm']}.weight"].shape:
            yield 36, "gains of the latent norms exchanged", "q_latent_norm", dict(
                gain_of=dict(q_a_norm="kv_a_norm", kv_a_norm="q_a_norm"))


def layouts(p):
    """Rows of the matrices of queries, keys and values, and the order of a key's columns."""
    c, H = p["latent"], p["heads"]
    own, turn, v = c["nope"], c["rope"], c["v"]
    T = lambda y: len(y)
    yield 36, "the shared key first in kv_a", "kv_latent", dict(shared_first=True)
    swapped = lambda y, H, c: np.split(y.reshape(T(y), H, -1), [c["v"]], axis=2)[::-1]
    yield 36, "values before keys in kv_b", "k", dict(kv_rows=swapped)
    sides = lambda y, H, c: (y[:, : H * own].reshape(T(y), H, own), y[:, H * own :].reshape(T(y), H, v))
    yield 36, "all keys, then all values in kv_b", "k", dict(kv_rows=sides)
    columns = lambda y, H, c: np.split(y.reshape(T(y), -1, H).transpose(0, 2, 1), [own], axis=2)
    yield 36, "heads as the last axis in kv_b", "k", dict(kv_rows=columns)
    if own == v:
        alternate = lambda y, H, c: (y.reshape(T(y), H, -1)[:, :, 0::2], y.reshape(T(y), H, -1)[:, :, 1::2])
        yield 36, "keys and values alternate in kv_b", "k", dict(kv_rows=alternate)
    halves = lambda y, c: np.concatenate([y.reshape(T(y), H, -1)[:, :, turn:], y.reshape(T(y), H, -1)[:, :, :turn]], 2)
    yield 36, "turning columns first in q", "q", dict(q_rows=halves)
    apart = lambda y, c: np.concatenate([y[:, : H * own].reshape(T(y), H, own), y[:, H * own :].reshape(T(y), H, turn)], 2)
    yield 36, "all own columns, then all turning ones in q", "q", dict(q_rows=apart)
    yield 36, "heads as the last axis in q", "q", dict(q_rows=lambda y, c: y.reshape(T(y), -1, H).transpose(0, 2, 1))
    yield 36, "the shared key before a head's own", "k_rope", dict(join=lambda k, s: np.concatenate([s, k], 2))
    yield 36, "no shared key", "k_rope", dict(join=lambda k, s: np.concatenate([k, s * 0], 2))
    yield 36, "the shared key for the first head alone", "k_rope", dict(
        join=lambda k, s: np.concatenate([k, s * (np.arange(H) == 0)[:, None, None]], 2))
    yield 36, "the shared key divided by the heads", "k_rope", dict(join=lambda k, s: np.concatenate([k, s / F(H)], 2))
    yield 36, "the first head's key for all", "k_rope", dict(
        join=lambda k, s: np.concatenate([np.broadcast_to(k[:1], k.shape), s], 2))
    yield 36, "the shared key of the token before", "k_rope", dict(
        join=lambda k, s: np.concatenate([k, np.concatenate([s[:, :1], s[:, :-1]], 1)], 2))


def turning(p):
    """Rows 1, 8, 10 and 11: the rotation of the last columns."""
    ropes, first = p["ropes"], p["ropes"][0]
    shows = ("q_rope", "k_shared_rope")
    for style in {"half", "interleaved", "to halves"} - {first["style"]}:
        yield 1, f"pairs turned as {style} for {first['style']}", shows, dict(ropes=each(ropes, lambda r: dict(style=style)))
        yield 1, f"queries turned as {style}, keys as {first['style']}", "q_rope", dict(q_rope=dict(style=style))
        yield 1, f"keys turned as {style}, queries as {first['style']}", "k_shared_rope", dict(k_rope=dict(style=style))
    for theta in (10000.0, 500000.0, 25.0):
        if first["theta"] != theta:
            yield 8, f"theta {theta:g}", shows, dict(ropes=each(ropes, lambda r: dict(theta=theta)))
    yield 10, "the first columns of a query turn", "q_rope", dict(q_rope_of_first=True)
    yield 10, "the shared key not turned", "k_shared_rope", dict(shared_unturned=True)
    yield 10, "frequencies over the whole head", shows, dict(ropes=each(ropes, lambda r: dict(over=p["d"])))
    yield 10, "frequencies over the own columns", shows, dict(ropes=each(ropes, lambda r: dict(over=p["latent"]["nope"] or 2)))
    yield 10, "half the columns turn", shows, dict(ropes=each(ropes, lambda r: dict(width=r["width"] // 2 // 2 * 2 or 2)))
    if first["kind"] == "default":
        return
    factor = first["factor"]
    yield 8, "scaling dropped", shows, dict(ropes=each(ropes, lambda r: dict(kind="default", m=1.0)))
    yield 8, "scaling dropped, m left", shows, dict(ropes=each(ropes, lambda r: dict(kind="default")))
    yield 8, "yarn read as linear", shows, dict(ropes=each(ropes, lambda r: dict(kind="linear", m=1.0)))
    for by in (0.5, 3.0):
        yield 8, f"factor times {by}", shows, dict(ropes=each(ropes, lambda r, by=by: dict(factor=factor * by)))
    yield 8, "beta_fast 32, beta_slow 1", shows, dict(ropes=each(ropes, lambda r: dict(beta_fast=32.0, beta_slow=1.0)))
    yield 8, "the betas exchanged", shows, dict(
        ropes=each(ropes, lambda r: dict(beta_fast=r.get("beta_slow", 1), beta_slow=r.get("beta_fast", 32))))
    yield 8, "ends of the ramp not rounded", shows, dict(ropes=each(ropes, lambda r: dict(truncate=False)))
    yield 8, "original length that of the context", shows, dict(ropes=each(ropes, lambda r: dict(original=r["longest"])))
    others = {"0.1 ln s + 1": 0.1 * np.log(factor) + 1, "that of the scores": p["magnitude"], "its inverse": 1 / first["m"]}
    for name, m in (others | {"nothing": 1.0}).items():
        if abs(m / first["m"] - 1) > 1e-9:
            yield 11, f"m on cosine and sine: {name}", shows, dict(ropes=each(ropes, lambda r, m=m: dict(m=m)))


def scales(p):
    """Rows 6 and 11: the scale of the scores."""
    c, d, m = p["latent"], p["d"], p["magnitude"]
    squared = m * m
    widths = {
        "own columns": c["nope"], "turning columns": c["rope"], "values": c["v"], "short vector": c["rank"],
        "short vector and shared key": c["rank"] + c["rope"], "D": p["width"], "D/H": p["width"] / p["heads"], "1": 1.0}
    for name, width in widths.items():
        if abs(width - d) > 1e-9:
            yield 6, f"scale by the width of: {name}", "attn_scores", dict(scale=width**-0.5 * squared)
    yield 6, "scores not scaled", "attn_scores", dict(scale=1.0)
    yield 6, "scores scaled by 1/d", "attn_scores", dict(scale=1 / d)
    if m != 1:
        yield 11, "m squared forgotten on the scores", "attn_scores", dict(scale=d**-0.5)
        yield 11, "m once on the scores", "attn_scores", dict(scale=d**-0.5 * m)
        yield 11, "m to the fourth on the scores", "attn_scores", dict(scale=d**-0.5 * squared**2)
        yield 11, "scores divided by m squared", "attn_scores", dict(scale=d**-0.5 / squared)
        s = p["ropes"][0]["factor"]
        other = (0.1 * np.log(s) + 1) ** 2
        if abs(other / squared - 1) > 1e-9:
            yield 11, "m of the scores without mscale_all_dim", "attn_scores", dict(scale=d**-0.5 * other)
    else:
        yield 11, "m squared on the scores where none is due", "attn_scores", dict(scale=d**-0.5 * 1.2079**2)
