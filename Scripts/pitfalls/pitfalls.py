"""Mistakes that conversions really make, each as a change of a plan: which row of the list, what, and where it shows."""

import numpy as np
from functions import bfloat16

PAIRS = {  # the order of a head's first r columns that turns one style of rotation into the other
    "half": lambda r: np.arange(r).reshape(2, -1).T.ravel(),
    "interleaved": lambda r: np.arange(r).reshape(-1, 2).T.ravel(),
}


def each(ropes, change):
    """Every rotation changed."""
    return [None if r is None else r | change(r) for r in ropes]


def pitfalls(p, n, weights, tokens, config, positions, mask):
    """(row, mistake, where it shows, changes of the plan) for every mistake that this model has a place for."""
    yield from rotations(p, n, config)
    yield from projections(p, n, weights)
    yield from norms(p, n, weights)
    yield from attention(p, n, tokens)
    yield from streams(p, n)
    yield from positions_of(p, n, tokens, positions, mask)
    for act in ("tanh", "erf", "quick_gelu", "silu", "relu", "relu2"):
        if act != p["act"] and {act, p["act"]} not in ({"tanh", "gelu_fast"}, {"tanh", "bloom"}):
            yield 19, f"{p['act']} computed as {act}", "mlp_act", dict(act=act)


def rotations(p, n, config):
    if p["ropes"][0] is None:
        return
    ropes, first, turned = p["ropes"], p["ropes"][0], "q_rope"
    other = "interleaved" if first["style"] == "half" else "half"
    if first["width"] > 2:
        yield 1, f"pairs turned as {other}", turned, dict(ropes=each(ropes, lambda r: dict(style=other)))
    if first["width"] > 2:
        for style in PAIRS:
            yield 1, f"rows of q and k permuted ({style} to the other)", "q", dict(permuted=PAIRS[style])
        yield 1, "rows permuted and turned alike", "q", dict(
            permuted=PAIRS[first["style"]], ropes=each(ropes, lambda r: dict(style=other)))
    for theta in (10000.0, 500000.0, 1e6, 25.0):
        if any(r["theta"] != theta for r in ropes) and first["width"] > 2:
            yield 8, f"theta {theta:g}", turned, dict(ropes=each(ropes, lambda r: dict(theta=theta)))
    stretched = [r for r in ropes if r["kind"] != "default"]
    if stretched:
        yield 8, "scaling dropped", turned, dict(ropes=each(ropes, lambda r: dict(kind="default", m=1.0)))
        yield 8, "scaling dropped, theta 10000", turned, dict(
            ropes=each(ropes, lambda r: dict(kind="default", m=1.0, theta=10000.0)))
    for kind in {r["kind"] for r in stretched} & {"llama3", "yarn", "linear"}:
        factor = lambda r: r.get("factor", 1.0)
        change = lambda r: dict(kind="linear", factor=factor(r), m=1.0)
        if kind != "linear":
            yield 8, f"{kind} read as linear", turned, dict(ropes=each(ropes, change))
        for by in (0.5, 3.0):
            yield 8, f"factor times {by}", turned, dict(ropes=each(ropes, lambda r: dict(factor=factor(r) * by)))
        yield 8, "original length that of the context", turned, dict(
            ropes=each(ropes, lambda r: dict(original=r["longest"])))
    if any(r != first for r in ropes):
        for which, one in (("the first", first), ("the last", next(r for r in ropes[::-1] if r != first))):
            yield 9, f"{which} rotation for all layers", turned, dict(ropes=[one] * len(ropes))
            yield 9, f"{which} theta for all layers", turned, dict(ropes=each(ropes, lambda r: dict(theta=one["theta"])))
            yield 9, f"{which} scaling for all layers", turned, dict(
                ropes=each(ropes, lambda r: dict(kind=one["kind"], factor=one.get("factor", 1.0))))
        kinds = list({r["theta"]: r for r in ropes}.values())
        if len(kinds) == 2:
            yield 9, "the two rotations exchanged", turned, dict(
                ropes=[kinds[1 - kinds.index(next(k for k in kinds if k["theta"] == r["theta"]))] for r in ropes])
    d, r = p["d"], first["width"]
    if r < d:
        yield 10, "frequencies over d", turned, dict(ropes=each(ropes, lambda r: dict(over=d)))
        yield 10, "the last columns turn", turned, dict(ropes=each(ropes, lambda r: dict(first=d - r["width"])))
        if d % 2 == 0 and first["kind"] == "default":
            yield 10, "all columns turn", turned, dict(ropes=each(ropes, lambda r: dict(width=d, over=d)))
            yield 10, "all columns turn, frequencies over r", turned, dict(ropes=each(ropes, lambda r: dict(width=d)))
    for wrong in {r // 4 * 2, r // 2 // 2 * 2, r + 2, r - 2, int(0.25 * d) // 2 * 2} - {r, 0}:
        if 0 < wrong <= d and first["kind"] == "default":
            yield 10, f"{wrong} columns turn for {r}", turned, dict(
                ropes=each(ropes, lambda r: dict(width=wrong, over=wrong)))
    m = first["m"]
    if m != 1:
        bare = each(ropes, lambda r: dict(m=1.0))
        yield 11, "m on the scores once, not on cosine and sine", turned, dict(ropes=bare, m_on_scores=m)
        yield 11, "m squared on the scores, not on cosine and sine", turned, dict(ropes=bare, m_on_scores=m * m)
        yield 11, "m nowhere", turned, dict(ropes=bare)
        yield 11, "m on the scores besides", "attn_scores", dict(m_on_scores=m)
        yield 11, "m squared on the scores besides", "attn_scores", dict(m_on_scores=m * m)
        yield 11, "m on queries alone", "k_rope", dict(k_rope=first | dict(m=1.0))
        yield 11, "m squared on cosine and sine", turned, dict(ropes=each(ropes, lambda r: dict(m=m * m)))
        yield 11, "m by another rule (0.1 ln s + 1)", turned, dict(
            ropes=each(ropes, lambda r: dict(m=1 + 0.1 * np.log(r["longest"] / r["original"]))))
    if first["kind"] == "longrope":
        for which in ("long_factor", "short_factor"):
            yield 12, f"{which} whatever the sequence", turned, dict(ropes=each(ropes, lambda r: dict(list=which)))
    if p["head_norm"]:
        for way in ("in order", "by name"):
            yield 13, f"head norm after the rotation, recorded {way}", "q_norm", dict(norm_after_rotation=way)
        joined = p["head_norm"] == "joined"
        yield 13, "heads normalised " + ("each by itself" if joined else "together"), "q_norm", dict(
            norms={w: dict(joined=not joined) for w in ("q_norm", "k_norm")})


def projections(p, n, weights):
    qkv = p["layout"]
    if qkv != "apart":
        for other in {"sides", "groups", "keys last", "columns first"} - {qkv}:
            if other != "columns first" or p["heads"] == p["kv"]:
                yield 2, f"{qkv} read as {other}", "qkv", dict(layout=other)
    roles = ["qkv"] if qkv != "apart" else ["q", "k", "v"]
    roles += ["out", "down"] + (["gate_up"] if "gate_up" in n else ["gate", "up"] if p["gated"] else ["up"])
    shows = dict(qkv="q", gate_up="mlp_gate", gate="mlp_gate", up="mlp_up" if p["gated"] else "mlp_pre", out="attn_out",
                 down="mlp_out")
    here = n["root"] + n["block"].format(0)
    for role in roles:
        yield 3, f"{role} read as [in, out] for [out, in] or the reverse", shows.get(role, role), dict(reread=(role,))
        if f"{here}{n[role]}.bias" in weights:
            if role == "qkv" or role in "qkv":
                yield 14, f"bias of {role} dropped", shows.get(role, role), dict(dropped=(role,))
            else:
                yield 24, f"bias of {role} dropped", shows.get(role, role), dict(dropped=(role,))
    if "lm_head.bias" in weights:
        yield 24, "lm_head.bias dropped", "final/logits", dict(dropped=("head",))
    if p["gated"]:
        yield 17, "weights of gate and up exchanged", "mlp_gate", dict(swapped="weights")
        yield 17, "the function applied to up", "mlp_act", dict(swapped="function")
        if "gate_up" in n:
            yield 17, "gate and up interleaved instead of halves", "mlp_gate", dict(swapped="interleaved")


def norms(p, n, weights):
    here = n["root"] + n["block"].format(0)
    blocks = [r for r in ("ln_1", "q_norm", "k_norm", "post_1", "ln_2", "post_2") if f"{here}{n.get(r)}.weight" in weights]
    if p["block"] not in ("after", "sandwich"):
        blocks = [r for r in blocks if not r.startswith("post")]
    if p["block"] == "after":
        blocks = [r for r in blocks if not r.startswith("ln")]
    elif p["head_norm"] is None:
        blocks = [r for r in blocks if r[0] not in "qk"]
    final = ["ln_f"] if p["block"] != "post" else []
    names = dict(post_1="attn_post_norm", post_2="mlp_post_norm", ln_f="final/ln_f")
    for role in blocks + final + (["table_norm"] if "table_norm" in n else []):
        where = names.get(role, "embed/ln" if role == "table_norm" else role)
        for plus in {0.0, 1.0, 2.0} - {p["plus"]}:
            if plus < 2 or p["plus"] == 1:
                yield 4, f"{role}: gain {plus:g} + w for {p['plus']:g} + w", where, dict(norms={role: dict(plus=plus)})
        for epsilon in (1e-3, 1e-4, 1e-5, 1e-6, 1e-8, 1e-12, 0.0, 2e-5):
            if epsilon != p["epsilon"] and (role == blocks[0] or epsilon in (1e-5, 1e-6)):
                yield 29, f"{role}: epsilon {epsilon:g} for {p['epsilon']:g}", where, dict(
                    norms={role: dict(epsilon=epsilon)})
        others = [o for o in blocks if o != role and o[0] not in "qk" and role in blocks and role[0] not in "qk"]
        for other in others:
            yield 25, f"{role} with the parameters of {other}", where, dict(norms={role: {"as": other}})
    if "q_norm" in blocks and weights[f"{here}{n['q_norm']}.weight"].shape == weights[f"{here}{n['k_norm']}.weight"].shape:
        yield 25, "q_norm with the parameters of k_norm", "q_norm", dict(norms={"q_norm": {"as": "k_norm"}})


def attention(p, n, tokens):
    d, H, T = p["d"], p["heads"], len(tokens)
    scales = {"1/sqrt(d)": d**-0.5, "1/sqrt(D/H)": (p["width"] / H) ** -0.5, "1": 1.0, "1/d": 1 / d, "144**-0.5": 1 / 12,
              "1/sqrt(D)": p["width"] ** -0.5, "1/8": 0.125}  # fmt: skip
    for name, scale in scales.items():
        if abs(scale / p["scale"] - 1) > 1e-6 and T > 1:
            yield 6, f"scale {name}", "attn_scores", dict(scale=scale)
    yield 6, ("not " if p["by_layer"] else "") + "divided by the layer's number", "attn_scores", dict(
        by_layer=not p["by_layer"])
    windows, masked = p["windows"], ("attn_scores", "attn_probs")  # scores are recorded masked
    if any(windows):
        for name, by in (("i - j <= w", 1), ("one key less", -1), ("two keys more", 2)):
            yield 7, name, masked, dict(windows=[w and max(w + by, 1) for w in windows])
        yield 7, "half the window", masked, dict(windows=[w and max(w // 2, 1) for w in windows])
        yield 7, "twice the window", masked, dict(windows=[w and w * 2 for w in windows])
        yield 7, "no window", masked, dict(windows=[None] * len(windows))
        yield 7, "the window counts positions", masked, dict(window_by_position=True)
        if None in windows:
            w = next(w for w in windows if w)
            yield 7, "the window on all layers", masked, dict(windows=[w] * len(windows))
            yield 7, "the window on the other layers", masked, dict(windows=[None if v else w for v in windows])
    elif p["alibi"] is None:
        yield 7, "a window where there is none", masked, dict(windows=[5] * len(windows))
    if p["alibi"]:
        for form in ("one series", "goes on", "second series whole", "next power", "bfloat16"):
            yield 21, f"slopes: {form}", "embed/attn_bias", dict(slopes=form)
        yield 21, "slopes times sqrt", "embed/attn_bias", dict(slope_factor=0.5)
        yield 21, "bias scaled with the scores", "attn_scores", dict(bias_inside_scale=True)
        for form in {"bloom", "mpt", "plain"} - {p["alibi"]}:
            yield 21, f"{p['alibi']} counted as {form}", "embed/attn_bias", dict(alibi=form)
    if p["cap"]:
        yield 30, "cap after the mask", "attn_probs", dict(cap_after_mask=True)
        yield 30, "no cap", "attn_capped", dict(cap=1e9)
        for cap in (50.0, 30.0, p["cap"] * 1.5):
            if cap != p["cap"]:
                yield 30, f"cap {cap:g}", "attn_capped", dict(cap=cap)
    if p["logit_cap"]:
        yield 30, "logits not capped", "final/logits", dict(logit_cap=1e9)
        yield 30, "another cap of logits", "final/logits", dict(logit_cap=p["logit_cap"] * 1.5)
    if p["clip"]:
        yield 30, "projections not clipped", "qkv", dict(clip=None)
        yield 30, "projections clipped at 8", "qkv", dict(clip=8.0)
        yield 30, "projections clipped at 1", "qkv", dict(clip=1.0)


def streams(p, n):
    D, block = p["width"], p["block"]
    if p["table_factor"]:
        for name, by in (("not scaled", 1.0), ("scaled by D", D), ("scaled by bfloat16(sqrt D)", None), ("sqrt d", p["d"]**0.5)):
            yield 5, name, "embed/scaled", dict(table_factor=bf16(D**0.5) if by is None else by)
    else:
        yield 5, "scaled by sqrt D", "embed/token", dict(table_factor=D**0.5)
    if block == "post":
        yield 25, "pre-norm for post-norm", ("q", "ln_1"), dict(block="pre")
    elif block == "pre":
        yield 25, "post-norm for pre-norm", ("q", "ln_1"), dict(block="post")
        yield 26, "sequential block run side by side", "ln_2", dict(side_by_side=True)
        yield 26, "the feed-forward half reads ln_1", ("mlp_pre", "mlp_gate", "router_logits"), dict(feed_reads="ln_1")
        yield 25, "norms are added to" if p["stream"] == "resid" else "norms are not added to", "resid_mid", dict(
            stream="norm" if p["stream"] == "resid" else "resid")
    elif block in ("one norm", "two norms"):
        shows = ("mlp_pre", "ln_2")
        yield 26, "parallel block run in sequence", shows, dict(in_sequence=True)
        if block == "two norms":
            yield 25, "one norm for both halves", "mlp_pre", dict(feed_reads="ln_1")
    else:
        yield 25, "norms behind the halves on the stream", ("resid_mid", "attn_post_norm"), dict(outside=True)
        yield 25, "norms behind the halves left out", ("resid_mid", "attn_post_norm"), dict(without_post=True)
    if block == "after":
        yield 25, "norms before the halves", ("q", "resid_mid", "attn_post_norm"), dict(before=True)


def positions_of(p, n, tokens, positions, mask):
    plain = np.arange(len(tokens))
    turned = "embed/position" if "places" in n else "q_rope"
    if "places" in n:
        for offset in {0, 1, 2} - {p["offset"]}:
            yield 20, f"offset {offset} for {p['offset']}", turned, dict(offset=offset)
    if "places" in n or p["ropes"][0]:
        if list(positions) != list(plain):
            yield 20, "positions not counted over what is masked", turned, dict(positions=plain)
        yield 20, "positions from 1", turned, dict(positions=np.asarray(positions) + 1)
        yield 20, "all at position 0", turned, dict(positions=plain * 0)


def bf16(x):
    return float(bfloat16(np.float32(x)))
