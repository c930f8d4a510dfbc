"""Mistakes that conversions of models of pictures and of modulated blocks really make, each as a change of a plan."""

import numpy as np
from functions import ACTS, F
from stack_pitfalls import blocks, functions, visibility


def picture_pitfalls(p, w, inputs):
    """(row, mistake, where it shows, changes of the plan) for every mistake that this model has a place for."""
    yield from functions(p)
    yield from visibility(p, inputs)
    yield from blocks(p, w)
    if p["family"] == "dit_block":
        yield from conditions(p)
        yield from modulations(p)
        return
    yield from pixels(p, inputs["pixels"])
    yield from filters(p, w)
    yield from tokens(p)
    yield from norms(p)
    yield from readouts(p, w)


def pixels(p, picture):
    """What is done to a picture before it is looked at, or left out."""
    channels, height, width = picture.shape
    statistics = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], F)[:, :channels, None, None]
    changes = [
        ("the picture on its head", lambda x: x[:, ::-1]), ("left and right exchanged", lambda x: x[:, :, ::-1]),
        ("turned by half a turn", lambda x: x[:, ::-1, ::-1]),
        ("pixels of 0 … 1 for -1 … 1", lambda x: x / 2 + F(0.5)), ("moved and scaled twice", lambda x: 2 * x - 1),
        ("pixels of 0 … 255", lambda x: (x / 2 + F(0.5)) * 255), ("not moved, scaled", lambda x: x + 1),
        ("mean and deviation of ImageNet", lambda x: (x / 2 + F(0.5) - statistics[0]) / statistics[1])]  # fmt: skip
    if height == width:
        changes.append(("rows and columns exchanged", lambda x: x.swapaxes(1, 2)))
    if channels > 1:
        changes += [
            ("blue, green, red", lambda x: x[::-1]), ("the first channel for all", lambda x: x[[0] * channels]),
            ("[h, w, channels] read as [channels, h, w]", lambda x: x.transpose(1, 2, 0).reshape(x.shape)),
            ("[channels, h, w] read as [h, w, channels]", lambda x: x.reshape(height, width, channels).transpose(2, 0, 1))]
    for name, change in changes:
        yield 31, name, "embed/patches", dict(pixels=change)
    rest = [side % patch for side, patch in zip(p["image"], p["patch"])]
    if any(rest):
        yield 31, "what is left over cut at both sides", "embed/patches", dict(corner=[(side + 1) // 2 for side in rest])
        yield 31, "what is left over cut in front", "embed/patches", dict(corner=rest)


def filters(p, w):
    (rows, columns), (height, width) = p["grid"], p["patch"]
    name = p["stacks"][0]["root"] + p["stacks"][0]["names"]["patches"]
    grid = lambda x: x.reshape(rows, columns, -1)
    flat = lambda x: x.reshape(rows * columns, -1)
    stored = lambda *axes: lambda x: x.reshape([x.shape[i] for i in axes]).transpose(np.argsort(axes))
    for mistake, change in (
            ("filters turned round", lambda x: x[:, :, ::-1, ::-1]), ("filters read as [out, h, w, in]", stored(0, 2, 3, 1)),
            ("filters read as [h, w, in, out]", stored(2, 3, 1, 0)), ("filters read as [in, out, h, w]", stored(1, 0, 2, 3)),
            ("filters stored with height behind width", stored(0, 1, 3, 2))):  # fmt: skip
        yield 31, mistake, "embed/patches", dict(filters=change)
    orders = [
        ("from below", lambda x: flat(grid(x)[::-1])), ("from the right", lambda x: flat(grid(x)[:, ::-1])),
        ("one on", lambda x: np.roll(x, 1, axis=0)), ("[D, patches] reshaped for transposed", lambda x: x.T.reshape(x.shape))]
    if rows > 1 and columns > 1:
        orders.append(("column by column", lambda x: flat(grid(x).swapaxes(0, 1))))
    for mistake, change in orders:
        yield 31, f"patches {mistake}", "embed/patches", dict(in_order=change)
    for mistake, stride in (("less one", (height - 1, width - 1)), ("of 1", (1, 1))):
        yield 31, f"stride {mistake}", "embed/patches", dict(stride=stride)
    if name + ".bias" in w:
        yield 24, "bias of the patches dropped", "embed/patches", dict(dropped=(name,))


def tokens(p):
    rows, columns = p["grid"]
    join = lambda *parts: np.concatenate(parts)
    for name, change in (
            ("behind the patches", lambda row, x: join(x, row)), ("0", lambda row, x: join(np.zeros_like(row), x)),
            ("the mean of the patches", lambda row, x: join(x.mean(axis=0, keepdims=True), x)),
            ("in the place of the first patch", lambda row, x: join(row, row, x[1:])),
            ("the first patch", lambda row, x: join(x[:1], x)), ("added to every patch", lambda row, x: join(row, x + row))):  # fmt: skip
        yield 32, f"learned row {name}", "embed/token", dict(tokens=change)
    yield 32, "learned row missing, a token less", "embed/token", dict(tokens=lambda row, x: x, places=lambda table: table[1:])
    turned = lambda table: table[1:].reshape(rows, columns, -1).swapaxes(0, 1).reshape(rows * columns, -1)
    for name, change in (
            ("the learned row's last", lambda t: np.roll(t, -1, axis=0)),
            ("one on", lambda t: t[np.minimum(np.arange(len(t)) + 1, len(t) - 1)]),
            ("patches from 0", lambda t: join(t[:1], t[:-1])), ("none for the learned row", lambda t: join(np.zeros_like(t[:1]), t[1:])),
            ("column by column", lambda t: join(t[:1], turned(t))), ("missing", np.zeros_like),
            ("interpolated to a grid of the same size", lambda t: join(t[:1], interpolated(t[1:], rows, columns))),
            ("from below", lambda t: join(t[:1], t[:0:-1])), ("sines and cosines", waves)):  # fmt: skip
        yield 20, f"positions {name}", "embed/position", dict(places=change)


def interpolated(table, rows, columns):
    """Between neighbours, for a grid greater by a tenth of a patch, as a factor that guards against rounding down makes it."""
    grid = table.reshape(rows, columns, -1)
    for axis, count in ((0, rows), (1, columns)):
        at = np.clip((np.arange(count) + 0.5) * count / (count + 0.1) - 0.5, 0, count - 1)
        low = np.minimum(at.astype(int), max(count - 2, 0))
        part = (at - low).astype(F).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        grid = grid.take(low, axis) * (1 - part) + grid.take(np.minimum(low + 1, count - 1), axis) * part
    return grid.reshape(table.shape)


def waves(table):
    count, width = table.shape
    half = (width + 1) // 2
    angle = np.arange(count)[:, None] * 10000.0 ** (-2 * (np.arange(width) % half) / width)
    return np.where(np.arange(width) < half, np.sin(angle), np.cos(angle)).astype(F)


def norms(p):
    s = p["stacks"][0]
    name = lambda role: s["root"] + s["names"][role]
    here = s["root"] + s["names"]["block"].format(s["layers"] - 1)
    for role in ("ln_1", "ln_2"):
        yield 25, f"{role} left out", role, dict(unnormed=(here + s["names"][role],))
    yield 25, "the last norm left out", "final/ln_f", dict(unnormed=(name("ln_f"),))
    yield 25, "the last norm with the parameters of ln_2", "final/ln_f", dict(as_norm={name("ln_f"): here + s["names"]["ln_2"]})
    yield 25, "RMSNorm for LayerNorm", ("embed/ln", "ln_1"), dict(norm="rms")
    if "table_norm" in s["names"]:
        yield 25, "pre_layrnorm left out", "embed/ln", dict(unnormed=(name("table_norm"),))
        yield 25, "pre_layrnorm with the parameters of the last", "embed/ln", dict(as_norm={name("table_norm"): name("ln_f")})
        yield 25, "the last norm with the parameters of pre_layrnorm", "final/ln_f", dict(as_norm={name("ln_f"): name("table_norm")})


def readouts(p, w):
    root = p["stacks"][0]["root"]
    for row in ("first patch", "last", "mean", "mean of the patches", "greatest"):
        yield 27, f"{row} row for the first", "final/pool_row", dict(picks=row)
    if not p["is_row_normed"]:
        yield 27, "the row before the last norm", "final/pool_row", dict(before_norm=True)
    for name, shows in (
            (root + "pooler.dense", "final/pool_pre"), ("classifier", "final/logits"), ("visual_projection", "final/projected")):
        if name + ".weight" not in w or (name.endswith("pooler.dense") and not p["pooler"]):
            continue
        yield 3, f"{name} read as [in, out]", shows, dict(reread=(name,))
        if name + ".bias" in w:
            yield 24, f"bias of {name} dropped", shows, dict(dropped=(name,))
    if p["pooler"]:
        yield 24, "pooled without a function", "final/pooled", dict(pooler=lambda x: x)
        for act, function in dict(tanh=np.tanh, silu=ACTS["silu"], erf=ACTS["erf"], relu=ACTS["relu"]).items():
            if function is not p["pooler"]:
                yield 24, f"pooled by {act}", "final/pooled", dict(pooler=function)
    if p["is_shared"]:
        yield 23, "projected, made of length 1", "final/projected", dict(projects=lambda x: x / np.linalg.norm(x))
        yield 23, "projected, by the logits' factor 1/0.07", "final/projected", dict(projects=lambda x: x / F(0.07))


def conditions(p):
    for name, function in (("without SiLU", lambda x: x), ("by GELU", ACTS["erf"]), ("by tanh", np.tanh), ("by ReLU", ACTS["relu"]),
                           ("by SiLU twice", lambda x: ACTS["silu"](ACTS["silu"](x))), ("0", np.zeros_like)):  # fmt: skip
        yield 33, f"condition {name}", "cond_act", dict(condition=function)
    yield 33, "the first layer's condition for all", "cond", dict(one_condition=True)
    s = p["stacks"][0]
    name = s["root"] + s["names"]["block"].format(s["layers"] - 1) + s["names"]["cond"]
    yield 3, "condition's matrix read as [in, out]", "cond", dict(reread=(name,))
    yield 24, "condition's bias dropped", "cond", dict(dropped=(name,))
    # Of each half shift, scale and gate; what shows is the first that is another part.
    for how, shows, order in (
            ("scale, shift, gate", "ln_1_mod", (1, 0, 2, 4, 3, 5)), ("scale, gate, shift", "ln_1_mod", (2, 0, 1, 5, 3, 4)),
            ("gate, shift, scale", "ln_1_mod", (1, 2, 0, 4, 5, 3)), ("part by part for half by half", "ln_1_mod", (0, 2, 4, 1, 3, 5)),
            ("halves exchanged", "ln_1_mod", (3, 4, 5, 0, 1, 2)), ("gates of the other half", "attn_gated", (0, 1, 5, 3, 4, 2)),
            ("three for both halves", "ln_2_mod", (0, 1, 2, 0, 1, 2)), ("one on", "ln_1_mod", (1, 2, 3, 4, 5, 0))):  # fmt: skip
        yield 33, f"parts: {how}", shows, dict(order=order)
    yield 33, "parts interleaved", "ln_1_mod", dict(parts=lambda x: list(x.reshape(len(x), -1, 6).transpose(2, 0, 1)))


def modulations(p):
    for half, (modulated, gated) in enumerate((("ln_1_mod", "attn_gated"), ("ln_2_mod", "mlp_out_gated"))):
        at = lambda key, change, half=half: {key: tuple(change if i == half else own for i, own in enumerate(p[key]))}
        for name, change in (
                ("scale without 1 +", lambda x, scale, shift: x * scale + shift), ("no shift", lambda x, scale, shift: x * (1 + scale)),
                ("no scale", lambda x, scale, shift: x + shift), ("nothing modulated", lambda x, scale, shift: x),
                ("shift before scale", lambda x, scale, shift: (x + shift) * (1 + scale)),
                ("1 - scale", lambda x, scale, shift: x * (1 - scale) + shift),
                ("shift taken away", lambda x, scale, shift: x * (1 + scale) - shift),
                ("modulated twice", lambda x, scale, shift: (x * (1 + scale) + shift) * (1 + scale) + shift),
                ("exponential of the scale", lambda x, scale, shift: x * np.exp(scale) + shift)):  # fmt: skip
            yield 33, f"{modulated}: {name}", modulated, at("modulates", change)
        for name, change in (
                ("no gate", lambda x, by: x), ("1 + gate", lambda x, by: x * (1 + by)),
                ("gate through tanh", lambda x, by: x * np.tanh(by)),
                ("gate through a sigmoid", lambda x, by: x / (1 + np.exp(-by))), ("gate added", lambda x, by: x + by)):  # fmt: skip
            yield 33, f"{gated}: {name}", gated, at("gates", change)
    yield 33, "gate on the whole sum", "resid_mid", dict(summed=lambda x, half, gated, by: (x + half) * by)
    yield 33, "gate on the stream", "resid_mid", dict(summed=lambda x, half, gated, by: x * by + half)
    yield 33, "the half added without its gate", "resid_mid", dict(summed=lambda x, half, gated, by: x + half)
    yield 25, "a gain where the norms have none", "ln_1", dict(gain=np.linspace(0.5, 1.5, p["width"], dtype=F))
    yield 25, "norms left out", "ln_1", dict(unnormed=("ln_1", "ln_2"))
    yield 25, "the second norm left out", "ln_2", dict(unnormed=("ln_2",))
    yield 25, "RMSNorm for LayerNorm", "ln_1", dict(norm="rms")
    yield 25, "both halves read one stream", "ln_2", dict(is_parallel=True)
