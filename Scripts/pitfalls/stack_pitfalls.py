"""Mistakes that conversions of encoders and of encoder-decoders really make, each as a change of a plan."""

import numpy as np


def stack_pitfalls(p, w, inputs):
    """(row, mistake, where it shows, changes of the plan) for every mistake that this model has a place for."""
    yield from functions(p)
    yield from places(p, w, inputs)
    yield from distances(p)
    yield from visibility(p, inputs)
    yield from blocks(p, w)
    yield from readouts(p, w, inputs)
    if p["features"]:
        yield from sounds(p, inputs)


def functions(p):
    for act in ("tanh", "erf", "quick_gelu", "silu", "relu"):
        if act != p["act"]:
            yield 19, f"{p['act']} computed as {act}", "mlp_act", dict(act=act)
        if p["head"] and act != p["head"]["act"]:
            yield 19, f"head: {p['head']['act']} computed as {act}", "final/head_act", dict(head_act=act)
        if p["features"] and act != "erf":
            yield 19, f"convolutions' erf computed as {act}", "encoder/embed/conv_1_act", dict(convolved_act=act)


def places(p, w, inputs):
    first = p["stacks"][0]["path"]
    where, width = f"{first}embed/position", p["width"]
    if p["factor"]:
        scaled = (f"{first}embed/scaled", f"{first}embed/token")
        for name, by in (("not scaled", 1.0), ("scaled by D", float(width)), ("scaled by the heads' root", width**0.25)):
            yield 5, name, scaled, dict(factor=by)
    elif p["family"] in ("bart", "marian", "whisper", "t5"):
        yield 5, "scaled by sqrt D", f"{first if not p['features'] else 'decoder/'}embed/token", dict(factor=width**0.5)
    if p["pad"] is not None:
        for name, change in (("from 0", dict(pad_counted=0)), ("from 1", dict(pad_counted=1)), (
                "from the padding's id", dict(pad_offset=-1)), ("from two behind it", dict(pad_offset=1)), (
                "counted over padding", dict(pad_counted=p["pad"] + 1))):  # fmt: skip
            yield 20, f"positions {name}", where, change
    elif p["positions"] and not p["features"]:
        for offset in {0, 1, 2} - {p["offset"]}:
            yield 20, f"offset {offset} for {p['offset']}", where, dict(offset=offset)
    if p["features"]:
        yield 20, "offset 2 for 0", (where, "decoder/embed/position"), dict(offset=2)
        yield 28, "positions recomputed with step ln 10000/(D/2), sines beside cosines", where, dict(
            recomputed=True, wave_step=-1 / (width / 2))
        yield 28, "neighbouring sines and cosines", where, dict(recomputed=True, waves="neighbours", wave_step=-1 / (width / 2 - 1))
        for lent in ((True,) if any("k_proj.bias" not in n and n.endswith("q_proj.bias") for n in w) else ()):
            yield 28, "k given the bias of q", "k", dict(lent_bias=lent)
    if p["positions"] == "waves":
        yield 20, "neighbouring sines and cosines for halves", where, dict(waves="neighbours")
        yield 20, "step ln 10000/(D/2 - 1)", where, dict(wave_step=-1 / (width / 2 - 1))
    if any("token_type" in name for name in w):
        types = inputs["types"]
        table = next(len(x) for name, x in w.items() if "token_type" in name)
        yield 20, "all of type 0", "embed/token_type", dict(types=types * 0)
        if table > 1:
            yield 20, "types one on", "embed/token_type", dict(types=(types + 1) % table)
    if p["rope"]:
        ropes = p["rope"]
        for name, theta in (("the first", ropes[0]["theta"]), ("the last", ropes[-1]["theta"]), ("10000", 1e4)):
            if any(r["theta"] != theta for r in ropes):
                yield 9, f"theta for all layers: {name}", "q_rope", dict(rope=[r | dict(theta=theta) for r in ropes])
        if len({r["theta"] for r in ropes}) == 2:
            both = {r["theta"] for r in ropes}
            yield 9, "the two exchanged", "q_rope", dict(rope=[r | dict(theta=(both - {r["theta"]}).pop()) for r in ropes])
        yield 1, "pairs turned as interleaved", "q_rope", dict(rope=[r | dict(style="interleaved") for r in ropes])


def distances(p):
    if not p["buckets"]:
        return
    biases = ("encoder/embed/attn_bias", "decoder/embed/attn_bias")
    yield 22, "bias of layer 0 not given to the other layers", "attn_scores", dict(first_layer_alone=True)
    yield 22, "both-ways buckets in the decoder", biases[1], dict(both_ways={"encoder/": True, "decoder/": True})
    yield 22, "one-way buckets in the encoder", biases[0], dict(both_ways={"encoder/": False, "decoder/": False})
    yield 22, "added in cross attention, one way", "cross_scores", dict(cross_bias=True)
    yield 22, "added in cross attention, both ways", "cross_scores", dict(cross_bias=True, cross_both_ways=True)
    yield 22, "query - key for key - query", biases, dict(turned=True)
    for by in (p["distance"] // 2, p["distance"] * 2):
        if by > p["buckets"] // 2:
            yield 22, f"distance {by} for {p['distance']}", biases, dict(distance=by)
    d = p["d"]
    for name, scale in (("1/sqrt d", d**-0.5), ("1/sqrt D", p["width"] ** -0.5), ("1/8", 0.125)):
        yield 6, f"scale {name} for 1", "attn_scores", dict(scale=scale)


def visibility(p, inputs):
    masked = ("attn_scores", "attn_probs")
    flip = lambda i, causal: dict(stacks=[s | dict(causal=causal) if j == i else s for j, s in enumerate(p["stacks"])])
    for i, s in enumerate(p["stacks"]):
        yield 7, f"{s['path'] or 'it '}{'sees all' if s['causal'] else 'is causal'}", masked, flip(i, not s["causal"])
    if not inputs["mask"].all():
        yield 7, "padding is seen", masked, dict(own_mask=False)
    if len(p["stacks"]) == 2 and not inputs["source_mask"].all():
        yield 7, "padding of the source is seen by the decoder", ("cross_scores", "cross_probs"), dict(source_mask=False)
    windows = p["stacks"][0]["windows"]
    if any(windows):
        change = lambda by: dict(stacks=[p["stacks"][0] | dict(windows=[w and max(by(w), 0) for w in windows])])
        for name, by in (("w + 1", lambda w: w + 1), ("w - 1", lambda w: w - 1), ("the whole for its half", lambda w: 2 * w)):
            yield 7, f"window {name}", masked, change(by)
        yield 7, "no window", masked, dict(stacks=[p["stacks"][0] | dict(windows=[None] * len(windows))])
        yield 7, "window on all layers", masked, dict(
            stacks=[p["stacks"][0] | dict(windows=[max(w or 0 for w in windows)] * len(windows))])
        yield 7, "causal windows", masked, flip(0, True)


def blocks(p, w):
    if len(p["stacks"]) == 2:
        yield 25, "cross attention with q and k exchanged", "cross_q", dict(crossed=True)
        if any(n.startswith(("encoder.final_layer_norm", "model.encoder.layer_norm.")) for n in w):
            yield 25, "the decoder reads the encoder before its last norm", "cross_k", dict(before_norm=True)
    d = p["width"] // p["stacks"][0]["heads"] if p["d"] is None else p["d"]
    if p["scale"] is None:
        for name, scale in (("1", 1.0), ("1/d", 1 / d), ("1/sqrt D", p["width"] ** -0.5)):
            if abs(scale - d**-0.5) > 1e-6:
                yield 6, f"scale {name}", "attn_scores", dict(scale=scale)
    if p["form"] == "post":
        yield 25, "pre-norm for post-norm", ("q", "ln_1", "resid_in"), dict(form="pre")
    elif p["norms_first"]:
        yield 25, "post-norm for pre-norm", ("q", "ln_1", "resid_mid"), dict(form="post")
    if not p["norms_first"] and any(n.endswith("layers.0.attn_norm.weight") for n in w):
        yield 25, "a norm before the first attention", "q", dict(norms_first=True)
    for s in p["stacks"]:
        here = s["root"] + s["names"]["block"].format(s["layers"] - 1)
        own = ("ln_1", "ln_cross", "ln_2") if s["path"] == "decoder/" else ("ln_1", "ln_2")
        norms = [r for r in own if f"{here}{s['names'].get(r, '-')}.weight" in w]
        for role in norms:
            other = next((o for o in norms if o != role), None)
            if other:
                yield 25, f"{s['path']}{role} with the parameters of {other}", role, dict(
                    as_norm={here + s["names"][role]: here + s["names"][other]})
        for role in ("qkv", "q", "k", "v", "out", "cross_q", "cross_k", "cross_v", "cross_out", "gate_up", "gate", "up", "down"):
            name = here + s["names"].get(role, "-")
            if name + ".weight" not in w:
                continue
            shows = dict(qkv="q", out="attn_out", down="mlp_out", gate_up="mlp_gate", gate="mlp_gate",
                         up="mlp_up" if p["gated"] else "mlp_pre").get(role, role)  # fmt: skip
            yield 3, f"{s['path']}{role} read as [in, out]", shows, dict(reread=(name,))
            if name + ".bias" in w:
                yield 14 if role in "qkv" else 24, f"{s['path']}bias of {role} dropped", shows, dict(dropped=(name,))
    if p["gated"]:
        yield 17, "gate and up exchanged", "mlp_gate", dict(swapped=True)
    if "qkv" in p["stacks"][0]["names"]:
        yield 2, "thirds read head by head", "qkv", dict(thirds="heads")
    for epsilon in (1e-3, 1e-5, 1e-6, 1e-12, 0.0):
        if epsilon != p["epsilon"]:
            where = ("encoder/embed/ln", "embed/ln", "ln_1", "decoder/embed/ln", "encoder/final/ln_f", "final/ln_f", "ln_2", "ln_cross")
            yield 29, f"epsilon {epsilon:g} for {p['epsilon']:g}", where, dict(epsilon=epsilon)


def readouts(p, w, inputs):
    for bias in ("final_logits_bias", p["head"]["bias"] if p["head"] else "-"):
        if bias in w:
            yield 24, f"{bias} dropped", "final/logits", dict(dropped=(bias,))
    if p["family"] == "t5":
        factor = p["width"] ** -0.5
        if p["readout_factor"]:
            yield 23, "missing D^-1/2 before the head", ("final/scaled", "final/logits"), dict(readout_factor=None)
        else:
            yield 23, "D^-1/2 before a head that has none", "final/logits", dict(readout_factor=factor)
    if p["pooling"]:
        for which in ("last", "mean", "greatest"):
            yield 27, f"{which} row for the first", "final/pool_row", dict(pooling=which)
        yield 24, "pooled without tanh", "final/pooled", dict(unbent=True)
    if p["ends"] is not None:
        for rule in ("greatest", "last", "first", "last greatest"):
            yield 27, f"row of the end: {rule}", "final/pool_row", dict(ends=rule)


def sounds(p, inputs):
    if inputs.get("audio") is not None:
        mel = "features/log_mel"
        for name in ("ln", "db", "log2"):
            yield 28, f"{name} for log10", mel, dict(features=name)
        for name, change in (
                ("amplitude for power", dict(power=1)), ("a symmetric window", dict(symmetric=True)), ("no window", dict(windowless=True)),
                ("zeros at the ends", dict(ends_of_sound="constant")), ("symmetric ends", dict(ends_of_sound="symmetric")),
                ("the first frame dropped for the last", dict(last_frames=True)), ("no floor below the greatest", dict(floor=None)),
                ("the greatest of each band", dict(each_band=True)), ("floor 4", dict(floor=4)), ("not moved and scaled", dict(unscaled=True))):  # fmt: skip
            yield 28, name, mel, change
    yield 28, "filters turned round", "encoder/embed/conv_1", dict(turned_filters=True)
    for n in "12":
        yield 28, f"conv_{n} padded behind alone", f"encoder/embed/conv_{n}", dict(padded={n: (0, 2)})
    yield 28, "frames reshaped for transposed", "encoder/embed/frames", dict(unturned=True)
